import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SessionConflictError } from "../../errors.js";
import { type Cases, read, rejects } from "./scenario.js";

interface Counter {
  n: number;
}

const increment = (data: unknown) => ({ n: (data as Counter).n + 1 });

/** `update()`: a change that no other one gets lost by. */
export const UPDATES: Cases = {
  "changes the data, and nothing else": async ({ store }) => {
    const created = await store.create({ n: 1 }, { user: "ada" });
    const updated = await store.update(created.id, increment);
    assert.deepEqual(updated?.data, { n: 2 });
    assert.equal(updated?.createdAtMs, created.createdAtMs);
    assert.equal(updated?.user, "ada");
    assert.deepEqual(await store.get(created.id), updated);
  },

  "hands the change the session": async ({ store }) => {
    const created = await store.create({ n: 1 });
    await store.update(created.id, (data, session) => {
      assert.deepEqual(session, created);
      assert.equal(data, session.data);
      assert.ok(Object.isFrozen(data));
      return data;
    });
  },

  "waits for a change that takes its time": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const updated = await store.update(id, async (data) => {
      await nextTurn();
      return increment(data);
    });
    assert.deepEqual(updated?.data, { n: 2 });
  },

  "answers undefined where there is no session, and asks for no change": async ({ store }) => {
    const updated = await store.update("nobody", () => assert.fail("nothing can be changed"));
    assert.equal(updated, undefined);
    assert.equal(await store.size(), 0);
  },

  "runs again on what another write has left": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const seen: unknown[] = [];
    const updated = await store.update(id, async (data) => {
      seen.push(data);
      if (seen.length <= 2) await store.set(id, { n: seen.length * 10 });
      return increment(data);
    });
    assert.deepEqual(seen, [{ n: 1 }, { n: 10 }, { n: 20 }]);
    assert.deepEqual(updated?.data, { n: 21 });
    assert.deepEqual(await store.get(id), updated);
  },

  "gives up in the end, and leaves the other write": async ({ store }) => {
    const { id } = await store.create({ n: 0 });
    let attempts = 0;
    const change = async () => {
      attempts++;
      await store.set(id, { by: "another", attempts });
      return { by: "update" };
    };
    await rejects(store.update(id, change), SessionConflictError);
    assert.equal(attempts, 32);
    assert.deepEqual((await read(store, id)).data, { by: "another", attempts: 32 });
  },

  "loses none of fifty simultaneous ones": async ({ store }) => {
    const { id } = await store.create({ n: 0 });
    await Promise.all(Array.from({ length: 50 }, () => store.update(id, increment)));
    assert.deepEqual((await read(store, id)).data, { n: 50 });
  },

  "does not bring back a session that ended meanwhile": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const updated = await store.update(id, async (data) => {
      await store.delete(id);
      return increment(data);
    });
    assert.equal(updated, undefined);
    assert.equal(await store.get(id), undefined);
  },

  "fails with the error of its change, at once, and writes nothing": async ({ store }) => {
    const created = await store.create({ n: 1 });
    for (const change of [
      () => {
        throw new RangeError("no");
      },
      () => Promise.reject(new RangeError("no")),
    ]) {
      let attempts = 0;
      const counted = () => {
        attempts++;
        return change();
      };
      await assert.rejects(store.update(created.id, counted), RangeError);
      assert.equal(attempts, 1);
    }
    assert.deepEqual(await store.get(created.id), created);
  },

  "loses none of the changes that are made at the same time": async ({ store }) => {
    const { id } = await store.create({ n: 0 });
    // A change meets a conflict only where another one of its round has just won. So of five, none needs a sixth attempt.
    for (let round = 0; round < 4; round++) {
      await Promise.all(Array.from({ length: 5 }, () => store.update(id, increment)));
    }
    assert.deepEqual((await read(store, id)).data, { n: 20 });
  },

  "gives the session the life that is asked for": async ({ store }) => {
    const { id } = await store.create({ n: 1 });
    const beforeMs = Date.now();
    const updated = await store.update(id, increment, { ttlMs: 1_000_000 });
    assert.ok(updated);
    assert.ok(updated.expiresAtMs >= beforeMs + 1_000_000);
    assert.ok(updated.expiresAtMs <= Date.now() + 1_000_000);
  },
};
