import { expect, test } from "vitest";
import { systemClock } from "./clock.js";

test("the monotonic clock never goes back", () => {
  let last = systemClock.now();
  for (let n = 0; n < 1_000; n++) {
    const now = systemClock.now();
    expect(now).toBeGreaterThanOrEqual(last);
    last = now;
  }
});

test("the wall clock is that of the machine", () => {
  const before = Date.now();
  const now = systemClock.wallNow();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});

test("a timer runs once, and not before its time", async () => {
  const startMs = systemClock.now();
  const ran: number[] = [];
  let done = false;
  systemClock.schedule(() => ran.push(systemClock.now() - startMs), 20);
  systemClock.schedule(() => {
    done = true;
  }, 60);
  await expect.poll(() => done).toBe(true);
  expect(ran).toHaveLength(1);
  expect(ran[0]).toBeGreaterThanOrEqual(19); // setTimeout counts whole milliseconds
});

test("a timer that was cancelled does not run, and may be cancelled again", async () => {
  const ran: string[] = [];
  const timer = systemClock.schedule(() => ran.push("cancelled"), 1);
  timer.cancel();
  timer.cancel();
  systemClock.schedule(() => ran.push("later"), 5);
  await expect.poll(() => ran).toContain("later");
  expect(ran).toEqual(["later"]);
});

test("a timer keeps no process alive", () => {
  const keepingAlive = () => process.getActiveResourcesInfo().filter((type) => type === "Timeout").length;
  const before = keepingAlive();
  const timer = systemClock.schedule(() => {}, 600_000);
  expect(keepingAlive()).toBe(before);
  timer.cancel();
});
