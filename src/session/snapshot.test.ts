import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cloneDeep, freezeDeep } from "./snapshot.js";

/** Every object in a tree. */
function objectsIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

/** What JSON.parse gives, with keys that stand for something elsewhere. A key __proto__ is a matter of its own. */
const json = fc
  .jsonValue({ maxDepth: 5 })
  .map((value) => JSON.parse(JSON.stringify(value)) as unknown)
  .filter((value) => !JSON.stringify(value).includes("__proto__"));

describe("cloneDeep()", () => {
  test("gives what a trip through JSON would give", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(cloneDeep(freezeDeep(value))).toStrictEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("gives a tree that shares nothing with the first one, and can be changed", () => {
    fc.assert(
      fc.property(json, (value) => {
        const originals = new Set(objectsIn(freezeDeep(value)));
        for (const copy of objectsIn(cloneDeep(value))) {
          expect(originals.has(copy)).toBe(false);
          expect(Object.isFrozen(copy)).toBe(false);
        }
      }),
    );
  });

  test("keeps the order of the keys", () => {
    const value = JSON.parse('{"b":1,"a":{"d":1,"c":2},"10":1,"9":2}');
    expect(JSON.stringify(cloneDeep(value))).toBe(JSON.stringify(value));
  });

  test.each(["text", 0, false, null, undefined])("gives %o itself", (value) => {
    expect(cloneDeep(value)).toBe(value);
  });

  test.each([
    '{"__proto__":{"polluted":1}}',
    '{"a":[{"__proto__":{"polluted":1},"n":1}]}',
  ])("takes over no prototype from %s", (text) => {
    for (const object of objectsIn(cloneDeep(JSON.parse(text)))) {
      expect(object).not.toHaveProperty("polluted");
      expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(object));
    }
    expect({}).not.toHaveProperty("polluted");
  });
});

describe("freezeDeep()", () => {
  test("freezes every object of the tree, in place", () => {
    fc.assert(
      fc.property(json, (value) => {
        const before = JSON.stringify(value);
        expect(freezeDeep(value)).toBe(value);
        for (const object of objectsIn(value)) expect(Object.isFrozen(object)).toBe(true);
        expect(JSON.stringify(value)).toBe(before);
      }),
    );
  });

  test("makes a change an error", () => {
    const data: { list: number[]; nested: { n?: number } } = { list: [1], nested: { n: 1 } };
    freezeDeep(data);
    expect(() => data.list.push(2)).toThrow(TypeError);
    expect(() => {
      data.nested.n = 2;
    }).toThrow(TypeError);
    expect(() => delete data.nested.n).toThrow(TypeError);
  });

  test("freezes what is under a key __proto__ too", () => {
    const value = freezeDeep(JSON.parse('{"__proto__":{"list":[]}}'));
    for (const object of objectsIn(value)) expect(Object.isFrozen(object)).toBe(true);
  });
});

test("a tree may be a thousand levels deep", () => {
  for (const [open, close] of [
    ["[", "]"],
    ['{"a":', "}"],
  ] as const) {
    const text = `${open.repeat(1_000)}1${close.repeat(1_000)}`;
    expect(JSON.stringify(cloneDeep(freezeDeep(JSON.parse(text))))).toBe(text);
  }
});
