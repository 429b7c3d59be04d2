import assert from "node:assert/strict";
import { InvalidOptionError, SessionRevokedError } from "../../errors.js";
import type { Session } from "../../session/session.js";
import { type Cases, listed, rejects, type Store } from "./scenario.js";

/** The ids of a user's sessions, in the order in which they end. */
async function idsOf(store: Store, user: string): Promise<string[]> {
  return (await listed(store.sessionsOf(user))).map(({ id }) => id);
}

/** `revoke()`, `revokeUser()`, `sessionsOf()` and the limit on them. */
export const REVOCATIONS: Cases = {
  "revoke() ends a session": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const revocation = await store.revoke(id);
    assert.equal(typeof revocation.acknowledged, "boolean");
    assert.ok(revocation.waitedMs >= 0);
    assert.ok(revocation.nodes >= 0);
    assert.equal(store.peek(id), undefined);
    assert.equal(await store.get(id), undefined);
    assert.equal(await store.touch(id), false);
    await rejects(store.set(id, { n: 2 }), SessionRevokedError);
  },

  "revoke() of what is not there succeeds, and keeps it away": async ({ store }) => {
    await store.revoke("nobody");
    await rejects(store.set("nobody", {}), SessionRevokedError);
  },

  "revoke() and revokeUser() do nothing when they are told so before": async ({ store }) => {
    const { id } = await store.create({}, { user: "ada" });
    const signal = AbortSignal.abort(new RangeError("enough"));
    await assert.rejects(store.revoke(id, { signal }), RangeError);
    await assert.rejects(store.revokeUser("ada", { signal }), RangeError);
    assert.ok(await store.get(id));
    assert.ok(await store.set(id, { n: 1 }));
    assert.deepEqual(await idsOf(store, "ada"), [id]);
  },

  "revoke() refuses what is no option": async ({ store }) => {
    const { id } = await store.create({});
    for (const options of [{ timeoutMs: 0 }, { timeoutMs: "1" }, { signal: {} }, { timeout: 1 }]) {
      await rejects(store.revoke(id, options as object), InvalidOptionError);
      await rejects(store.revokeUser("ada", options as object), InvalidOptionError);
    }
    assert.ok(await store.get(id));
  },

  "revokeUser() ends all sessions of the user, and no other": async ({ store }) => {
    const own: Session<unknown>[] = [];
    for (let n = 0; n < 5; n++) own.push(await store.create({ n }, { user: "ada" }));
    const others = [await store.create({}, { user: "ad" }), await store.create({})];
    await store.set("chosen", {}, { user: "ada" });
    await store.revokeUser("ada");
    for (const { id } of [...own, { id: "chosen" }]) {
      assert.equal(store.peek(id), undefined);
      assert.equal(await store.get(id), undefined);
      assert.equal(await store.touch(id), false);
      await rejects(store.set(id, {}), SessionRevokedError);
      assert.equal(await store.delete(id), false);
    }
    for (const { id, revision } of others) assert.equal((await store.get(id))?.revision, revision);
    assert.equal(await store.size(), 2);
    assert.equal((await listed(store.all())).length, 2);
  },

  "revokeUser() does not touch what comes after it": async ({ store }) => {
    await store.create({}, { user: "ada" });
    await store.revokeUser("ada");
    const session = await store.create({ n: 1 }, { user: "ada" });
    assert.deepEqual(await store.get(session.id), session);
    assert.deepEqual(await idsOf(store, "ada"), [session.id]);
    await store.revokeUser("ada");
    assert.equal(await store.get(session.id), undefined);
    await store.revokeUser("nobody");
  },

  "a session becomes another user's by a write that says so": async ({ store }) => {
    const { id } = await store.create({}, { user: "guest" });
    assert.equal((await store.set(id, {}, { user: "ada" })).user, "ada");
    assert.equal((await store.set(id, {})).user, "ada");
    assert.deepEqual(await idsOf(store, "guest"), []);
    assert.deepEqual(await idsOf(store, "ada"), [id]);
    await store.revokeUser("guest");
    assert.equal((await store.get(id))?.user, "ada");
    await store.revokeUser("ada");
    assert.equal(await store.get(id), undefined);
  },

  "sessionsOf() lists a user's sessions, the one that ends first first": async ({ store }) => {
    const late = await store.create({ n: 1 }, { user: "Zoë\n1", ttlMs: 3_000_000 });
    const early = await store.create({ n: 2 }, { user: "Zoë\n1", ttlMs: 1_000_000 });
    const gone = await store.create({ n: 3 }, { user: "Zoë\n1" });
    await store.delete(gone.id);
    await store.create({ n: 4 }, { user: "Zoë" });
    assert.deepEqual(await listed(store.sessionsOf("Zoë\n1")), [early, late]);
    assert.ok(await store.touch(early.id, { ttlMs: 5_000_000 }));
    assert.deepEqual(await idsOf(store, "Zoë\n1"), [late.id, early.id]);
    assert.deepEqual(await idsOf(store, "nobody"), []);
    await rejects(listed(store.sessionsOf("")), InvalidOptionError);
    await rejects(store.revokeUser(""), InvalidOptionError);
  },

  "a user who has too many loses the one that would end first": async ({ open }) => {
    const store = await open({ maxSessionsPerUser: 2 });
    const first = await store.create({ n: 1 }, { user: "ada", ttlMs: 1_000_000 });
    const second = await store.create({ n: 2 }, { user: "ada", ttlMs: 3_000_000 });
    await store.create({}, { user: "grace" });
    await store.create({});
    const third = await store.create({ n: 3 }, { user: "ada", ttlMs: 500_000 }); // the newest stays, however short its life
    assert.equal(await store.get(first.id), undefined);
    assert.deepEqual(await idsOf(store, "ada"), [third.id, second.id]);
    await store.set(second.id, { n: 4 }, { user: "ada" });
    assert.equal((await idsOf(store, "ada")).length, 2);
    await store.set("chosen", {}, { user: "ada" });
    assert.deepEqual(
      await idsOf(store, "ada"),
      [second.id, "chosen"].sort((a) => (a === "chosen" ? 1 : -1)),
    );
  },

  "many logins of a user at the same time leave just as many as they may have": async ({ open }) => {
    const store = await open({ maxSessionsPerUser: 3 });
    await Promise.all(Array.from({ length: 10 }, (_, n) => store.create({ n }, { user: "ada" })));
    const left = await idsOf(store, "ada");
    assert.equal(left.length, 3);
    for (const id of left) assert.ok(await store.get(id));
  },
};
