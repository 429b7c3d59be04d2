import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import type { Reply } from "../redis/port.js";
import { ManualClock } from "../testing/manual-clock.js";
import { Heartbeat } from "./heartbeat.js";
import { Lease } from "./lease.js";

const LEASE_MS = 2_000;
/** A quarter of the lease; a manual clock adds no jitter. */
const INTERVAL_MS = 500;

interface SentBeat {
  readonly nonce: string;
  readonly atMs: number;
  readonly reply: (receivers: Reply) => Promise<void>;
  readonly fail: (error: Error) => Promise<void>;
}

let clock: ManualClock;
let lease: Lease;
let heartbeat: Heartbeat;
let sent: SentBeat[];
let dead: string[];
let lapses: number[];
let failures: Error[];
/** What becomes of a beat by itself. */
let answer: "healthy" | "published" | "nothing";

beforeEach(() => {
  clock = new ManualClock();
  lease = new Lease(LEASE_MS);
  [sent, dead, lapses, failures] = [[], [], [], []];
  answer = "nothing";
  heartbeat = new Heartbeat({
    clock,
    lease,
    send(nonce) {
      const { promise, resolve, reject } = withResolvers<Reply>();
      const then = (settle: () => void) => {
        settle();
        return nextTurn();
      };
      const beat: SentBeat = {
        nonce,
        atMs: clock.now(),
        reply: (receivers) => then(() => resolve(receivers)),
        fail: (error) => then(() => reject(error)),
      };
      sent.push(beat);
      if (answer === "healthy") {
        const sentAtMs = heartbeat.returned(nonce);
        if (sentAtMs !== undefined) lease.beatReturned(sentAtMs, clock.now());
      }
      if (answer !== "nothing") resolve(1);
      return promise;
    },
    onDead(reason) {
      dead.push(reason);
      heartbeat.stop();
    },
    onLapsed: () => lapses.push(clock.now()),
    onFailed: (error) => failures.push(error),
  });
});

function withResolvers<R>() {
  let resolve!: (value: R) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<R>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

function last(): SentBeat {
  const beat = sent.at(-1);
  if (beat === undefined) throw new Error("no beat was sent");
  return beat;
}

/** Lets the intervals pass one by one, with time for replies. */
async function pass(intervals: number): Promise<void> {
  for (let n = 0; n < intervals; n++) {
    await nextTurn();
    clock.advance(INTERVAL_MS);
  }
  await nextTurn();
}

describe("beats", () => {
  test("are sent at once, then four per lease", async () => {
    answer = "healthy";
    lease.subscribed();
    heartbeat.start();
    await pass(8);
    expect(sent.map(({ atMs }) => atMs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * INTERVAL_MS));
    expect(heartbeat.sent).toBe(9);
    expect([dead, failures]).toEqual([[], []]);
  });

  test.each([
    [0, 250],
    [0.5, 500],
    [1, 750],
  ])("begin anywhere in an interval: at a random %d, the second comes after %d ms", (random, ms) => {
    clock.random = () => random;
    heartbeat.start();
    clock.advance(ms - 1);
    expect(sent).toHaveLength(1);
    clock.advance(1);
    expect(sent).toHaveLength(2);
  });

  test("vary in their distance by a tenth, so that nodes do not beat in step", () => {
    heartbeat.start();
    clock.random = () => 0;
    clock.advance(INTERVAL_MS);
    expect(sent).toHaveLength(2);
    clock.random = () => 1;
    clock.advance(450);
    expect(sent).toHaveLength(3);
    clock.advance(549);
    expect(sent).toHaveLength(3);
    clock.advance(1);
    expect(sent).toHaveLength(4);
  });

  test("do not wait for one another", () => {
    heartbeat.start();
    clock.advance(LEASE_MS);
    expect(sent).toHaveLength(5);
    expect(new Set(sent.map(({ nonce }) => nonce)).size).toBe(5);
  });

  test("that come back are told with the time at which they were sent, once", () => {
    clock.advance(100);
    heartbeat.start();
    clock.advance(300);
    expect(heartbeat.returned(last().nonce)).toBe(100);
    expect(heartbeat.returned(last().nonce)).toBeUndefined();
    expect(heartbeat.returned("nobody's")).toBeUndefined();
  });

  test("register this node by their reply, counted from when they were sent", async () => {
    clock.advance(100);
    heartbeat.start();
    clock.advance(300);
    await last().reply(1);
    expect(lease.registeredUntilMs).toBe(100 + LEASE_MS);
    expect(lease.untilMs).toBe(Number.NEGATIVE_INFINITY); // memory may answer only when it comes back
  });

  test("tell with each one that is due that the lease is over", () => {
    answer = "healthy";
    lease.subscribed();
    heartbeat.start();
    expect(lapses).toEqual([0]); // there was none yet
    answer = "nothing";
    clock.advance(LEASE_MS - INTERVAL_MS);
    expect(lapses).toEqual([0]);
    clock.advance(INTERVAL_MS);
    expect(lapses).toEqual([0, LEASE_MS]);
  });
});

describe("a beat that Redis refuses", () => {
  const refusal = new Error("READONLY");

  test("is counted and told, registers nobody, and does not end the beats", async () => {
    heartbeat.start();
    await last().fail(refusal);
    expect(failures).toEqual([refusal]);
    expect(heartbeat.failed).toBe(1);
    expect(lease.registrationAt(0)).toBeUndefined();
    clock.advance(INTERVAL_MS);
    expect(heartbeat.sent).toBe(2);
    expect(dead).toEqual([]);
  });

  test("proves nothing, even if it comes back", async () => {
    heartbeat.start();
    await last().fail(refusal);
    expect(heartbeat.returned(last().nonce)).toBeUndefined();
  });

  test("says nothing about the subscription, however many there are", async () => {
    heartbeat.start();
    for (let n = 0; n < 10; n++) {
      await last().fail(refusal);
      clock.advance(INTERVAL_MS);
    }
    expect(dead).toEqual([]);
    expect(heartbeat.failed).toBe(10);
  });
});

describe("the subscription is taken for dead", () => {
  test("when two beats are published and do not come back", async () => {
    answer = "published";
    heartbeat.start();
    await pass(1);
    expect(dead).toEqual([]);
    await pass(1);
    expect(dead).toEqual([expect.stringContaining("stalled")]);
    await pass(4);
    expect(sent).toHaveLength(2); // no more of them
  });

  test("not when one is missing", async () => {
    answer = "published";
    heartbeat.start();
    await nextTurn();
    answer = "healthy";
    await pass(8);
    expect(dead).toEqual([]);
  });

  test("not when replies are missing, too: then it is Redis, or this process was paused", async () => {
    heartbeat.start();
    await pass(4);
    expect(dead).toEqual([]);
  });

  test("not by a beat that was sent before there was one", async () => {
    heartbeat.register();
    lease.subscribed();
    await last().reply(0);
    expect(dead).toEqual([]);
  });

  test("when the server knows of no connection that hears it, also if it says so in a text", async () => {
    lease.subscribed();
    heartbeat.start();
    await last().reply(0);
    expect(dead).toEqual(["the server knows of no subscription of this node"]);
    expect(heartbeat.returned(last().nonce)).toBeUndefined();
    expect(lease.registrationAt(0)).toBe(1); // the registry has it all the same
    heartbeat.start();
    await last().reply("0");
    expect(dead).toHaveLength(2);
  });

  test("not when the beat came back before its reply, whatever that says", async () => {
    heartbeat.start();
    heartbeat.returned(last().nonce);
    await last().reply(0);
    expect(dead).toEqual([]);
  });

  test.each([501, -501])("when the wall clock jumps by %d ms: the machine may have been suspended", (ms) => {
    heartbeat.start();
    clock.stepWall(ms);
    clock.advance(INTERVAL_MS);
    expect(dead).toEqual([expect.stringContaining("suspended")]);
    expect(sent).toHaveLength(1);
  });

  test("not when the wall clock drifts, or is corrected a little", () => {
    heartbeat.start();
    for (let n = 0; n < 10; n++) {
      clock.stepWall(400); // each time, since the last beat
      clock.advance(INTERVAL_MS);
    }
    expect(dead).toEqual([]);
    expect(sent).toHaveLength(11);
  });

  test("not when the wall clock jumped while there was none", () => {
    heartbeat.start();
    heartbeat.stop();
    clock.stepWall(60_000);
    heartbeat.start();
    clock.advance(INTERVAL_MS);
    expect(dead).toEqual([]);
  });
});

describe("stop()", () => {
  test("ends the beats, until they are started again", () => {
    heartbeat.start();
    heartbeat.stop();
    clock.advance(10 * LEASE_MS);
    expect(sent).toHaveLength(1);
    heartbeat.start();
    clock.advance(INTERVAL_MS);
    expect(sent).toHaveLength(3);
  });

  test("forgets those on their way: they prove nothing about another subscription", async () => {
    heartbeat.start();
    const { nonce } = last();
    heartbeat.stop();
    expect(heartbeat.returned(nonce)).toBeUndefined();
    await last().reply(0); // nor do they say that the next one is dead
    expect(dead).toEqual([]);
  });

  test("does not undo what they registered", async () => {
    heartbeat.start();
    heartbeat.stop();
    await last().reply(0);
    expect(lease.registrationAt(0)).toBe(1);
  });

  test("may come before any start", () => {
    heartbeat.stop();
    expect(heartbeat.sent).toBe(0);
  });
});

describe("register()", () => {
  test("sends one beat for all who wait, and resolves when Redis has carried it out", async () => {
    const registered: number[] = [];
    for (const n of [1, 2, 3]) void heartbeat.register().then(() => registered.push(n));
    await nextTurn();
    expect(sent).toHaveLength(1);
    expect(registered).toEqual([]);
    await last().reply(1);
    expect(registered).toEqual([1, 2, 3]);
    expect(lease.registrationAt(0)).toBe(1);
  });

  test("needs no subscription, and does not begin to beat", async () => {
    const registered = heartbeat.register();
    await last().reply(0);
    await registered;
    expect(lease.registrationAt(0)).toBe(1);
    clock.advance(10 * LEASE_MS);
    expect(sent).toHaveLength(1);
  });

  test("rejects for all who wait when it fails, and sends another one next time", async () => {
    const waiting = [heartbeat.register(), heartbeat.register()];
    const rejections = Promise.allSettled(waiting);
    await last().fail(new Error("no reply"));
    for (const { status } of await rejections) expect(status).toBe("rejected");
    expect(failures).toHaveLength(1);
    const again = heartbeat.register();
    expect(sent).toHaveLength(2);
    await last().reply(1);
    await again;
  });

  test("sends another one also after it went well", async () => {
    const first = heartbeat.register();
    await last().reply(1);
    await first;
    void heartbeat.register();
    expect(sent).toHaveLength(2);
  });

  test("does not join a regular beat, which may have been sent long ago", () => {
    heartbeat.start();
    void heartbeat.register();
    expect(sent).toHaveLength(2);
  });
});
