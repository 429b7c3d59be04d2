import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "./manual-clock.js";

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock(100, 1_000_000);
});

test("time stands still until it is moved", () => {
  expect([clock.now(), clock.wallNow()]).toEqual([100, 1_000_000]);
  clock.advance(50);
  expect([clock.now(), clock.wallNow()]).toEqual([150, 1_000_050]);
});

test("a step of the wall clock leaves the monotonic one", () => {
  clock.stepWall(-500);
  expect([clock.now(), clock.wallNow()]).toEqual([100, 999_500]);
});

describe("timers", () => {
  const ran: string[] = [];
  const note = (name: string) => () => void ran.push(`${name} at ${clock.now()}`);
  beforeEach(() => void ran.splice(0));

  test("run in the order in which they are due, each at its time", () => {
    clock.schedule(note("second"), 20);
    clock.schedule(note("first"), 10);
    clock.schedule(note("third"), 20);
    clock.advance(9);
    expect(ran).toEqual([]);
    clock.advance(11);
    expect(ran).toEqual(["first at 110", "second at 120", "third at 120"]);
    clock.advance(1_000);
    expect(ran).toHaveLength(3);
  });

  test("may schedule others, which run too if they come due", () => {
    clock.schedule(() => {
      note("first")();
      clock.schedule(note("second"), 5);
      clock.schedule(note("later"), 6);
    }, 10);
    clock.advance(15);
    expect(ran).toEqual(["first at 110", "second at 115"]);
  });

  test("do not run when they were cancelled", () => {
    const timer = clock.schedule(note("never"), 10);
    timer.cancel();
    clock.advance(10);
    expect(ran).toEqual([]);
  });

  test("are late after a jump, as in a process that was paused", () => {
    clock.schedule(note("late"), 10);
    clock.jump(50);
    expect(ran).toEqual([]);
    expect(clock.now()).toBe(150);
    clock.advance(0);
    expect(ran).toEqual(["late at 150"]);
  });
});
