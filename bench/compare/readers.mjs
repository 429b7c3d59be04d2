import session from "express-session";
import { LRUCache } from "lru-cache";
import createMemoryStore from "memorystore";
import { ExpressSessionStore } from "../../dist/adapters/express.js";
import { ClusteredRedisStore } from "../../dist/index.js";
import { byCallback, inSequence, repeat } from "../harness.mjs";
import { connectNodeRedis, WIDE_BOUNDS } from "../redis.mjs";
import { makeId, makeSession } from "../sessions.mjs";
import { PEERS } from "./peers.mjs";

/** Longer than a measurement: a cached read is never to become a miss. */
const TTL_MS = 600_000;
/** A power of two, so that `i % SESSIONS` costs next to nothing. */
const SESSIONS = 64;
const MemoryStore = createMemoryStore(session);

/**
 * Everything that answers reads from memory, filled with sessions, as candidates of the harness.
 *
 * @param {number} port
 * @param {number} length of a session's JSON
 * @returns {Promise<{ candidates: import("../harness.mjs").Candidate[], close: () => Promise<void> }>}
 */
export async function openReaders(port, length) {
  const data = Array.from({ length: SESSIONS }, (_, n) => makeSession(n, length));
  const plain = data.map((one) => JSON.parse(JSON.stringify(one)));
  const ids = data.map((_, n) => makeId(n));
  const texts = plain.map((one) => JSON.stringify(one));
  const id = (/** @type {number} */ i) => /** @type {string} */ (ids[i % SESSIONS]);

  const map = new Map(ids.map((key, n) => [key, plain[n]]));
  const lru = new LRUCache({ max: 10_000, ttl: TTL_MS });
  const memory = new session.MemoryStore();
  const memorystore = new MemoryStore({ max: 10_000, checkPeriod: 86_400_000 });
  const client = await connectNodeRedis(`redis://127.0.0.1:${port}`);
  const localCache = { ttlMs: TTL_MS };
  /** @type {ClusteredRedisStore<import("../sessions.mjs").StoredSession>} */
  const store = new ClusteredRedisStore({ client, localCache, ...WIDE_BOUNDS });
  await store.start();
  const express = new ExpressSessionStore({ store });
  /** @type {{ key: string, name: string, node: import("./peers.mjs").CacheNode }[]} */
  const peers = [];
  for (const [key, peer] of Object.entries(PEERS)) {
    if (!peer.name.startsWith("sessionmesh"))
      peers.push({ key, name: peer.name, node: await peer.open({ commands: port, feed: port }, TTL_MS) });
  }
  for (const [n, key] of ids.entries()) {
    const one = /** @type {import("../sessions.mjs").ShopSession} */ (data[n]);
    lru.set(key, plain[n]);
    memory.set(key, one);
    memorystore.set(key, one);
    await express.set(key, one);
    for (const { key: peer, node } of peers) {
      await node.set(`${peer}:${key}`, plain[n]);
      await node.get(`${peer}:${key}`);
    }
  }
  const candidates = [
    { name: "floor: Map", run: repeat((i) => map.get(id(i))) },
    { name: "floor: lru-cache", run: repeat((i) => lru.get(id(i))) },
    {
      name: "floor: JSON.parse",
      run: repeat((i) => JSON.parse(/** @type {string} */ (texts[i % SESSIONS]))),
    },
    { name: "sessionmesh peek", run: repeat((i) => store.peek(id(i))) },
    { name: "sessionmesh get", run: inSequence((i) => store.get(id(i))) },
    ...peers.map(({ key, name, node }) => {
      const keys = ids.map((one) => `${key}:${one}`);
      return { name, run: inSequence((i) => node.get(/** @type {string} */ (keys[i % SESSIONS]))) };
    }),
    { name: "ExpressSessionStore", run: byCallback((i, done) => express.get(id(i), done)) },
    { name: "MemoryStore", run: byCallback((i, done) => memory.get(id(i), done)) },
    { name: "memorystore", run: byCallback((i, done) => memorystore.get(id(i), done)) },
  ];
  return {
    candidates,
    async close() {
      await store.clear();
      await store.close();
      client.destroy();
      memorystore.stopInterval();
      for (const { node } of peers) await node.close();
    },
  };
}
