import { requireKnownOptions } from "../options.js";
import type { ResolveConflict } from "../session/merge.js";
import { ClusteredRedisStore, type ClusteredRedisStoreOptions } from "../stores/clustered-redis-store.js";
import type { SessionStore } from "../stores/store.js";

// biome-ignore lint/suspicious/noExplicitAny: what the application calls its data is not the middleware's business
type AnyStore = SessionStore<any>;

/** Where an adapter's sessions are: in a store of the application, or in one that the adapter makes of these options. */
export type StoreOrOptions<T, S extends AnyStore = AnyStore> = { store: S } | ClusteredRedisStoreOptions<T>;

/** How the adapter of a middleware saves sessions. */
export interface SavingOptions {
  /**
   * Decides what a field becomes that two requests have changed at once, each in another way; everything else is merged. It returns the value, not a
   * promise. Default: the later request wins.
   */
  onConflict?: ResolveConflict;
  /**
   * For how long after a session was regenerated its old id stands for the new session, in milliseconds: requests that were under way then find
   * it and write to it. So long, whoever knows the old id has the new session too: after a login, a few seconds at most. Default 0. For
   * middlewares that can regenerate: @hono/session cannot.
   */
  rotationGraceMs?: number;
}

/** What an adapter of a middleware is made of. */
export type AdapterOptions<T> = StoreOrOptions<T> & SavingOptions;

/**
 * The adapter's store, started. Middlewares cannot wait for a store, and need not: until the first lease is held it answers from Redis.
 * A start that takes too long is not an error for anybody to handle here: the coordinator says so to the logger and keeps trying.
 */
export function startedStore<T, S extends AnyStore = AnyStore>(
  options: StoreOrOptions<T, S>,
): S | ClusteredRedisStore<T> {
  if ("store" in options) requireKnownOptions("", options, ["store"]);
  const store = "store" in options ? options.store : new ClusteredRedisStore(options);
  store.start().catch(() => {});
  return store;
}
