import assert from "node:assert/strict";
import {
  InvalidOptionError,
  InvalidSessionIdError,
  SessionConflictError,
  SessionRevokedError,
} from "../../errors.js";
import { until } from "../until.js";
import { type Cases, having, listed, read, rejects, type Store } from "./scenario.js";

/** So long that no case sees its end. */
const GRACE = { graceMs: 600_000 };
/** Names a deletion. */
const NAME = "a-deletion_1";
const BAD_GRACES = [-1, 0.5, 3_600_001, Number.POSITIVE_INFINITY, Number.NaN, "1000", null, undefined];

/** A session that was rotated, and written under its new id. */
async function rotated(store: Store, user?: string) {
  const old = await store.create({ n: 1 }, user === undefined ? {} : { user });
  assert.equal(await store.rotate(old.id, "new", GRACE), true);
  const session = await store.set("new", { n: 2 }, user === undefined ? {} : { user });
  return { oldId: old.id, session };
}

/** Checks that nothing is reached under these ids, and that nothing can be written. */
async function assertOver(store: Store, ...ids: string[]): Promise<void> {
  for (const id of ids) {
    assert.equal(store.peek(id), undefined);
    assert.equal(await store.get(id), undefined);
    assert.equal(await store.get(id, { consistency: "strong" }), undefined);
    assert.equal(await store.touch(id), false);
    assert.equal(await store.update(id, () => ({ n: 3 })), undefined);
    await rejects(store.set(id, { n: 3 }), SessionRevokedError);
  }
}

/** `rotate()`, and what the old id stands for after it. */
export const ROTATION: Cases = {
  "reads under the old id reach the session under the new one": async ({ store }) => {
    const { oldId, session } = await rotated(store);
    for (let n = 0; n < 2; n++) {
      assert.deepEqual(await store.get(oldId), session);
      assert.deepEqual(await store.get(oldId, { consistency: "strong" }), session);
    }
    assert.equal(session.id, "new");
    assert.deepEqual(await store.get("new"), session);
  },

  "peek() under the old id answers never with what was there before": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    await store.get(id);
    await store.rotate(id, "new", GRACE);
    assert.equal(store.peek(id), undefined);
    await store.set("new", { n: 2 });
    assert.notDeepEqual(store.peek(id)?.data, { n: 1 });
  },

  "no data is copied: until the new session is written there is none": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 });
    await store.rotate(id, "new", GRACE);
    await assertOver(store, id);
    await rejects(store.set(id, { n: 3 }, { ifRevision: revision }), SessionRevokedError);
    assert.equal(await store.get("new"), undefined);
    const session = await store.set("new", { n: 2 }); // what was refused did no harm
    assert.deepEqual(await store.get(id), session);
  },

  "the new session may be there before": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const session = await store.create({ n: 2 });
    assert.equal(await store.rotate(id, session.id, GRACE), true);
    assert.deepEqual(await store.get(id), session);
    assert.equal(await store.size(), 1);
  },

  "writes under the old id reach the session under the new one": async ({ store }) => {
    const { oldId, session } = await rotated(store);
    const written = await store.set(oldId, { n: 3 });
    assert.equal(written.id, "new");
    assert.equal(written.createdAtMs, session.createdAtMs);
    assert.deepEqual(await store.get("new"), written);
    const updated = await store.update(oldId, () => ({ n: 4 }));
    assert.deepEqual(await store.get("new"), updated);
    assert.deepEqual(await store.get(oldId), updated);
    assert.equal(await store.size(), 1);
  },

  "a revision under the old id is that of the session under the new one": async ({ store }) => {
    const old = await store.create({ n: 1 });
    await store.rotate(old.id, "new", GRACE);
    const session = await store.set("new", { n: 2 });
    await rejects(store.set(old.id, { n: 3 }, { ifRevision: old.revision }), SessionConflictError);
    await rejects(store.delete(old.id, { ifRevision: old.revision }), SessionConflictError);
    assert.deepEqual(await store.get(old.id), session);
    const written = await store.set(old.id, { n: 3 }, { ifRevision: session.revision });
    assert.deepEqual(await store.get("new"), written);
    assert.equal(await store.delete(old.id, { ifRevision: written.revision }), true);
    await assertOver(store, old.id, "new");
  },

  "touch() under the old id extends the session under the new one": async ({ store }) => {
    const { oldId, session } = await rotated(store);
    assert.equal(await store.touch(oldId, { ttlMs: 2 * store.ttlMs }), true);
    const { expiresAtMs } = (await store.get("new", { consistency: "strong" })) ?? session;
    assert.ok(expiresAtMs >= session.expiresAtMs + store.ttlMs, "it was not extended");
  },

  "delete() under the old id ends the session under the new one": async ({ store }) => {
    const { oldId } = await rotated(store);
    assert.equal(await store.delete(oldId), true);
    await assertOver(store, oldId, "new");
    assert.equal(await store.delete(oldId), false);
    assert.equal(await store.size(), 0);
  },

  "delete() under the old id keeps the new session from being written": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    await store.rotate(id, "new", GRACE);
    assert.equal(await store.delete(id, { ifRevision: "a" }), false); // of what is not there: nothing is done
    assert.equal(await store.delete(id), false);
    await assertOver(store, id, "new");
  },

  "delete() under the new id leaves nothing under the old one": async ({ store }) => {
    const { oldId } = await rotated(store);
    assert.equal(await store.delete("new"), true);
    await assertOver(store, oldId, "new");
  },

  "revoke() under the old id ends the session under the new one": async ({ store }) => {
    const { oldId } = await rotated(store);
    await store.revoke(oldId);
    await assertOver(store, oldId, "new");
  },

  "revoke() under the new id leaves nothing under the old one": async ({ store }) => {
    const { oldId } = await rotated(store);
    await store.get(oldId);
    await store.revoke("new");
    await assertOver(store, oldId, "new");
  },

  "revokeUser() ends the session under both ids": async ({ store }) => {
    const { oldId } = await rotated(store, "ada");
    assert.equal((await read(store, oldId)).user, "ada");
    await store.revokeUser("ada");
    await assertOver(store, oldId, "new");
  },

  "only the new id is listed and counted": async ({ store }) => {
    const { oldId, session } = await rotated(store, "ada");
    assert.equal(await store.size(), 1);
    assert.deepEqual(await listed(store.ids()), ["new"]);
    assert.deepEqual(await listed(store.all()), [session]);
    assert.deepEqual(await listed(store.sessionsOf("ada")), [session]);
    assert.deepEqual(await store.find(() => true), [session]);
    assert.equal(await store.count(() => true), 1);
    assert.equal(await store.deleteWhere(having("n", 2)), 1);
    await assertOver(store, oldId, "new");
  },

  "clear() forgets the old id": async ({ store }) => {
    const { oldId } = await rotated(store);
    assert.equal(await store.clear(), 1);
    assert.equal(await store.get(oldId), undefined);
    assert.equal(await store.size(), 0);
    assert.equal((await store.set(oldId, { n: 5 })).id, oldId);
  },

  "there is nothing to rotate where there is no session": async ({ store }) => {
    assert.equal(await store.rotate("nobody", "new", GRACE), false);
    const { id } = await store.create({});
    await store.delete(id);
    assert.equal(await store.rotate(id, "new", GRACE), false);
    await store.set("new", { n: 2 });
    await assertOver(store, id, "nobody");
  },

  "the same rotation again changes nothing": async ({ store }) => {
    const { oldId, session } = await rotated(store);
    assert.equal(await store.rotate(oldId, "new", GRACE), true);
    assert.deepEqual(await store.get(oldId), session);
    assert.deepEqual(await store.get("new"), session);
  },

  "a rotation under the old id rotates the session under the new one": async ({ store }) => {
    const { oldId } = await rotated(store);
    assert.equal(await store.rotate(oldId, "newest", GRACE), true);
    await assertOver(store, oldId, "new");
    const session = await store.set("newest", { n: 3 });
    for (const id of [oldId, "new", "newest"]) assert.deepEqual(await store.get(id), session);
    assert.equal(await store.delete(oldId), true);
    await assertOver(store, oldId, "new", "newest");
  },

  "a rotation under the old id leaves a new session alone that is yet to be written": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    await store.rotate(id, "new", GRACE);
    assert.equal(await store.rotate(id, "another", GRACE), false);
    const session = await store.set("new", { n: 2 });
    assert.deepEqual(await store.get(id), session);
  },

  "an old id is followed four times, and not for ever": async ({ store }) => {
    const ids = ["id-0", "id-1", "id-2", "id-3", "id-4", "id-5"] as const;
    await store.set(ids[0], { n: 0 });
    for (const [n, id] of ids.slice(0, -1).entries()) {
      assert.equal(await store.rotate(id, ids[n + 1] as string, GRACE), true);
      await store.set(ids[n + 1] as string, { n: n + 1 });
    }
    for (const id of ids.slice(1)) assert.equal((await read(store, id)).id, "id-5");
    assert.equal(await store.get("id-0"), undefined);
    assert.equal(await store.touch("id-0"), false);
    await rejects(store.set("id-0", {}), SessionRevokedError);
    assert.equal(await store.rotate("id-0", "id-6", GRACE), false);
    assert.equal(await store.delete("id-0"), false);
    assert.equal((await read(store, "id-5")).id, "id-5");
  },

  "ids that lead in a circle lead nowhere": async ({ store }) => {
    const { oldId } = await rotated(store);
    assert.equal(await store.rotate("new", oldId, GRACE), true);
    await assertOver(store, oldId, "new");
    assert.equal(await store.delete(oldId), false);
    await store.revoke("new");
    await assertOver(store, oldId, "new");
  },

  "without a grace, the old id is dead at once": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    assert.equal(await store.rotate(id, "new", { graceMs: 0 }), true);
    const session = await store.set("new", { n: 2 });
    await assertOver(store, id);
    assert.equal(await store.delete(id), false);
    await store.revoke(id);
    assert.deepEqual(await store.get("new"), session);
  },

  "a deletion that has a name becomes a rotation": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    assert.equal(await store.delete(id, { name: NAME }), true);
    await assertOver(store, id);
    const session = await store.set("new", { n: 2 });
    for (let n = 0; n < 2; n++)
      assert.equal(await store.rotate(id, "new", { ...GRACE, deletion: NAME }), true);
    assert.deepEqual(await store.get(id), session);
    const written = await store.set(id, { n: 3 });
    assert.deepEqual(await store.get("new"), written);
    assert.equal(await store.delete(id), true);
    await assertOver(store, id, "new");
  },

  "a deletion that was followed by another one becomes none": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    await store.delete(id, { name: NAME });
    await store.delete(id);
    const session = await store.set("new", { n: 2 });
    assert.equal(await store.rotate(id, "new", { ...GRACE, deletion: NAME }), false);
    await assertOver(store, id);
    assert.deepEqual(await store.get("new"), session);
  },

  "a deletion that found no session becomes none, and another one neither": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    assert.equal(await store.rotate(id, "new", { ...GRACE, deletion: NAME }), false);
    assert.equal((await read(store, id)).id, id);
    await store.delete(id);
    await store.delete(id, { name: NAME });
    assert.equal(await store.rotate(id, "new", { ...GRACE, deletion: NAME }), false);
    assert.equal(await store.rotate("nobody", "new", { ...GRACE, deletion: NAME }), false);
    assert.equal((await store.set("nobody", { n: 1 })).id, "nobody");
    await store.set("new", { n: 2 });
    await assertOver(store, id);
  },

  "a deletion of what an old id led to becomes none under that id": async ({ store }) => {
    const { oldId } = await rotated(store);
    assert.equal(await store.delete(oldId, { name: NAME }), true);
    await store.set("newest", { n: 3 });
    assert.equal(await store.rotate(oldId, "newest", { ...GRACE, deletion: NAME }), false);
    await assertOver(store, oldId, "new");
  },

  "the name of a deletion is 12 characters of base64url": async ({ store }) => {
    const session = await store.create({ n: 1 });
    for (const bad of ["", "x".repeat(11), "x".repeat(13), "x".repeat(11).concat("+"), 1, null]) {
      const named = { name: bad } as { name: string };
      assert.equal((await rejects(store.delete(session.id, named), InvalidOptionError)).option, "name");
      const rotation = { ...GRACE, deletion: bad } as { graceMs: number };
      const refused = await rejects(store.rotate(session.id, "new", rotation), InvalidOptionError);
      assert.equal(refused.option, "deletion");
    }
    assert.deepEqual(await store.get(session.id), session);
  },

  "after the grace, the old id is dead, and the new session lives": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const session = await store.create({ n: 2 });
    await store.rotate(id, session.id, { graceMs: 100 });
    await until(async () => (await store.get(id)) === undefined);
    await assertOver(store, id);
    assert.equal(await store.delete(id), false);
    assert.deepEqual(await store.get(session.id), session);
  },

  "an id cannot be rotated to itself, nor to what is no id": async ({ store }) => {
    const session = await store.create({ n: 1 });
    const { message, option } = await rejects(
      store.rotate(session.id, session.id, GRACE),
      InvalidOptionError,
    );
    assert.equal(option, "newId");
    assert.ok(!message.includes(session.id), "the error tells the id, a credential");
    for (const bad of ["", "a\nb", "x".repeat(513), undefined, 1]) {
      await rejects(store.rotate(session.id, bad as string, GRACE), InvalidSessionIdError);
    }
    assert.deepEqual(await store.get(session.id), session);
  },

  "a grace is a whole number of milliseconds, an hour at most": async ({ store }) => {
    const session = await store.create({ n: 1 });
    for (const graceMs of BAD_GRACES) {
      const error = await rejects(
        store.rotate(session.id, "new", { graceMs } as { graceMs: number }),
        InvalidOptionError,
      );
      assert.equal(error.option, "graceMs");
    }
    const misspelt = { graceMs: 1, grace: 1 };
    await rejects(store.rotate(session.id, "new", misspelt), InvalidOptionError);
    await rejects(store.rotate(session.id, "new", undefined as never), InvalidOptionError);
    assert.deepEqual(await store.get(session.id), session);
    assert.equal(await store.rotate(session.id, "new", { graceMs: 3_600_000 }), true);
  },
};
