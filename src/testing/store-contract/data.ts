import assert from "node:assert/strict";
import { InvalidSessionDataError } from "../../errors.js";
import { type Cases, read, rejects, type Scenario, type Store } from "./scenario.js";

const VALUES: Readonly<Record<string, unknown>> = {
  "an empty object": {},
  "an object in an object": { a: { b: { c: [1, [2, { d: null }]] } } },
  "an array": [1, "two", null, { three: 3 }],
  "an empty array": [],
  "a string": "text",
  "an empty string": "",
  "a number": -1.5e-7,
  zero: 0,
  true: true,
  false: false,
  null: null,
  "line breaks and null characters": { text: "a\r\nb\0c\u2028" },
  "any script, and emoji": { größe: "日本語", "👩‍🚀": "🧑‍🤝‍🧑", العربية: "١٢٣" },
  "half a surrogate pair": { text: "\ud800", "\udfff": 1 },
  "what looks like another format": { text: '{"L1":"}\n*2\r\n$3' },
  "keys of Object.prototype": { constructor: 1, toString: "x", hasOwnProperty: null },
  "a megabyte": { text: "0123456789abcdef".repeat(65_536) },
};

function circular(): unknown {
  const data: Record<string, unknown> = {};
  data.self = data;
  return data;
}

const UNSTORABLE: Readonly<Record<string, unknown>> = {
  "a BigInt": 1n,
  "a BigInt inside": { deep: [{ n: 1n }] },
  "a circle": circular(),
  undefined: undefined,
  "a function": () => {},
  "a symbol": Symbol("s"),
  "an object whose toJSON throws": {
    toJSON() {
      throw new Error("no");
    },
  },
};

/** Every way to store data, with the data that is stored. */
const WRITES: Readonly<
  Record<string, (store: Store, data: unknown) => Promise<{ data: unknown } | undefined>>
> = {
  "create()": (store, data) => store.create(data),
  "set()": (store, data) => store.set("an-id", data),
  "update()": async (store, data) => {
    await store.set("an-id", { old: true });
    return store.update("an-id", () => data);
  },
};

function isFrozenDeep(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenDeep);
}

/** What data may be, and what becomes of it. */
export const DATA: Cases = {
  ...Object.fromEntries(
    Object.entries(VALUES).map(([kind, data]) => [
      `${kind} comes back as it was`,
      async ({ store }: Scenario) => {
        const created = await store.create(data);
        assert.deepEqual(created.data, data);
        assert.deepEqual((await read(store, created.id)).data, data);
        assert.deepEqual((await store.get(created.id, { consistency: "strong" }))?.data, data);
      },
    ]),
  ),

  "what JSON cannot keep, it turns into what it can": async ({ store }) => {
    const { data } = await store.create({ at: new Date(0), gone: undefined, list: [undefined, Number.NaN] });
    assert.deepEqual(data, { at: "1970-01-01T00:00:00.000Z", list: [null, null] });
  },

  "a key __proto__ pollutes nothing": async ({ store }) => {
    const hostile: unknown = JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"polluted":1}}}');
    const { id, data } = await store.create(hostile);
    const found = (await read(store, id)).data;
    for (const value of [data, found] as { a: object; polluted?: number }[]) {
      assert.equal(value.polluted, undefined);
      assert.equal(Object.getPrototypeOf(value), Object.prototype);
      assert.equal(Object.getPrototypeOf(value.a), Object.prototype);
    }
    assert.equal(({} as { polluted?: number }).polluted, undefined);
  },

  ...Object.fromEntries(
    Object.entries(WRITES).map(([name, write]) => [
      `${name} answers with data of its own, frozen all the way down`,
      async ({ store }: Scenario) => {
        const mine = { list: [{ n: 1 }], nested: { deep: { n: 1 } } };
        const session = await write(store, mine);
        assert.ok(session);
        assert.ok(isFrozenDeep(session));
        assert.deepEqual(session.data, { list: [{ n: 1 }], nested: { deep: { n: 1 } } });
        mine.list.push({ n: 2 });
        mine.nested.deep.n = 2;
        assert.deepEqual(session.data, { list: [{ n: 1 }], nested: { deep: { n: 1 } } });
      },
    ]),
  ),

  "what is read is frozen all the way down, and not what was passed in": async ({ store }) => {
    const mine = { list: [{ n: 1 }], nested: { deep: { n: 1 } } };
    const { id } = await store.create(mine);
    mine.nested.deep.n = 2;
    for (const session of [await read(store, id), await store.get(id, { consistency: "strong" })]) {
      assert.ok(isFrozenDeep(session));
      assert.deepEqual(session?.data, { list: [{ n: 1 }], nested: { deep: { n: 1 } } });
    }
    for await (const session of store.all()) assert.ok(isFrozenDeep(session));
  },

  "what was read can be stored": async ({ store }) => {
    const { id, data } = await store.create({ list: [{ n: 1 }] });
    await store.set("an-id", data);
    await store.update(id, (same) => same);
    assert.deepEqual((await read(store, "an-id")).data, { list: [{ n: 1 }] });
    assert.deepEqual((await read(store, id)).data, { list: [{ n: 1 }] });
  },

  ...Object.fromEntries(
    Object.entries(UNSTORABLE).map(([kind, data]) => [
      `${kind} cannot be stored, and what was there stays`,
      async ({ store }: Scenario) => {
        await rejects(store.create(data), InvalidSessionDataError);
        await rejects(store.set("an-id", data), InvalidSessionDataError);
        assert.equal(await store.size(), 0);
        const session = await store.set("an-id", { old: true });
        await rejects(store.set("an-id", data), InvalidSessionDataError);
        await rejects(
          store.update("an-id", () => data),
          InvalidSessionDataError,
        );
        assert.deepEqual(await store.get("an-id"), session);
        assert.deepEqual(await store.get("an-id", { consistency: "strong" }), session);
      },
    ]),
  ),
};
