import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import type { Timer } from "../clock.js";
import { StoreClosedError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { Acknowledgements } from "./acknowledgements.js";

const WAIT_MS = 2_000;
const REGISTRY = new Map([
  ["own", "7"],
  ["b", "3"],
  ["c", "12"],
]);
const BY_ALL = { outcome: "acknowledged", nodes: 2, silent: [] };
const BY_NONE = {
  outcome: "outlasted",
  nodes: 2,
  silent: [
    ["b", "3"],
    ["c", "12"],
  ],
};

/** Knows how many timers run. */
class CountingClock extends ManualClock {
  timers = 0;

  override schedule(callback: () => void, delayMs: number): Timer {
    this.timers++;
    let running = true;
    const ended = () => {
      if (running) this.timers--;
      running = false;
    };
    const timer = super.schedule(() => {
      ended();
      callback();
    }, delayMs);
    return {
      cancel: () => {
        ended();
        timer.cancel();
      },
    };
  }
}

let clock: CountingClock;
let acknowledgements: Acknowledgements;
beforeEach(() => {
  clock = new CountingClock();
  acknowledgements = new Acknowledgements("own", WAIT_MS, clock);
});

/** This node has followed the chain for long enough. */
function trust(): void {
  acknowledgements.synced(clock.now());
  clock.advance(2 * WAIT_MS);
}

/** Begins to wait for the others; `outcome` is there when the wait is over. */
function begin(request = acknowledgements.open()) {
  const begun: { request: string; outcome?: unknown } = { request };
  acknowledgements.wait(request, REGISTRY).then(
    (outcome) => {
      begun.outcome = outcome;
    },
    (error) => {
      begun.outcome = error;
    },
  );
  return begun;
}

function allSaySo(request: string): void {
  acknowledgements.echoed(request);
  acknowledgements.acknowledged(request, "b");
  acknowledgements.acknowledged(request, "c");
}

describe("a wait", () => {
  test("ends with what the last node says, and no sooner", async () => {
    trust();
    const wait = begin();
    acknowledgements.echoed(wait.request);
    acknowledgements.acknowledged(wait.request, "b");
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    acknowledgements.acknowledged(wait.request, "c");
    await nextTurn();
    expect(wait.outcome).toEqual(BY_ALL);
  });

  test("ends with this node's own message, if that comes last", async () => {
    trust();
    const wait = begin();
    acknowledgements.acknowledged(wait.request, "b");
    acknowledgements.acknowledged(wait.request, "c");
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    acknowledgements.echoed(wait.request);
    await nextTurn();
    expect(wait.outcome).toEqual(BY_ALL);
  });

  test("is over at once if all was said before the reply", async () => {
    trust();
    const request = acknowledgements.open();
    allSaySo(request);
    const wait = begin(request);
    await nextTurn();
    expect(wait.outcome).toEqual(BY_ALL);
    expect(clock.timers).toBe(0);
  });

  test("ends when the time is over that any lease lasts, and names who was silent", async () => {
    trust();
    const wait = begin();
    await nextTurn();
    clock.advance(WAIT_MS - 1);
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    clock.advance(1);
    await nextTurn();
    expect(wait.outcome).toEqual(BY_NONE);
  });

  test("ends when the registry can be trusted, without anything else happening", async () => {
    acknowledgements.synced(clock.now());
    clock.advance(WAIT_MS + 500);
    const wait = begin();
    allSaySo(wait.request);
    await nextTurn();
    clock.advance(WAIT_MS - 501);
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    clock.advance(1);
    await nextTurn();
    expect(wait.outcome).toEqual(BY_ALL);
  });

  test("of a paused process ends when it wakes and hears something, though its timer is late", async () => {
    trust();
    const wait = begin();
    clock.jump(WAIT_MS);
    acknowledgements.acknowledged(wait.request, "not one of them");
    await nextTurn();
    expect(wait.outcome).toMatchObject({ outcome: "outlasted" });
  });

  test("is not ended by what belongs to another", async () => {
    trust();
    const [one, other] = [begin(), begin()];
    expect(one.request).not.toBe(other.request);
    allSaySo(other.request);
    allSaySo("nobody's");
    await nextTurn();
    expect(one.outcome).toBeUndefined();
    expect(other.outcome).toEqual(BY_ALL);
  });

  test("holds one timer, whatever happens, and none when it is over", async () => {
    trust();
    const wait = begin();
    for (let n = 0; n < 100; n++) {
      acknowledgements.acknowledged(wait.request, "b");
      await nextTurn();
      expect(clock.timers).toBe(1);
    }
    acknowledgements.acknowledged(wait.request, "c");
    acknowledgements.echoed(wait.request);
    await nextTurn();
    expect(clock.timers).toBe(0);
  });

  test("is counted by its end", async () => {
    trust();
    const [acknowledged, outlasted] = [begin(), begin()];
    allSaySo(acknowledged.request);
    await nextTurn();
    expect(acknowledgements.outcomes).toEqual({ acknowledged: 1, outlasted: 0 });
    clock.advance(WAIT_MS);
    await nextTurn();
    expect(outlasted.outcome).toEqual(BY_NONE);
    expect(acknowledgements.outcomes).toEqual({ acknowledged: 1, outlasted: 1 });
  });
});

describe("a break of the chain", () => {
  test.each(["synced", "desynced"] as const)("%s() makes every wait under way last", async (event) => {
    trust();
    const before = acknowledgements.open();
    const wait = begin();
    acknowledgements[event](clock.now());
    const waitBefore = begin(before);
    for (const { request } of [wait, waitBefore]) allSaySo(request);
    await nextTurn();
    expect([wait.outcome, waitBefore.outcome]).toEqual([undefined, undefined]);
    clock.advance(WAIT_MS);
    await nextTurn();
    for (const { outcome } of [wait, waitBefore]) expect(outcome).toMatchObject({ outcome: "outlasted" });
  });

  test.each([
    "synced",
    "desynced",
  ] as const)("%s() counts also for a wait whose reply is still to come", async (event) => {
    trust();
    const request = acknowledgements.open();
    acknowledgements[event](clock.now());
    clock.advance(500);
    const wait = begin(request);
    allSaySo(request);
    await nextTurn();
    clock.advance(1_999); // longer than it takes until the registry can be trusted again
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    clock.advance(1);
    await nextTurn();
    expect(wait.outcome).toMatchObject({ outcome: "outlasted", silent: [] });
  });

  test("that is over makes later waits last no longer than until the registry can be trusted again", async () => {
    trust();
    acknowledgements.synced(clock.now());
    clock.advance(WAIT_MS + 1_500);
    const wait = begin();
    allSaySo(wait.request);
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    clock.advance(500);
    await nextTurn();
    expect(wait.outcome).toEqual(BY_ALL);
  });

  test("that goes on lets no wait be acknowledged", async () => {
    trust();
    acknowledgements.desynced();
    clock.advance(WAIT_MS);
    const wait = begin();
    allSaySo(wait.request);
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    clock.advance(WAIT_MS);
    await nextTurn();
    expect(wait.outcome).toMatchObject({ outcome: "outlasted" });
  });
});

describe("drop()", () => {
  test("forgets a wait before it has begun", async () => {
    const request = acknowledgements.open();
    acknowledgements.drop(request);
    await expect(acknowledgements.wait(request, REGISTRY)).rejects.toThrow(StoreClosedError);
  });

  test("lets one that has begun end in its time: who was silent is still to be named", async () => {
    trust();
    const wait = begin();
    acknowledgements.drop(wait.request);
    allSaySo(wait.request);
    await nextTurn();
    expect(wait.outcome).toBeUndefined();
    clock.advance(WAIT_MS);
    await nextTurn();
    expect(wait.outcome).toEqual(BY_NONE);
  });

  test("of one that is none does nothing", () => {
    acknowledgements.drop("nobody's");
    expect(clock.timers).toBe(0);
  });
});

describe("close()", () => {
  test("rejects every wait at once, and leaves no timer", async () => {
    trust();
    const waits = [begin(), begin()];
    await nextTurn();
    acknowledgements.close();
    await nextTurn();
    for (const { outcome } of waits) expect(outcome).toBeInstanceOf(StoreClosedError);
    expect(clock.timers).toBe(0);
    expect(acknowledgements.outcomes).toEqual({ acknowledged: 0, outlasted: 0 });
  });

  test("rejects those that begin to wait then, though all has been said", async () => {
    trust();
    const request = acknowledgements.open();
    allSaySo(request);
    acknowledgements.close();
    const wait = begin(request);
    await nextTurn();
    expect(wait.outcome).toBeInstanceOf(StoreClosedError);
  });

  test("rejects also those that were opened after it", async () => {
    trust();
    acknowledgements.close();
    const wait = begin();
    await nextTurn();
    expect(wait.outcome).toBeInstanceOf(StoreClosedError);
  });
});
