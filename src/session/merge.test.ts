import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { type MergeConflict, mergeThreeWays } from "./merge.js";

type Data = Record<string, unknown>;

const merge = (base: Data, mine: Data, theirs: Data) => mergeThreeWays<Data>(base, mine, theirs);

describe("merging three ways", () => {
  test.each<[string, Data, Data, Data, Data]>([
    ["nothing", { a: 1 }, { a: 1 }, { a: 1 }, { a: 1 }],
    ["a field of each", { a: 1, b: 1 }, { a: 2, b: 1 }, { a: 1, b: 2 }, { a: 2, b: 2 }],
    ["an addition of each", {}, { a: 1 }, { b: 1 }, { a: 1, b: 1 }],
    ["my deletion", { a: 1, b: 1 }, { b: 1 }, { a: 1, b: 2 }, { b: 2 }],
    ["their deletion", { a: 1, b: 1 }, { a: 1, b: 2 }, { b: 1 }, { b: 2 }],
    ["the same deletion by both", { a: 1 }, {}, {}, {}],
    ["the same change by both", { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }, { a: { b: 2 } }],
    [
      "fields of a nested object",
      { cart: { a: 1, b: 1 } },
      { cart: { a: 2, b: 1 } },
      { cart: { a: 1, b: 2 } },
      { cart: { a: 2, b: 2 } },
    ],
    [
      "fields of an object that both have added",
      {},
      { cart: { a: 1 } },
      { cart: { b: 1 } },
      { cart: { a: 1, b: 1 } },
    ],
    [
      "an array as a value, which the later writer wins",
      { items: [1] },
      { items: [1, 2] },
      { items: [1, 3] },
      { items: [1, 2] },
    ],
    ["the same field, which the later writer wins", { a: 1 }, { a: 2 }, { a: 3 }, { a: 2 }],
    ["my change of what they deleted", { a: 1 }, { a: 2 }, {}, { a: 2 }],
    ["my deletion of what they changed", { a: 1 }, {}, { a: 2 }, {}],
    ["a value where there was an object", { a: { b: 1 } }, { a: 1 }, { a: { b: 2 } }, { a: 1 }],
    ["null, which is a value", { a: 1 }, { a: null }, { a: 1 }, { a: null }],
    [
      "a key that every object inherits",
      {},
      { toString: 1 },
      { constructor: 2 },
      { toString: 1, constructor: 2 },
    ],
  ])("keeps %s", (_, base, mine, theirs, merged) => {
    expect(merge(base, mine, theirs)).toStrictEqual(merged);
  });

  test("does not care for the order of keys", () => {
    expect(merge({ o: { a: 1, b: 2 } }, { o: { b: 2, a: 1 } }, { o: { a: 1, b: 3 } })).toEqual({
      o: { a: 1, b: 3 },
    });
  });

  test("takes dates as values", () => {
    const day = (n: number) => new Date(n * 86_400_000);
    expect(merge({ at: day(1), n: 1 }, { at: day(1), n: 2 }, { at: day(2), n: 1 })).toEqual({
      at: day(2),
      n: 2,
    });
  });

  test("never sets a prototype", () => {
    const polluted = JSON.parse('{"__proto__":{"admin":true},"nested":{"__proto__":{"admin":true}}}');
    const merged = merge({}, { ...polluted, a: 1 }, { nested: { b: 1 } });
    expect(JSON.stringify(merged)).toBe('{"nested":{"b":1},"a":1}');
    expect((merged as { admin?: unknown }).admin).toBeUndefined();
    expect((merged.nested as { admin?: unknown }).admin).toBeUndefined();
  });
});

describe("a conflict", () => {
  test("is shown with its path and all three values, and decided by what is returned", () => {
    const resolve = vi.fn(({ mine, theirs }: MergeConflict) => (mine as number) + (theirs as number));
    const merged = mergeThreeWays<Data>(
      { n: { visits: 1 }, a: 1 },
      { n: { visits: 2 }, a: 2 },
      { n: { visits: 3 }, a: 1 },
      resolve,
    );
    expect(merged).toEqual({ n: { visits: 5 }, a: 2 });
    expect(resolve.mock.calls).toEqual([[{ path: ["n", "visits"], base: 1, mine: 2, theirs: 3 }]]);
  });

  test("leaves the field out that is decided to be undefined", () => {
    expect(mergeThreeWays<Data>({ a: 1 }, { a: 2 }, { a: 3 }, () => undefined)).toEqual({});
  });
});

describe("for whatever JSON can express", () => {
  const data = fc.dictionary(
    fc.constantFrom("a", "b", "c", "d"),
    fc.oneof(
      fc.integer({ min: 0, max: 2 }),
      fc.dictionary(fc.constantFrom("x", "y"), fc.integer({ min: 0, max: 2 })),
    ),
  );

  test("who has changed nothing gets what the other has made of it", () => {
    fc.assert(
      fc.property(data, data, (base, changed) => {
        expect(merge(base, base, changed)).toEqual(changed);
        expect(merge(base, changed, base)).toEqual(changed);
      }),
    );
  });

  test("without a conflict it does not matter who was later", () => {
    fc.assert(
      fc.property(data, data, data, (base, mine, theirs) => {
        let conflicts = 0;
        const count = ({ mine }: MergeConflict) => {
          conflicts++;
          return mine;
        };
        const merged = mergeThreeWays<Data>(base, mine, theirs, count);
        if (conflicts === 0) expect(merge(base, theirs, mine)).toEqual(merged);
      }),
    );
  });

  test("merging again changes nothing", () => {
    fc.assert(
      fc.property(data, data, data, (base, mine, theirs) => {
        const merged = merge(base, mine, theirs);
        expect(merge(base, mine, merged)).toEqual(merged);
      }),
    );
  });
});
