import assert from "node:assert/strict";
import { SessionConflictError, SessionRevokedError } from "../../errors.js";
import { type Cases, listed, read, rejects } from "./scenario.js";

/** What one session is, and how it comes and goes. */
export const SESSIONS: Cases = {
  "create() stores a session that get() finds": async ({ store }) => {
    const created = await store.create({ name: "Ada" });
    assert.deepEqual(created.data, { name: "Ada" });
    assert.deepEqual(await store.get(created.id), created);
    assert.deepEqual(await store.get(created.id, { consistency: "strong" }), created);
    assert.equal(await store.size(), 1);
  },

  "create() never meets an existing session": async ({ store }) => {
    const [one, other] = [await store.create({ n: 1 }), await store.create({ n: 1 })];
    assert.notEqual(one.id, other.id);
    assert.equal(await store.size(), 2);
  },

  "set() stores a session under an id that has none": async ({ store }) => {
    const session = await store.set("an-id", { n: 1 });
    assert.equal(session.id, "an-id");
    assert.deepEqual(session.data, { n: 1 });
    assert.deepEqual(await store.get("an-id"), session);
  },

  "set() replaces the data of a session as a whole": async ({ store }) => {
    const { id } = await store.create({ a: 1, b: 2 });
    const replaced = await store.set(id, { b: 3 });
    assert.deepEqual(replaced.data, { b: 3 });
    assert.deepEqual(await store.get(id), replaced);
    assert.equal(await store.size(), 1);
  },

  "set() leaves alone when the session was created, and whose it is": async ({ store }) => {
    const created = await store.create({ n: 1 }, { user: "ada" });
    const replaced = await store.set(created.id, { n: 2 });
    assert.equal(replaced.createdAtMs, created.createdAtMs);
    assert.equal(replaced.user, "ada");
    assert.deepEqual(await store.get(created.id), replaced);
  },

  "a session says when it was created": async ({ store }) => {
    const beforeMs = Date.now();
    const { createdAtMs } = await store.create({});
    assert.ok(beforeMs <= createdAtMs && createdAtMs <= Date.now(), `${createdAtMs}`);
  },

  "a session says whose it is, if anybody's": async ({ store }) => {
    const longest = "u".repeat(256);
    for (const user of ["42", "Zoë / 100 %", "👩‍🚀", "a\nb", longest]) {
      const { id } = await store.create({}, { user });
      assert.equal((await read(store, id)).user, user);
    }
    assert.equal("user" in (await store.create({})), false);
    assert.equal("user" in (await store.set("an-id", {})), false);
  },

  "get() answers undefined where there is no session": async ({ store }) => {
    assert.equal(await store.get("nobody"), undefined);
    assert.equal(await store.get("nobody", { consistency: "strong" }), undefined);
  },

  "peek() answers what get() answered, or undefined": async ({ store }) => {
    assert.equal(store.peek("nobody"), undefined);
    const { id } = await store.create({ n: 1 });
    const found = await store.get(id);
    const peeked = store.peek(id);
    if (peeked !== undefined) assert.deepEqual(peeked, found);
    await store.delete(id);
    assert.equal(store.peek(id), undefined);
  },

  "delete() ends a session, once": async ({ store }) => {
    const { id } = await store.create({});
    const other = await store.create({});
    assert.equal(await store.delete(id), true);
    assert.equal(await store.get(id), undefined);
    assert.equal(await store.delete(id), false);
    assert.deepEqual(await store.get(other.id), other);
  },

  "nothing comes after a deletion": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    await store.delete(id);
    await rejects(store.set(id, { n: 2 }), SessionRevokedError);
    assert.equal(await store.touch(id), false);
    assert.equal(await store.delete(id), false);
    assert.equal(await store.get(id), undefined);
    assert.equal(await store.size(), 0);
    assert.deepEqual(await listed(store.ids()), []);
  },

  "not even where there was none": async ({ store }) => {
    assert.equal(await store.delete("late"), false);
    await rejects(store.set("late", {}), SessionRevokedError);
    assert.equal(await store.get("late"), undefined);
  },

  "a deletion without a tombstone leaves nothing: the id may be written again": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    assert.equal(await store.delete(id, { tombstone: false }), true);
    assert.equal(await store.get(id), undefined);
    assert.equal(await store.delete(id, { tombstone: false }), false);
    const again = await store.set(id, { n: 2 });
    assert.deepEqual(await store.get(id), again);
    assert.deepEqual(await listed(store.ids()), [id]);
  },

  "it leaves the tombstone that is there": async ({ store }) => {
    const { id } = await store.create({});
    await store.delete(id);
    assert.equal(await store.delete(id, { tombstone: false }), false);
    await rejects(store.set(id, {}), SessionRevokedError);
  },

  "it may depend on the revision, too": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    const current = await store.set(id, { n: 2 });
    const outdated = { ifRevision: revision, tombstone: false };
    await rejects(store.delete(id, outdated), SessionConflictError);
    assert.deepEqual(await store.get(id), current);
    assert.equal(await store.delete(id, { ifRevision: current.revision, tombstone: false }), true);
    assert.equal(await store.get(id), undefined);
  },

  "whoever reads after a write was acknowledged sees it": async ({ store }) => {
    const { id } = await store.create({ n: 0 });
    for (let n = 1; n <= 20; n++) {
      await store.set(id, { n });
      assert.deepEqual((await read(store, id)).data, { n });
    }
  },

  "start() may be called more than once": async ({ store }) => {
    await store.start();
    await store.start();
    const { id } = await store.create({ n: 1 });
    assert.deepEqual((await read(store, id)).data, { n: 1 });
  },

  "a store that works says that it is healthy": async ({ store }) => {
    assert.equal(await store.healthy(), true);
  },
};
