import { RedisStore as ConnectRedisStore } from "connect-redis";
import session from "express-session";
import { LRUCache } from "lru-cache";
import { ClusteredRedisStore } from "sessionmesh";
import { ExpressSessionStore } from "sessionmesh/express";
import { byCallback, compare, inSequence, repeat } from "./harness.mjs";
import { connectIoredis, connectNodeRedis, PREFIX, WIDE_BOUNDS } from "./redis.mjs";
import { timingTable } from "./report.mjs";
import { makeId, makeSession } from "./sessions.mjs";

/** A power of two, so that `i % SESSIONS` costs next to nothing. */
const SESSIONS = 1_024;
/** Longer than the benchmark: a cached read is never to become a miss. */
const CACHE_TTL_MS = 600_000;

/** @typedef {import("./sessions.mjs").StoredSession} StoredSession */

/**
 * What does a read cost?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, effort }) {
  const client = await connectNodeRedis(redisUrl);
  const ioredis = await connectIoredis(redisUrl);
  const localCache = { ttlMs: CACHE_TTL_MS };
  /** @type {ClusteredRedisStore<StoredSession>} */
  const store = new ClusteredRedisStore({ client, prefix: PREFIX, localCache, ...WIDE_BOUNDS });
  /** @type {ClusteredRedisStore<StoredSession>} */
  const overIoredis = new ClusteredRedisStore({
    client: ioredis,
    prefix: PREFIX,
    localCache,
    ...WIDE_BOUNDS,
  });
  await Promise.all([store.start(), overIoredis.start()]);
  const express = new ExpressSessionStore({ store });
  const connectRedis = new ConnectRedisStore({ client, prefix: `${PREFIX}connect-redis:` });
  const memoryStore = new session.MemoryStore();
  const map = new Map();
  const lru = new LRUCache({ max: 2 * SESSIONS });
  const lruWithTtl = new LRUCache({ max: 2 * SESSIONS, ttl: CACHE_TTL_MS });

  for (let n = 0; n < SESSIONS; n++) {
    const data = makeSession(n);
    await express.set(makeId(n), data);
    await connectRedis.set(makeId(n), data);
    memoryStore.set(makeId(n), data);
    const decoded = JSON.parse(JSON.stringify(data));
    for (const cache of [map, lru, lruWithTtl]) cache.set(makeId(n), decoded);
  }
  const ids = Array.from({ length: SESSIONS }, (_, n) => makeId(n));
  const texts = ids.map((id) => JSON.stringify(map.get(id)));
  const id = (/** @type {number} */ i) => /** @type {string} */ (ids[i % SESSIONS]);
  const text = (/** @type {number} */ i) => /** @type {string} */ (texts[i % SESSIONS]);

  const asynchronously = async (/** @type {string} */ id) => map.get(id);
  const native = await compare(
    [
      { name: "lru-cache get, with TTL", run: repeat((i) => lruWithTtl.get(id(i))) },
      { name: "lru-cache get, without TTL", run: repeat((i) => lru.get(id(i))) },
      { name: "Map get", run: repeat((i) => map.get(id(i))) },
      { name: "peek", run: repeat((i) => store.peek(id(i))) },
      { name: "Map get by an async function, awaited", run: inSequence((i) => asynchronously(id(i))) },
      { name: "get, awaited", run: inSequence((i) => store.get(id(i))) },
    ],
    effort,
  );
  const byExpress = await compare(
    [
      { name: "MemoryStore of express-session", run: byCallback((i, done) => memoryStore.get(id(i), done)) },
      { name: "ExpressSessionStore", run: byCallback((i, done) => express.get(id(i), done)) },
      { name: "of that: plain-object clone", run: repeat((i) => clone(map.get(id(i)))) },
      { name: "instead: JSON.parse", run: repeat((i) => JSON.parse(text(i))) },
      { name: "instead: structuredClone", run: repeat((i) => structuredClone(map.get(id(i)))) },
    ],
    effort,
  );
  if (store.cacheStats().misses > 0) throw new Error("a read that was to be a hit went to Redis");

  const strong = /** @type {const} */ ({ consistency: "strong" });
  const missed = (/** @type {string} */ id) => {
    store.evictFromCache(id);
    return store.get(id);
  };
  const fromRedis = await compare(
    [
      { name: "connect-redis get", run: inSequence((i) => connectRedis.get(id(i))) },
      { name: "get, not cached", run: inSequence((i) => missed(id(i))) },
      { name: "get, strong", run: inSequence((i) => store.get(id(i), strong)) },
      { name: "get, strong, over ioredis", run: inSequence((i) => overIoredis.get(id(i), strong)) },
    ],
    effort,
  );

  await store.clear();
  await Promise.all([store.close(), overIoredis.close()]);
  client.destroy();
  ioredis.disconnect();
  return [
    timingTable("Reads from memory, 1 KB session", native, IN_SEQUENCE, { "get, awaited": { maxNs: 200 } }),
    timingTable("Express reads from memory, until the callback runs", byExpress, CALLBACKS, {
      ExpressSessionStore: { maxNs: 1_300 },
    }),
    timingTable("Reads from Redis", fromRedis, "Each read awaited before the next begins."),
  ];
}

const IN_SEQUENCE =
  "What is awaited is awaited in a loop, each before the next begins; the rest is a plain loop.";
const CALLBACKS =
  "Each read begins in the callback of the one before; MemoryStore calls back from setImmediate.";

/**
 * A copy of a tree of plain objects and arrays, as one would write it by hand.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
function clone(value) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(clone);
  /** @type {Record<string, unknown>} */
  const copy = {};
  for (const [key, child] of Object.entries(value)) copy[key] = clone(child);
  return copy;
}
