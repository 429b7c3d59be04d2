import { expect, test } from "vitest";
import { Lease } from "./lease.js";

test("there is no lease before a beat came back on a standing subscription", () => {
  const lease = new Lease(2_000);
  expect(lease.status).toBe("down");
  expect(lease.beatReturned(100)).toBe(false);
  expect(lease.untilMs).toBe(Number.NEGATIVE_INFINITY);
  lease.subscribed();
  expect(lease.status).toBe("syncing");
  expect(lease.untilMs).toBe(Number.NEGATIVE_INFINITY);
});

test("the lease counts from the moment the beat was sent, however late it comes back", () => {
  const lease = new Lease(2_000);
  lease.subscribed();
  expect(lease.beatReturned(100)).toBe(true);
  expect(lease.status).toBe("ready");
  expect(lease.untilMs).toBe(2_100);
});

test("only the first beat on a subscription enters `ready`", () => {
  const lease = new Lease(2_000);
  lease.subscribed();
  lease.beatReturned(100);
  expect(lease.beatReturned(600)).toBe(false);
  expect(lease.untilMs).toBe(2_600);
});

test("a beat that was overtaken by a later one shortens nothing", () => {
  const lease = new Lease(2_000);
  lease.subscribed();
  lease.beatReturned(600);
  lease.beatReturned(100);
  expect(lease.untilMs).toBe(2_600);
});

test("a lost subscription ends the lease at once, and the next one begins anew", () => {
  const lease = new Lease(2_000);
  lease.subscribed();
  lease.beatReturned(100);
  lease.lost();
  expect(lease.status).toBe("down");
  expect(lease.untilMs).toBe(Number.NEGATIVE_INFINITY);
  lease.subscribed();
  expect(lease.beatReturned(700)).toBe(true);
});
