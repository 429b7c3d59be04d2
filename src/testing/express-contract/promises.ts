import assert from "node:assert/strict";
import type { Cases } from "./scenario.js";
import type { ExpressStore, Untyped } from "./types.js";

const SESSION = { cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: "/" }, user: "Ada" };

type Methods = Record<"get" | "set" | "touch" | "destroy" | "all" | "length" | "clear", Untyped>;

/** The store as one that is called without callbacks. */
function promising(store: ExpressStore): Methods {
  return store as Methods;
}

/** What a store promises that answers with a promise where there is no callback. */
export const PROMISES: Cases = {
  "get, set and destroy": async ({ store: callable }) => {
    const store = promising(callable);
    assert.ok(!(await store.get("a")));
    await store.set("a", SESSION);
    assert.deepEqual(await store.get("a"), SESSION);
    await store.destroy("a");
    assert.ok(!(await store.get("a")));
  },

  touch: async ({ store: callable }) => {
    const store = promising(callable);
    await store.set("a", SESSION);
    await store.touch("a", { cookie: { ...SESSION.cookie, path: "/shop" } });
    assert.equal((await store.get("a")).cookie.path, "/shop");
  },

  "all, length and clear": async ({ store: callable }) => {
    const store = promising(callable);
    await store.set("a", SESSION);
    assert.equal(await store.length(), 1);
    assert.deepEqual(
      Object.values(await store.all()).map(({ user }: Untyped) => user),
      ["Ada"],
    );
    await store.clear();
    assert.equal(await store.length(), 0);
  },
};
