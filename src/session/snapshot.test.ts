import fc from "fast-check";
import { expect, test } from "vitest";
import { cloneDeep, freezeDeep } from "./snapshot.js";

const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

test("a clone is equal and shares nothing", () => {
  fc.assert(
    fc.property(json, (value) => {
      const frozen = freezeDeep(value);
      const clone = cloneDeep<unknown>(frozen);
      expect(JSON.stringify(clone)).toBe(JSON.stringify(value));
      expectMutable(clone);
    }),
  );
});

test("freezing reaches every object, once", () => {
  const value = freezeDeep({ a: { b: [{ c: 1 }] } });
  expect([value, value.a, value.a.b, value.a.b[0]].every(Object.isFrozen)).toBe(true);
});

test("a key named __proto__ sets no prototype", () => {
  const hostile = freezeDeep(JSON.parse('{"a":1,"__proto__":{"admin":true}}')) as { a: number };
  const clone = cloneDeep<{ a: number; admin?: boolean }>(hostile);
  expect(clone.admin).toBeUndefined();
  expect(Object.getPrototypeOf(clone)).toBe(Object.prototype);
});

function expectMutable(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  expect(Object.isFrozen(value)).toBe(false);
  for (const child of Object.values(value)) expectMutable(child);
}
