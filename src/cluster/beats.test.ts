import { expect, test } from "vitest";
import { Beats } from "./beats.js";

test("a beat that comes back says when it was sent, once", () => {
  const beats = new Beats();
  const nonce = beats.send(100);
  expect(beats.returned(nonce)).toBe(100);
  expect(beats.returned(nonce)).toBeUndefined();
  expect(beats.returned("another")).toBeUndefined();
});

test("a beat that Redis refused, or that belongs to a former subscription, proves nothing", () => {
  const beats = new Beats();
  const refused = beats.send(100);
  beats.failed(refused);
  expect(beats.returned(refused)).toBeUndefined();
  const former = beats.send(200);
  beats.clear();
  expect(beats.returned(former)).toBeUndefined();
  expect(beats.published(former)).toBe(false);
});

test("beats that are published and do not come back show that the subscription is stalled", () => {
  const beats = new Beats();
  beats.published(beats.send(100));
  expect(beats.stalled).toBe(false);
  const last = beats.send(200);
  expect(beats.stalled).toBe(false); // not published yet: Redis may be slow
  beats.published(last);
  expect(beats.stalled).toBe(true);
  beats.returned(last);
  expect(beats.stalled).toBe(false);
});
