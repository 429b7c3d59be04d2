import { SessionConflictError, SessionRevokedError, StoreUnavailableError } from "../errors.js";
import { DEFAULT_AUTH_PREFIX, requireMethods } from "../options.js";
import type { Session } from "../session/session.js";
import type { KeyValueStore } from "../stores/store.js";
import { ActiveSessions } from "./active-sessions.js";
import { secondsToMs, textOf } from "./key-value.js";
import { type StoreOrOptions, startedStore } from "./owned-store.js";

/**
 * Either the options of `ClusteredRedisStore`, with `"auth:"` as default of `prefix`, or `{ store }` with a store of your own, which
 * nothing else should write to.
 */
export type BetterAuthStorageOptions = StoreOrOptions<string, AnyKeyValueStore>;

// biome-ignore lint/suspicious/noExplicitAny: what the application calls its data is not the middleware's business
type AnyKeyValueStore = KeyValueStore<any>;

/** What better-auth takes as `secondaryStorage`. Everything rejects with the error of the store if Redis fails. */
export interface BetterAuthStorage {
  /** The store behind the adapter: to close it, to revoke, to look at its counts. */
  readonly store: KeyValueStore<string>;

  /** The value, or `null`. A session's may be as old as the bound on staleness; all others are read from Redis. */
  get(key: string): Promise<string | null>;

  /**
   * Stores a value for `ttl` seconds, fractions included; without a `ttl`, for the store's `ttlMs`. With one that is not above zero the value is
   * over as it comes: nothing is stored, and what was there goes. The value of a session that was deleted is not stored, and that is no error.
   */
  set(key: string, value: string, ttl?: number): Promise<void>;

  /** Deletes the value. If it is a session's, none can be stored under this key for `tombstoneTtlMs`. */
  delete(key: string): Promise<void>;

  /** The value, or `null`, and deletes it: of all who try, on all nodes, one gets it. */
  getAndDelete(key: string): Promise<string | null>;

  /** Counts one more, exactly, on all nodes. `ttl`: how many seconds a new counter lives; counting does not prolong it. */
  increment(key: string, ttl: number): Promise<number>;
}

/** What better-auth generates as a session's token, which is its key; no other key of it looks like that. */
const SESSION_TOKEN = /^[A-Za-z0-9]{32}$/;
const ACTIVE_SESSIONS = /^active-sessions-/;
/** Says when all sessions of a user were revoked. better-auth asks for it at each request, and hardly ever is there one. */
const REVOKED_BEFORE = /^revoked-sessions-before-/;
/** Stands for no value where there might be one: what is in Redis can be answered from memory, what is not cannot. */
const NONE = "";

/**
 * A `secondaryStorage` for better-auth, with its sessions answered from the memory of each node.
 *
 * @example
 * const auth = betterAuth({ secondaryStorage: betterAuthStorage({ client }) });
 */
export function betterAuthStorage(options: BetterAuthStorageOptions): BetterAuthStorage {
  const store: KeyValueStore<string> = startedStore<string, AnyKeyValueStore>(resolve(options));
  const activeSessions = new ActiveSessions(store);

  /** From memory, also that there is none. */
  async function getOrNone(key: string): Promise<Session<string> | undefined> {
    const found = await store.get(key);
    if (found !== undefined) return found;
    return store.add(key, NONE).catch((error: unknown) => {
      if (error instanceof SessionConflictError) return store.get(key, { consistency: "strong" });
      if (error instanceof StoreUnavailableError) return undefined; // so a Redis that only reads is enough for reading
      throw error;
    });
  }

  // not a class: better-auth also calls these as functions
  return {
    store,

    async get(key) {
      if (SESSION_TOKEN.test(key)) return valueIn(await store.get(key));
      if (REVOKED_BEFORE.test(key)) return valueIn(await getOrNone(key));
      if (ACTIVE_SESSIONS.test(key)) return valueIn(await activeSessions.read(key));
      return valueIn(await store.get(key, { consistency: "strong" }));
    },

    async set(key, value, ttl) {
      const ttlMs = ttl === undefined ? store.ttlMs : secondsToMs("ttl", ttl);
      if (ttlMs <= 0) await store.delete(key, { tombstone: false });
      else if (ACTIVE_SESSIONS.test(key)) await activeSessions.write(key, value, ttlMs);
      else if (SESSION_TOKEN.test(key)) await setSession(store, key, value, ttlMs);
      else await store.set(key, value, { ttlMs });
    },

    async delete(key) {
      if (ACTIVE_SESSIONS.test(key)) await activeSessions.delete(key);
      else await store.delete(key, { tombstone: SESSION_TOKEN.test(key) });
    },

    async getAndDelete(key) {
      return valueIn(await store.take(key));
    },

    async increment(key, ttl) {
      return store.increment(key, secondsToMs("ttl", ttl));
    },
  };
}

function resolve(options: BetterAuthStorageOptions): BetterAuthStorageOptions {
  if ("store" in options) {
    requireMethods("store", options.store, ["add", "take", "increment"]);
    return options;
  }
  const { prefix = DEFAULT_AUTH_PREFIX } = options;
  return { ...options, prefix };
}

async function setSession(store: KeyValueStore<string>, key: string, value: string, ttlMs: number) {
  const user = userOf(value);
  try {
    await store.set(key, value, { ttlMs, ...(user !== undefined && { user }) });
  } catch (error) {
    // It ended while its request was under way: the answer is right, and there is nothing left to save.
    if (!(error instanceof SessionRevokedError)) throw error;
  }
}

/** Whose session this is, so that the store's `revokeUser()` and `maxSessionsPerUser` know it. */
function userOf(value: string): string | undefined {
  try {
    const id: unknown = JSON.parse(value)?.session?.userId;
    return typeof id === "string" && id !== "" ? id : undefined;
  } catch {
    return undefined;
  }
}

function valueIn(found: Session<string> | undefined): string | null {
  const text = textOf(found);
  return text === NONE ? null : text;
}
