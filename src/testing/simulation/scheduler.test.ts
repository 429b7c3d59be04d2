import { beforeEach, describe, expect, test } from "vitest";
import { SeededRandom } from "./random.js";
import { Process, Scheduler } from "./scheduler.js";

let scheduler: Scheduler;
let process: Process;
let happened: string[];
beforeEach(() => {
  scheduler = new Scheduler(new SeededRandom("1"));
  process = new Process("p");
  happened = [];
});

const note = (name: string) => () => void happened.push(`${name} at ${scheduler.nowMs}`);

function runUntil(untilMs: number): void {
  while (scheduler.step(untilMs));
}

test("what is planned happens in its order, each at its time", () => {
  scheduler.at(20, note("second"));
  scheduler.at(10, note("first"));
  scheduler.at(20, note("third"));
  runUntil(15);
  expect(happened).toEqual(["first at 10"]);
  expect(scheduler.nowMs).toBe(15);
  runUntil(30);
  expect(happened).toEqual(["first at 10", "second at 20", "third at 20"]);
});

test("a thousand things in any order happen in the right one", () => {
  const random = new SeededRandom("2");
  const seen: number[] = [];
  const planned = Array.from({ length: 1_000 }, () => random.below(500));
  for (const atMs of planned) scheduler.at(atMs, () => void seen.push(atMs));
  runUntil(1_000);
  expect(seen).toEqual(planned.toSorted((a, b) => a - b));
});

test("what is planned for the past happens now, and what is cancelled does not", () => {
  runUntil(100);
  scheduler.at(50, note("late"));
  scheduler.at(60, note("never")).cancel();
  runUntil(200);
  expect(happened).toEqual(["late at 100"]);
});

describe("a process that is paused", () => {
  test("does nothing until it goes on; then all that waited, each kind in its order, before anything new", () => {
    scheduler.timer(process, 10, note("timer 1"));
    scheduler.delivery(process, 11, note("delivery 1"));
    scheduler.timer(process, 12, note("timer 2"));
    scheduler.delivery(process, 13, note("delivery 2"));
    scheduler.delivery(process, 50, note("delivery 3"));
    scheduler.at(20, note("another"));
    scheduler.pause(process);
    scheduler.at(50, () => scheduler.resume(process));
    scheduler.at(0, () => scheduler.pause(process)); // twice at a time: it goes on when both are over
    scheduler.at(40, () => scheduler.resume(process));
    runUntil(49);
    expect(happened).toEqual(["another at 20"]);
    runUntil(100);
    const waited = happened.slice(1, 5).map((text) => text.slice(0, -6));
    expect(waited.filter((text) => text.startsWith("timer"))).toEqual(["timer 1", "timer 2"]);
    expect(happened.slice(1).filter((text) => text.startsWith("delivery"))).toEqual([
      "delivery 1 at 50",
      "delivery 2 at 50",
      "delivery 3 at 50",
    ]);
  });

  test("begins with its timers at times, and at times with what arrived", () => {
    const firsts = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      scheduler = new Scheduler(new SeededRandom(String(seed)));
      happened = [];
      scheduler.timer(process, 1, note("timer"));
      scheduler.delivery(process, 2, note("delivery"));
      scheduler.pause(process);
      runUntil(5);
      scheduler.resume(process);
      runUntil(10);
      firsts.add(String(happened[0]));
    }
    expect([...firsts].sort()).toEqual(["delivery at 5", "timer at 5"]);
  });

  test("does not do what was cancelled while it waited", () => {
    const timer = scheduler.timer(process, 1, note("never"));
    scheduler.pause(process);
    runUntil(5);
    timer.cancel();
    scheduler.resume(process);
    runUntil(10);
    expect(happened).toEqual([]);
  });

  test("waits on if it is paused again at once", () => {
    scheduler.timer(process, 1, () => {
      note("first")();
      scheduler.pause(process);
    });
    scheduler.timer(process, 2, note("second"));
    scheduler.pause(process);
    runUntil(5);
    scheduler.resume(process);
    runUntil(10);
    expect(happened).toEqual(["first at 5"]);
    scheduler.resume(process);
    runUntil(20);
    expect(happened).toEqual(["first at 5", "second at 10"]);
  });
});

test("nothing happens to a process that is dead", () => {
  scheduler.timer(process, 10, note("never"));
  scheduler.pause(process);
  scheduler.kill(process);
  scheduler.resume(process);
  runUntil(100);
  expect(happened).toEqual([]);
});
