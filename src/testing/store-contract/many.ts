import assert from "node:assert/strict";
import type { Session } from "../../session/session.js";
import { type Cases, having, listed, type Store } from "./scenario.js";

const COUNT = 1_500;
/** How many writes are under way at a time. */
const BATCH_SIZE = 100;

async function fill(store: Store, count: number): Promise<Session<unknown>[]> {
  const sessions: Session<unknown>[] = [];
  while (sessions.length < count) {
    const batch = Array.from({ length: BATCH_SIZE }, (_, n) => store.create({ even: n % 2 === 0 }));
    sessions.push(...(await Promise.all(batch)));
  }
  return sessions;
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/** What is done to all sessions of a store, or to those that match. */
export const MANY: Cases = {
  "a store with nothing in it": async ({ store }) => {
    assert.equal(await store.size(), 0);
    assert.deepEqual(await listed(store.ids()), []);
    assert.deepEqual(await listed(store.all()), []);
    assert.deepEqual(await store.find(() => true), []);
    assert.equal(await store.count(() => true), 0);
    assert.equal(await store.deleteWhere(() => true), 0);
    assert.equal(await store.clear(), 0);
  },

  "each of 1,500 sessions is listed once, counted, and cleared": async ({ store }) => {
    const sessions = (await fill(store, COUNT)).sort(byId);
    assert.equal(await store.size(), COUNT);
    assert.deepEqual(
      (await listed(store.ids())).sort(),
      sessions.map(({ id }) => id),
    );
    assert.deepEqual((await listed(store.all())).sort(byId), sessions);
    assert.equal(await store.count(having("even", true)), COUNT / 2);
    assert.equal(await store.deleteWhere(having("even", true)), COUNT / 2);
    assert.equal(await store.size(), COUNT / 2);
    assert.equal(await store.clear(), COUNT / 2);
    assert.equal(await store.size(), 0);
    for (const { id } of sessions.slice(0, 3)) assert.equal(await store.get(id), undefined);
  },

  "find() and count() give the sessions that match": async ({ store }) => {
    const ada = await store.create({ name: "Ada" }, { user: "ada" });
    const bob = await store.create({ name: "Bob" });
    assert.deepEqual(await store.find(having("name", "Ada")), [ada]);
    assert.deepEqual(await store.find(({ user }) => user === undefined), [bob]);
    assert.deepEqual((await store.find(() => true)).sort(byId), [ada, bob].sort(byId));
    assert.equal(await store.count(({ user }) => user === "ada"), 1);
  },

  "an error of the predicate is the caller's, and deletes nothing": async ({ store }) => {
    const { id } = await store.create({});
    const failing = () => {
      throw new RangeError("no");
    };
    await assert.rejects(store.find(failing), RangeError);
    await assert.rejects(store.count(failing), RangeError);
    await assert.rejects(store.deleteWhere(failing), RangeError);
    assert.ok(await store.get(id));
  },

  "deleteWhere() deletes the sessions that match, and no other one": async ({ store }) => {
    const ada = await store.create({ name: "Ada" });
    const bob = await store.create({ name: "Bob" });
    assert.equal(await store.deleteWhere(having("name", "Nobody")), 0);
    assert.equal(await store.deleteWhere(having("name", "Ada")), 1);
    assert.equal(await store.get(ada.id), undefined);
    assert.deepEqual(await store.get(bob.id), bob);
  },

  "deleteWhere() deletes no session that was changed since it was looked at": async ({ store }) => {
    const { id, revision } = await store.create({ idle: true });
    // The change and the deletion want the same revision: one of them wins, and the other one must know.
    let change: Promise<"changed" | "deleted"> | undefined;
    const deleted = await store.deleteWhere((session) => {
      change ??= store.set(id, { idle: false }, { ifRevision: revision }).then(
        () => "changed",
        () => "deleted",
      );
      return having("idle", true)(session);
    });
    if ((await change) === "changed") {
      assert.equal(deleted, 0);
      assert.deepEqual((await store.get(id))?.data, { idle: false });
    } else {
      assert.equal(deleted, 1);
      assert.equal(await store.get(id), undefined);
    }
  },

  "deleteWhere() looks again at a session that was changed, and deletes it if it matches still": async ({
    store,
  }) => {
    const { id } = await store.create({ idle: true, n: 1 });
    let change: Promise<unknown> | undefined;
    await store.deleteWhere((session) => {
      change ??= store.update(id, () => ({ idle: true, n: 2 }));
      return having("idle", true)(session);
    });
    await change;
    assert.equal(await store.get(id), undefined);
  },

  "a listing goes on when sessions come and go meanwhile": async ({ store }) => {
    const sessions = await fill(store, 300);
    const seen = new Set<string>();
    for await (const { id } of store.all()) {
      if (seen.size === 0) {
        await Promise.all(sessions.slice(0, 100).map((session) => store.delete(session.id)));
        await store.create({});
      }
      seen.add(id);
    }
    for (const { id } of sessions.slice(100)) assert.ok(seen.has(id), "a session that stayed is missing");
  },

  "a listing may be left early": async ({ store }) => {
    await fill(store, 300);
    for await (const _ of store.ids()) break;
    for await (const _ of store.all()) break;
    assert.equal(await store.clear(), 300);
  },

  "a store that was cleared can be used": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    assert.equal(await store.clear(), 1);
    assert.equal(await store.get(id), undefined);
    assert.equal(store.peek(id), undefined);
    assert.equal(await store.touch(id), false);
    const session = await store.set(id, { n: 2 });
    assert.deepEqual(await store.get(id), session);
  },
};
