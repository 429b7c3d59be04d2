import assert from "node:assert/strict";
import { SessionConflictError, SessionRevokedError } from "../../errors.js";
import { type Cases, read, rejects } from "./scenario.js";

/** Revisions, and what is made conditional on them. */
export const REVISIONS: Cases = {
  "every write has a new revision, even of the same data": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    const revisions = [revision];
    for (let n = 0; n < 3; n++) revisions.push((await store.set(id, { n: 1 })).revision);
    for (let n = 0; n < 3; n++) {
      const updated = await store.update(id, (data) => data);
      assert.ok(updated);
      revisions.push(updated.revision);
    }
    assert.equal(new Set(revisions).size, revisions.length);
    assert.equal((await read(store, id)).revision, revisions.at(-1));
  },

  "a touch leaves the revision alone": async ({ store }) => {
    const { id, revision } = await store.create({});
    assert.equal(await store.touch(id, { ttlMs: store.ttlMs * 2 }), true);
    assert.equal((await read(store, id)).revision, revision);
    assert.equal((await store.get(id, { consistency: "strong" }))?.revision, revision);
  },

  "set() writes if the session has the revision": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    const written = await store.set(id, { n: 2 }, { ifRevision: revision });
    assert.deepEqual(await store.get(id), written);
    assert.deepEqual(written.data, { n: 2 });
  },

  "set() writes nothing if the session has another revision": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    const current = await store.set(id, { n: 2 });
    await rejects(store.set(id, { n: 3 }, { ifRevision: revision }), SessionConflictError);
    await rejects(store.set(id, { n: 3 }, { ifRevision: "" }), SessionConflictError);
    assert.deepEqual(await store.get(id), current);
    assert.deepEqual(await store.get(id, { consistency: "strong" }), current);
  },

  "set() with a revision brings no session back": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    await store.delete(id);
    await rejects(store.set(id, { n: 2 }, { ifRevision: revision }), SessionRevokedError);
    assert.equal(await store.get(id), undefined);
  },

  "a conflict tells what is there": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    const current = await store.set(id, { n: 2 });
    const conflict = await rejects(store.set(id, { n: 3 }, { ifRevision: revision }), SessionConflictError);
    assert.deepEqual(conflict.current, current);
    const nothing = await rejects(store.set("nobody", {}, { ifRevision: revision }), SessionConflictError);
    assert.equal(nothing.current, undefined);
    assert.ok(!JSON.stringify(conflict).includes('"n"'), "the error spells the session");
  },

  "a condition that fails leaves nothing behind": async ({ store }) => {
    assert.equal(await store.delete("nobody", { ifRevision: "other" }), false);
    assert.deepEqual((await store.set("nobody", { n: 1 })).data, { n: 1 });
  },

  "of two writes on the same revision, one wins": async ({ store }) => {
    const { id, revision } = await store.create({});
    const outcomes = await Promise.allSettled([
      store.set(id, { by: "one" }, { ifRevision: revision }),
      store.set(id, { by: "other" }, { ifRevision: revision }),
    ]);
    const [won] = outcomes.filter(({ status }) => status === "fulfilled");
    const [lost] = outcomes.filter(({ status }) => status === "rejected");
    assert.ok(won?.status === "fulfilled" && lost?.status === "rejected");
    assert.ok(lost.reason instanceof SessionConflictError);
    assert.deepEqual(await store.get(id), won.value);
  },

  "delete() deletes if the session has the revision": async ({ store }) => {
    const { id, revision } = await store.create({});
    assert.equal(await store.delete(id, { ifRevision: revision }), true);
    assert.equal(await store.get(id), undefined);
    assert.equal(await store.delete(id, { ifRevision: revision }), false);
  },

  "delete() leaves a session that has another revision": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    const current = await store.set(id, { n: 2 });
    for (const outdated of [revision, "", "*"]) {
      await rejects(store.delete(id, { ifRevision: outdated }), SessionConflictError);
    }
    assert.deepEqual(await store.get(id), current);
  },
};
