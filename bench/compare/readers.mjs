import session from "express-session";
import { LRUCache } from "lru-cache";
import createMemoryStore from "memorystore";
import { ExpressSessionStore } from "../../dist/adapters/express.js";
import { ClusteredRedisStore } from "../../dist/index.js";
import { byCallback, inFlight, inSequence, repeat } from "../harness.mjs";
import { connectNodeRedis } from "../redis.mjs";
import { makeId, makeSession } from "../sessions.mjs";
import { PEERS } from "./peers.mjs";

/** Longer than a measurement: a cached read is never to become a miss. */
const TTL_MS = 600_000;
/** A power of two, so that `i % SESSIONS` costs next to nothing. */
const SESSIONS = 64;
const MemoryStore = createMemoryStore(session);

/** @typedef {import("../harness.mjs").Candidate} Candidate */

/**
 * Everything that answers reads from memory, filled with sessions, as candidates of the harness.
 *
 * @param {number} port
 * @param {number} length of a session's JSON
 * @returns {Promise<{ candidates: Candidate[], together: (width: number) => Candidate[], close: () => Promise<void> }>} one
 *   after the other, and with so many in flight
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
  /** @type {ClusteredRedisStore<import("../sessions.mjs").StoredSession>} */
  const store = new ClusteredRedisStore({ client, ttlMs: TTL_MS, localCache: { ttlMs: TTL_MS } });
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
  const nodes = peers.map(({ key, name, node }) => {
    const keys = ids.map((one) => `${key}:${one}`);
    return { name, get: (/** @type {number} */ i) => node.get(/** @type {string} */ (keys[i % SESSIONS])) };
  });
  const middlewares = [
    { name: "ExpressSessionStore", store: express },
    { name: "MemoryStore", store: memory },
    { name: "memorystore", store: memorystore },
  ];
  const candidates = [
    { name: "floor: Map", run: repeat((i) => map.get(id(i))) },
    { name: "floor: lru-cache", run: repeat((i) => lru.get(id(i))) },
    {
      name: "floor: JSON.parse",
      run: repeat((i) => JSON.parse(/** @type {string} */ (texts[i % SESSIONS]))),
    },
    { name: "sessionmesh peek", run: repeat((i) => store.peek(id(i))) },
    { name: "sessionmesh get", run: inSequence((i) => store.get(id(i))) },
    ...nodes.map(({ name, get }) => ({ name, run: inSequence(get) })),
    ...middlewares.map(({ name, store }) => ({ name, run: byCallback((i, done) => store.get(id(i), done)) })),
  ];
  // What does not wait for anything is the same however many there are.
  const together = (/** @type {number} */ width) => {
    const at = inFlight(width);
    return [
      { name: "floor: Map", run: at(async (i) => map.get(id(i))) },
      { name: "sessionmesh get", run: at((i) => store.get(id(i))) },
      ...nodes.map(({ name, get }) => ({ name, run: at(get) })),
      ...middlewares.map(({ name, store }) => ({
        name,
        run: at((i) => new Promise((resolve) => void store.get(id(i), (_error, found) => resolve(found)))),
      })),
    ];
  };
  return {
    candidates,
    together,
    async close() {
      await store.clear();
      await store.close();
      client.destroy();
      memorystore.stopInterval();
      for (const { node } of peers) await node.close();
    },
  };
}
