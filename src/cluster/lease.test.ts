import { beforeEach, describe, expect, test } from "vitest";
import { Lease } from "./lease.js";

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
  expect(lease.beatReturned(100)).toBe(true);
  expect(lease.status).toBe("ready");
});

test("a lease counts from when its beat was sent, not from when it came back", () => {
  lease.subscribed();
  lease.beatReturned(100);
  expect(lease.untilMs).toBe(100 + DURATION_MS);
});

test("later beats prolong the lease", () => {
  lease.subscribed();
  lease.beatReturned(100);
  expect(lease.beatReturned(600)).toBe(false);
  expect(lease.untilMs).toBe(600 + DURATION_MS);
});

test("a beat that was overtaken by a later one shortens nothing", () => {
  lease.subscribed();
  lease.beatReturned(600);
  lease.beatReturned(100);
  expect(lease.untilMs).toBe(600 + DURATION_MS);
});

test("a beat without a subscription proves nothing", () => {
  expect(lease.beatReturned(100)).toBe(false);
  expect([lease.status, lease.untilMs]).toEqual(["down", NEVER]);
});

describe("when the subscription is lost", () => {
  beforeEach(() => {
    lease.subscribed();
    lease.beatReturned(1_000);
    lease.lost();
  });

  test("the lease is over at once", () => {
    expect([lease.status, lease.untilMs]).toEqual(["down", NEVER]);
  });

  test("a beat that comes after all proves nothing", () => {
    expect(lease.beatReturned(1_100)).toBe(false);
    expect(lease.untilMs).toBe(NEVER);
  });

  test("a new subscription needs a beat of its own", () => {
    lease.subscribed();
    expect([lease.status, lease.untilMs]).toEqual(["syncing", NEVER]);
    expect(lease.beatReturned(500)).toBe(true);
    expect(lease.untilMs).toBe(500 + DURATION_MS);
  });
});
