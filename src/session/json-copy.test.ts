import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copyAsJson } from "./json-copy.js";

const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));

function itself(this: unknown): unknown {
  return this;
}

const itsPlace = (key: string): string => key;

/** Spelt, so that the order of keys and the sign of zero count. */
const spelt = (value: unknown) => JSON.stringify(value, (_, v) => (Object.is(v, -0) ? "-0" : v));

function expectFrozen(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  expect(Object.isFrozen(value)).toBe(true);
  for (const child of Object.values(value)) expectFrozen(child);
}

describe("a copy", () => {
  test.each([
    [null],
    [""],
    [-0],
    [[]],
    [{}],
    [{ b: 1, a: [true, null, "x"], 10: 1, 2: 1 }],
    [{ nan: Number.NaN, infinity: Number.NEGATIVE_INFINITY, zero: -0 }],
    [{ undefined: undefined, function: () => 1, symbol: Symbol("x"), [Symbol("key")]: 1 }],
    [[undefined, () => 1, Symbol("x"), 1]],
    [new Array(3)],
    [Object.assign([1], { more: 2 })],
    [Object.assign(Object.create(null), { a: 1 })],
    [Object.defineProperty({ a: 1 }, "hidden", { value: 2 })],
    [{ constructor: 1, hasOwnProperty: 2, toString: "x" }],
    [new Date(0)],
    [{ at: new Date(0), never: new Date(Number.NaN), list: [new Date(1)] }],
    [{ toJSON: () => 1 }],
    [{ toJSON: 1 }],
    [{ cookie: { data: { path: "/" }, toJSON: (): unknown => ({ path: "/", at: new Date(0) }) } }],
    [{ self: { a: 1, toJSON: itself }, list: [{ toJSON: itself }] }],
    [{ where: { toJSON: itsPlace }, list: [{ toJSON: itsPlace }] }],
    [{ nothing: { toJSON: () => undefined }, list: [{ toJSON: () => undefined }] }],
  ])("of %j is what JSON makes of it, frozen", (value) => {
    const copy = copyAsJson(value);
    expect(copy).toEqual(asJson(value));
    expect(spelt(copy)).toBe(spelt(asJson(value)));
    expectFrozen(copy);
  });

  test("is what JSON makes of it, whatever it is, if there is one", () => {
    const exotic = fc.anything({
      withDate: true,
      withMap: true,
      withBoxedValues: true,
      withNullPrototype: true,
    });
    const anything = fc.oneof(fc.jsonValue(), exotic);
    let made = 0;
    fc.assert(
      fc.property(anything, (value) => {
        const copy = copyAsJson(value);
        if (copy === undefined) return;
        made++;
        expect(spelt(copy)).toBe(spelt(asJson(value)));
      }),
      { numRuns: 2_000 },
    );
    expect(made).toBeGreaterThan(500);
  });

  test("is apart from what it is made of", () => {
    const value = { list: [{ n: 1 }] };
    const copy = copyAsJson(value);
    (value.list[0] as { n: number }).n = 2;
    expect(copy).toEqual({ list: [{ n: 1 }] });
  });

  test("is made with one look at each field", () => {
    let looks = 0;
    const value = {
      get n() {
        return ++looks;
      },
    };
    expect(copyAsJson(value)).toEqual({ n: 1 });
  });
});

describe("there is none", () => {
  const circle: { self?: object } = {};
  circle.self = circle;
  let deep: object = {};
  for (let n = 0; n < 100_000; n++) deep = { deep };
  test.each([
    ["what stands for an instance of a class", { toJSON: () => new (class A {})() }],
    ["what stands for a bigint", { toJSON: () => 1n }],
    ["a map", new Map([["a", 1]])],
    ["an instance of a class", new (class A {})()],
    ["a boxed value", Object("text")],
    ["a bigint", 1n],
    ["an own __proto__", JSON.parse('{"__proto__":{"polluted":true}}')],
    ["a circle", circle],
    ["what is too deep", deep],
    ["undefined", undefined],
    ["a function", () => 1],
  ])("of %s", (_, value) => {
    expect(copyAsJson(value)).toBeUndefined();
    expect(copyAsJson({ a: [value] })).toEqual(
      value === undefined || typeof value === "function" ? { a: [null] } : undefined,
    );
  });
});
