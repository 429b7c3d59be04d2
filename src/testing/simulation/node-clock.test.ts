import { expect, test } from "vitest";
import { NodeClock } from "./node-clock.js";
import { SeededRandom } from "./random.js";
import { Process, Scheduler } from "./scheduler.js";

const scheduler = new Scheduler(new SeededRandom("1"));
const process = new Process("p");
const clocks = Array.from(
  { length: 50 },
  (_, n) => new NodeClock(scheduler, process, new SeededRandom(`clock ${n}`)),
);

const hourMs = 3_600_000;

test("each clock has its own beginning and its own speed, off by a thousandth at most", () => {
  const starts = clocks.map((clock) => clock.now());
  const walls = clocks.map((clock) => clock.wallNow());
  const fromMs = scheduler.nowMs;
  while (scheduler.step(fromMs + hourMs));
  const passed = clocks.map((clock, n) => clock.now() - Number(starts[n]));
  for (const ms of passed) expect(Math.abs(ms - hourMs)).toBeLessThanOrEqual(hourMs / 1_000);
  expect(Math.max(...passed) - Math.min(...passed)).toBeGreaterThan(hourMs / 1_000);
  expect(new Set(starts).size).toBe(clocks.length);
  expect(Math.max(...walls) - Math.min(...walls)).toBeGreaterThan(5_000);
  for (const clock of clocks) expect(clock.wallNow()).toSatisfy(Number.isInteger);
});

test("a timer is never early by its own clock, and little late", () => {
  const lates: number[] = [];
  for (const clock of clocks) {
    for (const delayMs of [0, 1, 999.5, 86_400_000]) {
      const dueMs = clock.now() + delayMs;
      clock.schedule(() => lates.push(clock.now() - dueMs), delayMs);
    }
  }
  while (scheduler.step(Number.MAX_SAFE_INTEGER));
  expect(lates).toHaveLength(200);
  for (const lateMs of lates) expect(lateMs).toSatisfy((ms: number) => ms >= 0 && ms < 3);
});

test("the wall clock can be set, and nothing else notices", () => {
  const [clock] = clocks as [NodeClock];
  const [nowMs, wallMs] = [clock.now(), clock.wallNow()];
  clock.stepWall(-60_000);
  expect([clock.now(), clock.wallNow()]).toEqual([nowMs, wallMs - 60_000]);
});

test("random numbers are determined by the seed", () => {
  const draw = () => new NodeClock(scheduler, process, new SeededRandom("x")).random();
  expect(draw()).toBe(draw());
});
