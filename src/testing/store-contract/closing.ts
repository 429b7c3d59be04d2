import assert from "node:assert/strict";
import { StoreClosedError } from "../../errors.js";
import { type Cases, listed, rejects, type Scenario, type Store } from "./scenario.js";

/** Every method that answers with a promise, and the two that list. */
const METHODS: Readonly<Record<string, (store: Store, id: string) => Promise<unknown>>> = {
  start: (store) => store.start(),
  get: (store, id) => store.get(id),
  "get with strong consistency": (store, id) => store.get(id, { consistency: "strong" }),
  create: (store) => store.create({}),
  set: (store, id) => store.set(id, {}),
  update: (store, id) => store.update(id, (data) => data),
  touch: (store, id) => store.touch(id),
  delete: (store, id) => store.delete(id),
  rotate: (store, id) => store.rotate(id, "new", { graceMs: 1_000 }),
  clear: (store) => store.clear(),
  size: (store) => store.size(),
  ids: (store) => listed(store.ids()),
  all: (store) => listed(store.all()),
  find: (store) => store.find(() => true),
  count: (store) => store.count(() => true),
  deleteWhere: (store) => store.deleteWhere(() => true),
};

/** The end of a store. */
export const CLOSING: Cases = {
  ...Object.fromEntries(
    Object.entries(METHODS).map(([name, call]) => [
      `a closed store refuses: ${name}`,
      async ({ store }: Scenario) => {
        const { id } = await store.create({});
        await store.get(id);
        await store.close();
        await rejects(call(store, id), StoreClosedError);
      },
    ]),
  ),

  "a closed store holds nothing in memory": async ({ store }) => {
    const { id } = await store.create({});
    await store.get(id);
    await store.close();
    assert.equal(store.peek(id), undefined);
  },

  "a closed store is not healthy": async ({ store }) => {
    await store.close();
    assert.equal(await store.healthy(), false);
  },

  "close() may be called again": async ({ store }) => {
    await store.close();
    await store.close();
  },

  "a store that was never used or started can be closed": async ({ store }) => {
    await store.close();
    await rejects(store.start(), StoreClosedError);
  },

  "[Symbol.asyncDispose]() closes the store": async ({ store }) => {
    await store[Symbol.asyncDispose]();
    await rejects(store.get("an-id"), StoreClosedError);
  },
};
