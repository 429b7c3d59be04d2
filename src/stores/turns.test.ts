import { expect, test } from "vitest";
import { StoreUnavailableError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { Turns } from "./turns.js";

/** Something under way that a test brings to its end. */
function step() {
  let finish = () => {};
  let fail: (error: Error) => void = () => {};
  const outcome = new Promise<void>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { outcome, finish, fail };
}

function takes(turns: Turns, id: string, name: string, order: string[]) {
  const { outcome, finish, fail } = step();
  const turn = turns.take(id, () => {
    order.push(name);
    return outcome;
  });
  return { turn, finish, fail };
}

const settled = () => new Promise(setImmediate);

test("one goes after the other, and at once where nobody else is at work", async () => {
  const turns = new Turns(new ManualClock());
  const order: string[] = [];
  const first = takes(turns, "an-id", "first", order);
  const second = takes(turns, "an-id", "second", order);
  const other = takes(turns, "another-id", "other", order);
  await settled();
  expect(order).toEqual(["first", "other"]);
  first.finish();
  await first.turn;
  await settled();
  expect(order).toEqual(["first", "other", "second"]);
  second.finish();
  other.finish();
  await Promise.all([second.turn, other.turn]);
  expect(turns.size).toBe(0);
});

test("a failure of one is no failure of the next", async () => {
  const turns = new Turns(new ManualClock());
  const order: string[] = [];
  const first = takes(turns, "an-id", "first", order);
  const second = takes(turns, "an-id", "second", order);
  first.fail(new Error("not this one"));
  await expect(first.turn).rejects.toThrow("not this one");
  second.finish();
  await second.turn;
  expect(order).toEqual(["first", "second"]);
});

test("all who waited for one to whom Redis did not answer fail with it, and who comes later tries again", async () => {
  const turns = new Turns(new ManualClock());
  const order: string[] = [];
  const first = takes(turns, "an-id", "first", order);
  const waiting = [1, 2, 3].map((n) => takes(turns, "an-id", `waiting ${n}`, order).turn);
  const outcomes = Promise.allSettled(waiting);
  const error = new StoreUnavailableError("no reply");
  first.fail(error);
  await expect(first.turn).rejects.toBe(error);
  for (const outcome of await outcomes) expect(outcome).toEqual({ status: "rejected", reason: error });
  const later = takes(turns, "an-id", "later", order);
  later.finish();
  await later.turn;
  expect(order).toEqual(["first", "later"]);
  expect(turns.size).toBe(0);
});

test("one that takes too long is overtaken", async () => {
  const clock = new ManualClock();
  const turns = new Turns(clock);
  const order: string[] = [];
  const slow = takes(turns, "an-id", "slow", order);
  const next = takes(turns, "an-id", "next", order);
  await settled();
  clock.advance(99);
  await settled();
  expect(order).toEqual(["slow"]);
  clock.advance(1);
  await settled();
  expect(order).toEqual(["slow", "next"]);
  next.finish();
  slow.finish();
  await Promise.all([next.turn, slow.turn]);
});
