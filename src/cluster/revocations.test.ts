import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Revocations } from "./revocations.js";

const OPTIONS = { sessionMs: 1_000, userMs: 3_000 };
const MAX = 10_000;

let revocations: Revocations;
beforeEach(() => {
  revocations = new Revocations(OPTIONS);
});

describe("a session that was deleted", () => {
  test("is remembered, and no other", () => {
    revocations.add("gone", 0);
    expect(revocations.has("gone", 0)).toBe(true);
    expect(revocations.has("other", 0)).toBe(false);
  });

  test("is forgotten when its tombstone may be", () => {
    revocations.add("gone", 500);
    expect(revocations.has("gone", 1_499)).toBe(true);
    expect(revocations.has("gone", 1_500)).toBe(false);
    expect(revocations.sessions(1_499)).toEqual(["gone"]);
    expect(revocations.sessions(1_500)).toEqual([]);
  });

  test("is remembered anew when it is deleted again", () => {
    revocations.add("gone", 0);
    revocations.add("gone", 900);
    expect(revocations.has("gone", 1_899)).toBe(true);
    expect(revocations.sessions(1_000)).toEqual(["gone"]);
  });

  test("is one of those to delete again, in the order of their ends", () => {
    revocations.add("a", 0);
    revocations.add("b", 100);
    revocations.add("a", 200);
    expect(revocations.sessions(300)).toEqual(["b", "a"]);
  });

  test("is forgotten when 10,000 others were deleted since: the oldest goes, and only that", () => {
    for (let n = 0; n <= MAX; n++) revocations.add(`${n}`, 0);
    expect(revocations.has("0", 0)).toBe(false);
    expect(revocations.has("1", 0)).toBe(true);
    expect(revocations.has(`${MAX}`, 0)).toBe(true);
    expect(revocations.sessions(0)).toHaveLength(MAX);
  });

  test("counts as new when it is deleted again, so that others go before it", () => {
    for (let n = 0; n < MAX; n++) revocations.add(`${n}`, 0);
    revocations.add("0", 0);
    revocations.add("one more", 0);
    expect(revocations.has("0", 0)).toBe(true);
    expect(revocations.has("1", 0)).toBe(false);
  });

  test("says nothing of a user of that name", () => {
    revocations.add("name", 0);
    expect(revocations.hasUser("name", 0)).toBe(false);
    expect(revocations.users()).toEqual([]);
  });
});

describe("a user who was revoked", () => {
  test("has no sessions of an earlier generation, and keeps later ones", () => {
    revocations.addUser("ann", 3, 0);
    expect(revocations.hasUser("ann", 2)).toBe(true);
    expect(revocations.hasUser("ann", 3)).toBe(false);
    expect(revocations.hasUser("ann", 4)).toBe(false);
  });

  test("is nobody else, nor a session without a user", () => {
    revocations.addUser("ann", 3, 0);
    expect(revocations.hasUser("bob", 0)).toBe(false);
    expect(revocations.hasUser(undefined, 0)).toBe(false);
    expect(revocations.has("ann", 0)).toBe(false);
  });

  test("never gets an earlier generation again: messages may come in any order", () => {
    revocations.addUser("ann", 5, 0);
    revocations.addUser("ann", 2, 0);
    expect(revocations.hasUser("ann", 4)).toBe(true);
    expect(revocations.users()).toEqual([["ann", 5]]);
  });

  test("is revoked again for as long as the sessions count as over, also when the time is", () => {
    revocations.addUser("ann", 1, 0);
    revocations.addUser("bob", 1, OPTIONS.userMs - 1);
    expect(revocations.users()).toEqual([
      ["ann", 1],
      ["bob", 1],
    ]);
    revocations.addUser("cleo", 1, OPTIONS.userMs); // forgets ann
    expect(revocations.hasUser("ann", 0)).toBe(false);
    expect(revocations.users()).toEqual([
      ["bob", 1],
      ["cleo", 1],
    ]);
  });

  test("is remembered anew when revoked again, and goes to the end", () => {
    revocations.addUser("ann", 1, 0);
    revocations.addUser("bob", 1, 100);
    revocations.addUser("ann", 2, 200);
    expect(revocations.users()).toEqual([
      ["bob", 1],
      ["ann", 2],
    ]);
  });

  test("is forgotten too early when 10,000 others were revoked since, which is told", () => {
    for (let n = 0; n < MAX; n++) expect(revocations.addUser(`${n}`, 1, 0)).toBe(true);
    expect(revocations.addUser("one more", 1, 0)).toBe(false);
    expect(revocations.hasUser("0", 0)).toBe(false);
    expect(revocations.hasUser("1", 0)).toBe(true);
    expect(revocations.hasUser("one more", 0)).toBe(true);
    expect(revocations.users()).toHaveLength(MAX);
  });

  test("revoked again among 10,000 pushes nobody out", () => {
    for (let n = 0; n < MAX; n++) revocations.addUser(`${n}`, 1, 0);
    expect(revocations.addUser("0", 2, 0)).toBe(true);
    expect(revocations.addUser("one more", 1, 0)).toBe(false);
    expect(revocations.hasUser("0", 1)).toBe(true);
    expect(revocations.hasUser("1", 0)).toBe(false);
  });

  test("pushes two out in silence whose time was over, so that they become fewer", () => {
    for (let n = 0; n < MAX; n++) revocations.addUser(`${n}`, 1, 0);
    expect(revocations.addUser("one more", 1, OPTIONS.userMs)).toBe(true);
    expect([0, 1, 2].map((n) => revocations.hasUser(`${n}`, 0))).toEqual([false, false, true]);
    expect(revocations.users()).toHaveLength(MAX - 1);
  });
});

test("what is over goes away by and by: the memory does not grow with what was ever deleted", () => {
  for (let n = 0; n < 100; n++) {
    const nowMs = n * OPTIONS.userMs;
    revocations.add(`${n}`, nowMs);
    revocations.addUser(`${n}`, 1, nowMs);
  }
  for (let n = 0; n < 98; n++) expect(revocations.hasUser(`${n}`, 0)).toBe(false);
  expect(revocations.sessions(0)).toHaveLength(1);
});

/** What should be remembered, written down as plainly as possible: lists, scanned for everything. */
class NaiveRevocations {
  deleted: { id: string; untilMs: number }[] = [];
  revoked: { user: string; generation: number; untilMs: number }[] = [];

  add(id: string, nowMs: number): void {
    this.deleted = this.deleted.filter((entry) => entry.id !== id);
    this.deleted.push({ id, untilMs: nowMs + OPTIONS.sessionMs });
  }

  addUser(user: string, generation: number, nowMs: number): void {
    const highest = this.revoked
      .filter((entry) => entry.user === user && nowMs < entry.untilMs)
      .reduce((highest, entry) => Math.max(highest, entry.generation), generation);
    this.revoked = this.revoked.filter((entry) => entry.user !== user);
    this.revoked.push({ user, generation: highest, untilMs: nowMs + OPTIONS.userMs });
  }
}

interface Pair {
  readonly real: Revocations;
  readonly naive: NaiveRevocations;
  readonly highestEver: Map<string, number>;
  nowMs: number;
}

const NAMES = ["a", "b", "c", "d"];
const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<(pair: Pair) => void> = fc.oneof(
  name.map((id) => ({ real, naive, nowMs }: Pair) => {
    real.add(id, nowMs);
    naive.add(id, nowMs);
  }),
  fc
    .tuple(name, fc.integer({ min: 1, max: 9 }))
    .map(([user, generation]) => ({ real, naive, highestEver, nowMs }: Pair) => {
      expect(real.addUser(user, generation, nowMs)).toBe(true); // nowhere near the bound
      naive.addUser(user, generation, nowMs);
      highestEver.set(user, Math.max(generation, highestEver.get(user) ?? 0));
    }),
  fc.nat(1_500).map((ms) => (pair: Pair) => {
    pair.nowMs += ms;
  }),
);

test("whatever is deleted and revoked when, it answers as plain lists would", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const pair: Pair = {
        real: new Revocations(OPTIONS),
        naive: new NaiveRevocations(),
        highestEver: new Map(),
        nowMs: 0,
      };
      const { real, naive, highestEver } = pair;
      for (const step of steps) {
        step(pair);
        const { nowMs } = pair;
        const deleted = naive.deleted.filter(({ untilMs }) => nowMs < untilMs);
        const revoked = naive.revoked.filter(({ untilMs }) => nowMs < untilMs);
        expect(real.sessions(nowMs)).toEqual(deleted.map(({ id }) => id));
        const floors = new Map(real.users());
        const inTime = [...floors.keys()].filter((name) => revoked.some(({ user }) => user === name));
        expect(inTime).toEqual(revoked.map(({ user }) => user));
        for (const name of NAMES) {
          expect(real.has(name, nowMs)).toBe(deleted.some(({ id }) => id === name));
          expect(real.hasUser(name, 0)).toBe(floors.has(name)); // what counts is repeated
          const generation = revoked.find(({ user }) => user === name)?.generation;
          if (generation === undefined) continue; // a user whose time is over may be remembered for longer
          expect(real.hasUser(name, generation - 1)).toBe(true);
          expect(real.hasUser(name, highestEver.get(name) ?? 0)).toBe(false);
        }
      }
    }),
    { numRuns: 500 },
  );
});
