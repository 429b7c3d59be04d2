import { beforeEach, describe, expect, test } from "vitest";
import { Lease, outlastingMs } from "./lease.js";

const DURATION_MS = 2_000;
const NEVER = Number.NEGATIVE_INFINITY;

let lease: Lease;
beforeEach(() => {
  lease = new Lease(DURATION_MS);
});

test("nothing may be served before there is a subscription, nor before a beat came back through it", () => {
  expect([lease.status, lease.untilMs]).toEqual(["down", NEVER]);
  lease.subscribed();
  expect([lease.status, lease.untilMs]).toEqual(["syncing", NEVER]);
});

test("the first beat that comes back makes the node ready", () => {
  lease.subscribed();
  expect(lease.beatReturned(100, 100)).toBe(true);
  expect(lease.status).toBe("ready");
});

test("a lease counts from when its beat was sent, not from when it came back", () => {
  lease.subscribed();
  lease.beatReturned(100, 100);
  expect(lease.untilMs).toBe(100 + DURATION_MS);
});

test("later beats prolong the lease", () => {
  lease.subscribed();
  lease.beatReturned(100, 100);
  expect(lease.beatReturned(600, 600)).toBe(false);
  expect(lease.untilMs).toBe(600 + DURATION_MS);
});

test("a beat that was overtaken by a later one shortens nothing", () => {
  lease.subscribed();
  lease.beatReturned(600, 600);
  lease.beatReturned(100, 100);
  expect(lease.untilMs).toBe(600 + DURATION_MS);
});

test("a beat without a subscription proves nothing", () => {
  expect(lease.beatReturned(100, 100)).toBe(false);
  expect([lease.status, lease.untilMs]).toEqual(["down", NEVER]);
});

describe("when the subscription is lost", () => {
  beforeEach(() => {
    lease.subscribed();
    lease.beatReturned(1_000, 1_000);
    lease.lost();
  });

  test("the lease is over at once", () => {
    expect([lease.status, lease.untilMs]).toEqual(["down", NEVER]);
  });

  test("a beat that comes after all proves nothing", () => {
    expect(lease.beatReturned(1_100, 1_100)).toBe(false);
    expect(lease.untilMs).toBe(NEVER);
  });

  test("a new subscription needs a beat of its own", () => {
    lease.subscribed();
    expect([lease.status, lease.untilMs]).toEqual(["syncing", NEVER]);
    expect(lease.beatReturned(500, 500)).toBe(true);
    expect(lease.untilMs).toBe(500 + DURATION_MS);
  });
});

describe("the registration", () => {
  test("is there once Redis has carried out a beat, and lasts from when that was sent", () => {
    expect(lease.registrationAt(0)).toBeUndefined();
    lease.registered(100, 150);
    expect(lease.registrationAt(150)).toBe(1);
    expect(lease.registrationAt(100 + DURATION_MS - 1)).toBe(1);
    expect(lease.registrationAt(100 + DURATION_MS)).toBeUndefined();
  });

  test("needs no subscription, and does not end with it", () => {
    lease.registered(100, 150);
    lease.subscribed();
    lease.lost();
    expect(lease.registrationAt(150)).toBe(1);
    expect(lease.untilMs).toBe(NEVER);
  });

  test("goes on with each beat", () => {
    lease.registered(100, 150);
    lease.registered(600, 650);
    lease.registered(300, 700);
    expect(lease.registrationAt(600 + DURATION_MS - 1)).toBe(1);
  });

  test("is another one after it has lapsed: meanwhile the node may have been taken out of the registry", () => {
    lease.registered(100, 150);
    lease.registered(5_000, 5_000);
    expect(lease.registrationAt(5_000)).toBe(2);
  });

  test("is another one also if the beat was sent in time, and its reply came late", () => {
    lease.registered(0, 0);
    lease.registered(DURATION_MS - 1, DURATION_MS);
    expect(lease.registrationAt(DURATION_MS)).toBe(2);
  });

  test("comes with a beat that came back, whatever becomes of its reply", () => {
    lease.subscribed();
    lease.beatReturned(100, 120);
    expect(lease.registrationAt(150)).toBe(1);
  });

  test("is over for good when the node leaves", () => {
    lease.subscribed();
    lease.beatReturned(100, 120);
    lease.left();
    expect(lease.registrationAt(150)).toBeUndefined();
    lease.registered(200, 200);
    expect(lease.registrationAt(200)).toBeUndefined();
  });
});

test("the end of the last lease is known also after the subscription was lost", () => {
  const lease = new Lease(DURATION_MS);
  expect(lease.lastUntilMs).toBe(Number.NEGATIVE_INFINITY);
  lease.subscribed();
  lease.beatReturned(100, 120);
  lease.lost();
  lease.subscribed();
  expect(lease.lastUntilMs).toBe(100 + DURATION_MS);
  lease.beatReturned(300, 320);
  expect(lease.lastUntilMs).toBe(300 + DURATION_MS);
});

test("to outlast a lease takes longer than it lasts, also by a clock that is a thousandth too fast", () => {
  expect(outlastingMs(DURATION_MS) / 1.001).toBeGreaterThan(DURATION_MS * 1.0009);
});
