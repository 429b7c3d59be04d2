import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.js";
import { Refreshes } from "./refreshes.js";

let clock: ManualClock;
let read: string[];
let refreshes: Refreshes;

beforeEach(() => {
  clock = new ManualClock();
  read = [];
  refreshes = new Refreshes({
    clock,
    delayMs: 1_000,
    async refresh(id) {
      read.push(id);
      if (id === "fails") throw new Error("gone");
    },
  });
});

test("sessions wait for others, for so long", async () => {
  refreshes.add("a");
  clock.advance(600);
  refreshes.add("b");
  clock.advance(399);
  expect(read).toEqual([]);
  clock.advance(1);
  expect(read).toEqual(["a", "b"]);
  refreshes.add("c");
  clock.advance(1_000);
  expect(read).toEqual(["a", "b", "c"]);
  await nextTurn();
  expect(refreshes.count).toBe(3);
});

test("a full batch does not wait", () => {
  const ids = Array.from({ length: 33 }, (_, n) => `${n}`);
  for (const id of ids) refreshes.add(id);
  expect(read).toEqual(ids.slice(0, 32));
  clock.advance(1_000);
  expect(read).toEqual(ids);
});

test("one that fails is nobody's business", async () => {
  refreshes.add("fails");
  refreshes.add("a");
  clock.advance(1_000);
  await nextTurn();
  expect(refreshes.count).toBe(1);
});

test("nothing is read after the end", () => {
  refreshes.add("a");
  refreshes.close();
  clock.advance(1_000);
  expect(read).toEqual([]);
});
