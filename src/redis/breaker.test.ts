import { describe, expect, test } from "vitest";
import { CircuitBreaker } from "./breaker.js";

const GONE = new Error("connect ECONNREFUSED");

/** A breaker that opens after three failures, for 100 ms; its waits do not vary. */
function breakerWith({ threshold = 3, random = 1 } = {}) {
  const breaker = new CircuitBreaker({ threshold, halfOpenAfterMs: 100 });
  const ticket = (nowMs = 0): number => {
    const admission = breaker.admit(nowMs);
    return typeof admission === "number" ? admission : expect.fail(`refused: ${admission.kind}`);
  };
  const fail = (nowMs = 0, cause = GONE) => breaker.failed(ticket(nowMs), cause, nowMs, random);
  const open = (nowMs = 0) => {
    for (let n = 0; n < threshold; n++) fail(nowMs);
  };
  return { breaker, ticket, fail, open };
}

describe("closed,", () => {
  test("opens after so many failures in a row, and says why", () => {
    const { breaker, fail } = breakerWith();
    expect([fail(), fail(), fail(7)]).toEqual([false, false, true]);
    expect(breaker.state).toEqual({ kind: "open", untilMs: 107, openings: 0, cause: GONE });
    expect(breaker.opened).toBe(1);
  });

  test("begins to count anew after each success", () => {
    const { breaker, ticket, fail } = breakerWith();
    fail();
    fail();
    expect(breaker.succeeded(ticket())).toBe(false);
    fail();
    fail();
    expect(breaker.state).toEqual({ kind: "closed", failures: 2 });
  });

  test("does not care that Redis is known to answer", () => {
    const { breaker, fail } = breakerWith();
    fail();
    breaker.answered(0);
    expect(breaker.state).toEqual({ kind: "closed", failures: 1 });
  });
});

describe("open,", () => {
  test("refuses until its time is over, then lets one through, and no other", () => {
    const { breaker, open } = breakerWith();
    open();
    expect(breaker.admit(99.9)).toMatchObject({ kind: "open", untilMs: 100, cause: GONE });
    expect(breaker.admit(100)).toBeTypeOf("number");
    expect(breaker.admit(1e9)).toMatchObject({ kind: "half-open", cause: GONE });
  });

  test("ignores how what was sent before ends", () => {
    const { breaker, ticket, open } = breakerWith();
    const before = ticket();
    open();
    expect(breaker.succeeded(before)).toBe(false);
    expect(breaker.failed(before, GONE, 50, 1)).toBe(false);
    expect(breaker.state).toMatchObject({ kind: "open", untilMs: 100 });
    expect(breaker.opened).toBe(1);
  });

  test("tries at once when Redis is known to answer", () => {
    const { breaker, open } = breakerWith();
    open();
    breaker.answered(10);
    expect(breaker.state).toMatchObject({ kind: "open", untilMs: 10 });
    breaker.answered(20);
    expect(breaker.admit(10)).toBeTypeOf("number");
  });

  test.each([
    [0, 50],
    [0.5, 75],
    [1, 100],
  ])("with the random number %d waits %d ms of 100", (random, untilMs) => {
    const { breaker, open } = breakerWith({ random });
    open();
    expect(breaker.state).toMatchObject({ untilMs });
  });
});

describe("half-open,", () => {
  test("closes when the trial succeeds", () => {
    const { breaker, ticket, open } = breakerWith();
    open();
    expect(breaker.succeeded(ticket(100))).toBe(true);
    expect(breaker.state).toEqual({ kind: "closed", failures: 0 });
  });

  test("opens when it fails, for twice as long each time, up to eight times, and knows the last cause", () => {
    const { breaker, fail, open } = breakerWith();
    open();
    const waits = [100, 300, 700, 1_500, 2_300].map((nowMs, n) => {
      fail(nowMs, new Error(`trial ${n}`));
      return breaker.state.kind === "open" ? breaker.state.untilMs - nowMs : undefined;
    });
    expect(waits).toEqual([200, 400, 800, 800, 800]);
    expect(breaker.state).toMatchObject({ openings: 5, cause: { message: "trial 4" } });
    expect(breaker.opened).toBe(6);
  });

  test("waits no longer than the first time after it was closed in between", () => {
    const { breaker, ticket, fail, open } = breakerWith();
    open();
    fail(100);
    breaker.succeeded(ticket(300));
    open(300);
    expect(breaker.state).toMatchObject({ untilMs: 400, openings: 0 });
  });
});
