import assert from "node:assert/strict";
import { InvalidSessionIdError } from "../../errors.js";
import { type Cases, listed, read, rejects, type Store } from "./scenario.js";

/** Ids that a store might take for something else: a pattern, a path, a property, another id. */
const UNUSUAL_IDS = [
  "a",
  "*",
  "a*",
  "a?",
  "[a-z]",
  "\\",
  "\\*",
  " ",
  "a b",
  " a",
  "A",
  "a:b",
  "a/b?c=d&e#f",
  "%2A",
  `"'\``,
  "{a}",
  "$1",
  "é",
  "e\u0301",
  "日本語",
  "👩‍🚀",
  "\u0085\u2028",
  "__proto__",
  "constructor",
  "null",
  "x".repeat(512),
  "é".repeat(256),
];

const BAD_IDS: Readonly<Record<string, unknown>> = {
  "the empty string": "",
  "a string of 513 bytes": "x".repeat(513),
  "a string of 257 characters, and 514 bytes": "é".repeat(257),
  "a string with a line break": "a\nb",
  "a string with a null character": "a\0",
  "a string with a delete character": "\x7f",
  "a string that is not well-formed Unicode": "a\ud800",
  undefined: undefined,
  null: null,
  "a number": 1,
  "an object": { toString: () => "an-id" },
};

/** Every method that takes an id and answers with a promise. */
const METHODS: Readonly<Record<string, (store: Store, id: string) => Promise<unknown>>> = {
  "get()": (store, id) => store.get(id),
  "get() with strong consistency": (store, id) => store.get(id, { consistency: "strong" }),
  "set()": (store, id) => store.set(id, {}),
  "update()": (store, id) => store.update(id, (data) => data),
  "touch()": (store, id) => store.touch(id),
  "delete()": (store, id) => store.delete(id),
  "rotate()": (store, id) => store.rotate(id, "new", { graceMs: 1_000 }),
};

/** What an id may be. */
export const IDS: Cases = {
  "new ids are 256 bits in base64url, and random in every place": async ({ store }) => {
    const sessions = await Promise.all(Array.from({ length: 200 }, () => store.create({})));
    const ids = sessions.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) assert.match(id, /^[\w-]{43}$/);
    // The last place has 4 bits and so 16 values. That 200 draws miss more than half of them is out of the question.
    for (let place = 0; place < 43; place++) {
      assert.ok(new Set(ids.map((id) => id[place])).size >= 8, `place ${place} hardly varies`);
    }
  },

  "an id may be anything else, and is only ever itself": async ({ store }) => {
    for (const id of UNUSUAL_IDS) await store.set(id, { id });
    for (const id of UNUSUAL_IDS) {
      const session = await read(store, id);
      assert.equal(session.id, id);
      assert.deepEqual(session.data, { id });
    }
    assert.deepEqual((await listed(store.ids())).sort(), [...UNUSUAL_IDS].sort());
    for (const [n, id] of UNUSUAL_IDS.entries()) {
      assert.equal(await store.touch(id), true);
      await store.update(id, () => ({ id, updated: true }));
      assert.deepEqual((await read(store, id)).data, { id, updated: true });
      assert.equal(await store.delete(id), true);
      assert.equal(await store.get(id), undefined);
      assert.equal(await store.size(), UNUSUAL_IDS.length - n - 1);
    }
  },

  ...Object.fromEntries(
    Object.entries(BAD_IDS).map(([kind, id]) => [
      `${kind} is no id`,
      async ({ store }: { store: Store }) => {
        for (const [name, call] of Object.entries(METHODS)) {
          const error = await rejects(call(store, id as string), InvalidSessionIdError);
          if (id) assert.ok(!error.message.includes(`${id}`), `${name} tells the id, a credential`);
        }
        assert.equal(store.peek(id as string), undefined);
        assert.equal(await store.size(), 0);
      },
    ]),
  ),
};
