import { InvalidOptionError } from "../errors.js";
import { DEFAULT_STORAGE_PREFIX, requireBoolean } from "../options.js";
import { BATCH_SIZE, inBatches } from "../stores/queries.js";
import type { SessionStore } from "../stores/store.js";
import { secondsToMs, textOf } from "./key-value.js";
import { type StoreOrOptions, startedStore } from "./owned-store.js";

/**
 * Either the options of `ClusteredRedisStore`, with `"storage:"` as default of `prefix`, or `{ store }` with a store of your own, whose
 * sessions are then the driver's items.
 */
export type UnstorageDriverOptions = StoreOrOptions<string> & {
  /** `true`: a removed item cannot be set again for `tombstoneTtlMs`, as if each were a session. Default `false`. */
  tombstones?: boolean;
};

/** What a call may be told of an item. What else there is, is another driver's business. */
export interface UnstorageItemOptions {
  /** Life of the item in seconds, above zero, fractions included. Default: the store's `ttlMs`. */
  ttl?: number;
}

/** What is known of an item beside its value. */
export interface UnstorageItemMeta {
  /** When it was set first. */
  birthtime: Date;
  /** How many seconds it has left, rounded up. */
  ttl: number;
  [key: string]: Date | number;
}

/** What unstorage takes as `driver`. Everything rejects with the error of the store if Redis fails. */
export interface UnstorageDriver {
  readonly name: string;
  /** The store behind the driver. */
  getInstance(): SessionStore<string>;
  /** Whether there is such an item. */
  hasItem(key: string): Promise<boolean>;
  /** The item's value, or `null`; as old as the bound on staleness at most. */
  getItem(key: string): Promise<string | null>;
  /** Sets an item. */
  setItem(key: string, value: string, options?: UnstorageItemOptions): Promise<void>;
  /** Removes an item, if there is one. */
  removeItem(key: string): Promise<void>;
  /** When the item was set first, and how long it lives; `null` if there is none. */
  getMeta(key: string): Promise<UnstorageItemMeta | null>;
  /** The keys that begin with `base`. O(all items). */
  getKeys(base?: string): Promise<string[]>;
  /** Removes the items whose keys begin with `base`. O(all items). */
  clear(base?: string): Promise<void>;
  /** Closes the store, unless it was given as `store`. */
  dispose(): Promise<void>;
}

/**
 * A driver for unstorage, and so for h3, Nitro, Nuxt and whatever else mounts one, with its items answered from the memory of each node.
 *
 * @example
 * const storage = createStorage({ driver: unstorageDriver({ client }) });
 */
export function unstorageDriver({ tombstones = false, ...options }: UnstorageDriverOptions): UnstorageDriver {
  requireBoolean("tombstones", tombstones);
  const isOurs = !("store" in options);
  const store: SessionStore<string> = startedStore<string>(resolve(options));

  async function* keysOf(base: string): AsyncGenerator<string> {
    for await (const key of store.ids()) if (key.startsWith(base)) yield key;
  }

  // not a class: unstorage calls these as functions
  return {
    name: "sessionmesh",
    getInstance: () => store,

    async hasItem(key) {
      return (await store.get(key)) !== undefined;
    },

    async getItem(key) {
      return textOf(await store.get(key));
    },

    async setItem(key, value, { ttl } = {}) {
      await store.set(key, value, { ttlMs: ttl === undefined ? store.ttlMs : ttlMsOf(ttl) });
    },

    async removeItem(key) {
      await store.delete(key, { tombstone: tombstones });
    },

    async getMeta(key) {
      const found = await store.get(key);
      if (found === undefined) return null;
      const leftMs = Math.max(0, found.expiresAtMs - Date.now());
      return { birthtime: new Date(found.createdAtMs), ttl: Math.ceil(leftMs / 1_000) };
    },

    async getKeys(base = "") {
      const keys: string[] = [];
      for await (const key of keysOf(base)) keys.push(key);
      return keys;
    },

    async clear(base = "") {
      for await (const keys of inBatches(keysOf(base), BATCH_SIZE)) {
        await Promise.all(keys.map((key) => store.delete(key, { tombstone: tombstones })));
      }
    },

    async dispose() {
      if (isOurs) await store.close();
    },
  };
}

function resolve(options: StoreOrOptions<string>): StoreOrOptions<string> {
  if ("store" in options) return options;
  const { prefix = DEFAULT_STORAGE_PREFIX } = options;
  return { ...options, prefix };
}

function ttlMsOf(ttl: number): number {
  const ttlMs = secondsToMs("ttl", ttl);
  if (ttlMs <= 0) throw new InvalidOptionError("ttl", "a number of seconds above 0", ttl);
  return ttlMs;
}
