import { expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.js";
import { MemoryCounters } from "./memory-counters.js";

test("a counter ends a fixed time after it began, however often it counts", () => {
  const clock = new ManualClock();
  const counters = new MemoryCounters(clock);
  expect(counters.increment("a", 100)).toBe(1);
  clock.advance(60);
  expect(counters.increment("a", 100)).toBe(2);
  clock.advance(39);
  expect(counters.increment("a", 100)).toBe(3);
  clock.advance(1);
  expect(counters.increment("a", 100)).toBe(1);
});

test("counters that have ended are given back as others count, without a timer", () => {
  const clock = new ManualClock();
  const counters = new MemoryCounters(clock);
  for (let n = 0; n < 1_000; n++) counters.increment(`${n}`, 10);
  clock.advance(10);
  for (let n = 0; n < 600; n++) counters.increment("one", 1_000_000);
  expect(counters.size).toBe(1);
});
