import assert from "node:assert/strict";
import { clear, count, destroy, list, read, touch, write } from "./calls.js";
import type { Cases } from "./scenario.js";
import type { Untyped } from "./types.js";

const COOKIE = { originalMaxAge: null, expires: null, httpOnly: true, path: "/" };
const ID = "an-id";

const session = (data: Untyped) => ({ cookie: { ...COOKIE }, ...data });

/** Ids that some part of a store might take for something else. */
const ODD_IDS = [
  "a",
  "A",
  "a*",
  "[a]",
  "?",
  "*",
  "a:b",
  "a b",
  "%",
  "%00",
  "../a",
  "\\",
  "{a}",
  "ü☃",
  "__proto__",
];

/** What is stored, and what is given back. */
export const RECORDS: Cases = {
  "data comes back as JSON has it": async ({ store }) => {
    const data = {
      text: 'ä ☃ 🦉 "quoted" \\ \u0000',
      numbers: [0, -1.5, 1e21],
      nothing: null,
      nested: { list: [{ deep: [[]] }], empty: {} },
    };
    const date = new Date();
    await write(store, ID, session({ ...data, date, gone: undefined }));
    const { cookie, ...found } = await read(store, ID);
    assert.deepEqual(cookie, COOKIE);
    assert.equal(JSON.stringify(found), JSON.stringify({ ...data, date }));
  },

  "data may be large": async ({ store }) => {
    const text = "☃".repeat(200_000);
    await write(store, ID, session({ text }));
    assert.equal((await read(store, ID)).text, text);
  },

  "every get gives a copy of its own": async ({ store }) => {
    await write(store, ID, session({ nested: { list: ["a"] } }));
    for (let n = 0; n < 3; n++) {
      const found = await read(store, ID);
      assert.deepEqual(found, session({ nested: { list: ["a"] } }));
      found.nested.list.push("b");
      found.cookie.path = "/spoilt";
      found.more = true;
    }
  },

  "simultaneous gets give a copy each": async ({ store }) => {
    await write(store, ID, session({ nested: {} }));
    const [one, other] = await Promise.all([read(store, ID), read(store, ID)]);
    one.nested.spoilt = true;
    assert.deepEqual(other, session({ nested: {} }));
  },

  "set stores what there is when it is called": async ({ store }) => {
    const data = session({ nested: { list: ["a"] } });
    const stored = write(store, ID, data);
    data.nested.list.push("b");
    data.cookie.path = "/spoilt";
    await stored;
    data.nested.list.push("c");
    assert.deepEqual(await read(store, ID), session({ nested: { list: ["a"] } }));
  },

  "of sets that overlap, the last one counts": async ({ store }) => {
    for (const values of [
      [1, 2, 3],
      [4, 3], // the last one is what was there
    ]) {
      await Promise.all(values.map((value) => write(store, ID, session({ value }))));
      assert.equal((await read(store, ID)).value, 3);
    }
  },

  "set replaces all data": async ({ store }) => {
    await write(store, ID, session({ user: "Ada", role: "admin" }));
    await write(store, ID, session({ user: "Grace" }));
    assert.deepEqual(await read(store, ID), session({ user: "Grace" }));
  },

  "the order of properties is kept": async ({ store }) => {
    await write(store, ID, session({ b: 1, a: 2 }));
    await write(store, ID, session({ a: 2, b: 1 }));
    const { cookie: _, ...found } = await read(store, ID);
    assert.equal(JSON.stringify(found), '{"a":2,"b":1}');
  },

  "touch stores the cookie, and nothing else": async ({ store }) => {
    await write(store, ID, session({ user: "Ada" }));
    const cookie = { ...COOKIE, path: "/shop", sameSite: "lax" };
    await touch(store, ID, { cookie, user: "Grace", more: true });
    assert.deepEqual(await read(store, ID), { cookie, user: "Ada" });
  },

  "ids are kept apart, whatever characters they have": async ({ store }) => {
    await Promise.all(ODD_IDS.map((id) => write(store, id, session({ is: id }))));
    assert.equal(await count(store), ODD_IDS.length);
    const listed = await list(store);
    assert.deepEqual(listed.map(({ is }) => is).sort(), [...ODD_IDS].sort());
    for (const id of ODD_IDS) assert.equal((await read(store, id)).is, id);
    await destroy(store, "*");
    assert.equal(await count(store), ODD_IDS.length - 1);
    await clear(store);
    for (const id of ODD_IDS) assert.ok(!(await read(store, id)), id);
  },

  "ids may be long": async ({ store }) => {
    const ids = ["a", "b"].map((last) => "x".repeat(255) + last);
    for (const id of ids) await write(store, id, session({ is: id }));
    for (const id of ids) assert.equal((await read(store, id)).is, id);
  },

  "all gives every session whole": async ({ store }) => {
    await write(store, "a", session({ user: "Ada" }));
    await write(store, "b", session({ user: "Grace" }));
    const listed = await list(store);
    assert.deepEqual(listed.map(({ user }) => user).sort(), ["Ada", "Grace"]);
    for (const { cookie } of listed) assert.deepEqual(cookie, COOKIE);
  },

  "all gives nothing of an empty store": async ({ store }) => {
    assert.deepEqual(await list(store), []);
  },
};
