import { beforeEach, expect, test } from "vitest";
import { Beats } from "./beats.js";

let beats: Beats;
beforeEach(() => {
  beats = new Beats();
});

/** Sends a beat that Redis publishes. */
function sendPublished(): string {
  const nonce = beats.send(0);
  beats.published(nonce);
  return nonce;
}

test("every beat has a nonce of its own, and comes back with the time at which it was sent", () => {
  const first = beats.send(100);
  const second = beats.send(200);
  expect(first).not.toBe(second);
  expect(beats.returned(second)).toBe(200);
  expect(beats.returned(first)).toBe(100);
});

test("a beat comes back once", () => {
  const nonce = beats.send(100);
  beats.returned(nonce);
  expect(beats.returned(nonce)).toBeUndefined();
});

test("a beat of somebody else is none", () => {
  beats.send(100);
  expect(beats.returned("somebody's")).toBeUndefined();
  expect(beats.published("somebody's")).toBe(false);
});

test("a beat may come back before Redis says that it published it", () => {
  const nonce = beats.send(100);
  expect(beats.returned(nonce)).toBe(100);
  expect(beats.published(nonce)).toBe(false);
  expect(beats.stalled).toBe(false);
});

test("a beat that failed proves nothing, even if it comes back", () => {
  const nonce = beats.send(100);
  beats.failed(nonce);
  expect(beats.returned(nonce)).toBeUndefined();
});

test("two beats that were published and do not come back tell of a dead subscription", () => {
  const first = sendPublished();
  expect(beats.stalled).toBe(false);
  sendPublished();
  expect(beats.stalled).toBe(true);
  beats.returned(first);
  expect(beats.stalled).toBe(false);
});

test("beats that Redis did not publish tell nothing of the subscription", () => {
  for (let n = 0; n < 10; n++) beats.send(n);
  expect(beats.stalled).toBe(false);
  for (let n = 0; n < 10; n++) beats.failed(beats.send(n));
  expect(beats.stalled).toBe(false);
});

test("clear() forgets all", () => {
  const nonce = sendPublished();
  sendPublished();
  beats.clear();
  expect(beats.stalled).toBe(false);
  expect(beats.published(nonce)).toBe(false);
  expect(beats.returned(nonce)).toBeUndefined();
});
