import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { RevocationUncertainError, SessionConflictError, StoreUnavailableError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { PendingDeletions } from "./pending-deletions.js";

const LIFE_MS = 1_000_000;
const unavailable = () => new StoreUnavailableError("gone");

let clock: ManualClock;
let sent: string[];
/** What Redis says to the next deletions; then it confirms. */
let failures: Error[];
let deletions: PendingDeletions;
let lifeMs: number;
/** The sums of what was given up, as they are told. */
let told: number[];

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  failures = [];
  lifeMs = LIFE_MS;
  told = [];
  deletions = new PendingDeletions({
    clock,
    lifeMs: () => lifeMs,
    gaveUp: (count) => told.push(count),
    send: async (id, reason) => {
      sent.push(`${reason} ${id}`);
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
    },
  });
});

function fail(id: string, error: Error = unavailable()): Promise<unknown> {
  return deletions.watch(id, "deleted", Promise.reject(error)).catch((reason) => reason);
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await nextTurn();
}

describe("a deletion", () => {
  test("that is confirmed is passed on, and not remembered", async () => {
    expect(await deletions.watch("a", "deleted", Promise.resolve("done"))).toBe("done");
    expect(deletions.size).toBe(0);
  });

  test("that is not confirmed is rejected at once, remembered, and sent again", async () => {
    const error = unavailable();
    expect(await fail("a", error)).toBe(error);
    expect([deletions.has("a"), deletions.has("b"), deletions.size]).toEqual([true, false, 1]);
    await pass(374);
    expect(sent).toEqual([]);
    await pass(1);
    expect(sent).toEqual(["deleted a"]);
    expect(deletions.size).toBe(0);
    await pass(LIFE_MS);
    expect(sent).toHaveLength(1);
  });

  test("is remembered if its revocation is uncertain, unless Redis has confirmed it", async () => {
    await fail("a", new RevocationUncertainError("why", false));
    await fail("b", new RevocationUncertainError("why", true));
    await fail("c", new SessionConflictError("hash"));
    expect([deletions.has("a"), deletions.has("b"), deletions.has("c")]).toEqual([true, false, false]);
  });

  test("that is confirmed after all is not sent again", async () => {
    await fail("a");
    await deletions.watch("a", "revoked", Promise.resolve());
    await pass(LIFE_MS);
    expect(sent).toEqual([]);
  });

  test("is tried after waits that double, up to half a minute, until the session's life is over", async () => {
    await fail("a");
    failures = Array.from({ length: 1_000 }, unavailable);
    const triedAtMs: number[] = [];
    for (let tries = 0; triedAtMs.length < 9; ) {
      await pass(1);
      if (sent.length > tries) triedAtMs.push(clock.now());
      tries = sent.length;
    }
    const waits = triedAtMs.map((atMs, n) => Math.round(atMs - (triedAtMs[n - 1] ?? 0)));
    expect(waits).toEqual([375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500]);
    await pass(LIFE_MS);
    await pass(30_000); // the attempt that finds its time over
    expect(deletions.size).toBe(0);
    expect([deletions.givenUp, told]).toEqual([1, [1]]);
    const tries = sent.length;
    await pass(LIFE_MS);
    expect(sent).toHaveLength(tries);
  });

  test("is tried for as long as its session could live when it was asked for", async () => {
    let reject = (_: Error) => {};
    const failing = new Promise<never>((_, no) => {
      reject = no;
    });
    const outcome = deletions.watch("a", "deleted", failing).catch(() => {});
    lifeMs = 1; // it is not known any more
    reject(unavailable());
    await outcome;
    await pass(LIFE_MS / 2);
    expect(sent).toEqual(["deleted a"]);
    expect(deletions.givenUp).toBe(0);
  });

  test("that fails for good is given up", async () => {
    await fail("a");
    failures = [new Error("corrupt")];
    await pass(500);
    expect([deletions.size, deletions.givenUp, told]).toEqual([0, 1, [1]]);
  });

  test("is sent at once when Redis is known to answer, and nothing if none waits", async () => {
    deletions.hurry();
    await fail("a");
    deletions.hurry();
    await nextTurn();
    expect(sent).toEqual(["deleted a"]);
    expect(clock.now()).toBe(0);
  });

  test("is not sent while it is taken out, and is again when it was put back", async () => {
    await fail("a");
    const taken = deletions.take("a");
    expect(taken).toMatchObject({ reason: "deleted" });
    expect(deletions.take("a")).toBeUndefined();
    await pass(500);
    expect(sent).toEqual([]);
    if (taken !== undefined) deletions.putBack("a", taken);
    await pass(500);
    expect(sent).toEqual(["deleted a"]);
  });
});

describe("many deletions", () => {
  test("wait for the first of them, as long as that fails", async () => {
    for (let n = 0; n < 250; n++) await fail(`${n}`);
    failures = [unavailable()];
    await pass(500);
    expect(sent).toEqual(["deleted 0"]);
    await pass(1_000);
    expect(sent).toHaveLength(251);
    expect(deletions.size).toBe(0);
  });

  test("are bounded: the one that has waited longest is given up", async () => {
    for (let n = 0; n <= 10_000; n++) await fail(`${n}`);
    expect(deletions.size).toBe(10_000);
    expect([deletions.has("0"), deletions.has("1"), deletions.has("10000")]).toEqual([false, true, true]);
    expect([deletions.givenUp, told]).toEqual([1, []]);
    await pass(500);
    expect([deletions.givenUp, told]).toEqual([1, [1]]);
  });
});

test("nothing is remembered or sent after close()", async () => {
  await fail("a");
  deletions.close();
  await fail("b");
  await pass(LIFE_MS);
  expect(deletions.size).toBe(0);
  expect(sent).toEqual([]);
  expect([deletions.givenUp, told]).toEqual([1, [1]]);
});
