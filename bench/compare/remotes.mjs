import { RedisStore as ConnectRedisStore } from "connect-redis";
import session from "express-session";
import createMemoryStore from "memorystore";
import { ExpressSessionStore } from "../../dist/adapters/express.js";
import { ClusteredRedisStore } from "../../dist/index.js";
import { connectIoredis, connectNodeRedis } from "../redis.mjs";
import { PEERS } from "./peers.mjs";

/** A deletion of a session that is held must not come too late for it. */
const TTL_MS = 600_000;
const MemoryStore = createMemoryStore(session);

/**
 * @typedef {object} Remote who keeps sessions in Redis; or in memory alone, to show what that costs
 * @property {string} name
 * @property {boolean} takesSessions whether its users give it a session of express-session, with its cookie; otherwise plain data
 * @property {(id: string) => Promise<unknown>} [miss] none: what is not in memory is nowhere
 * @property {(id: string, value: any) => Promise<unknown>} write
 * @property {(id: string) => Promise<unknown>} remove
 * @property {(id: string) => Promise<unknown>} [revoke]
 * @property {() => unknown} close
 */

/**
 * All of them, the floor first.
 *
 * @param {number} port
 * @returns {Promise<Remote[]>}
 */
export async function openRemotes(port) {
  return [
    await openRaw(port),
    await openConnectRedis(port),
    await openSessionmesh("sessionmesh, node-redis", port, connectNodeRedis, "broadcast"),
    await openSessionmesh("sessionmesh, node-redis, tracking", port, connectNodeRedis, "tracking"),
    await openSessionmesh("sessionmesh, ioredis", port, connectIoredis, "broadcast"),
    await openExpress(port),
    ...(await Promise.all(["bentocache", "clientSideCache", "cacheable"].map((key) => openPeer(key, port)))),
    openMemory("MemoryStore", new session.MemoryStore()),
    openMemory("memorystore", new MemoryStore({ max: 10_000, checkPeriod: 86_400_000 })),
  ];
}

/**
 * The floor: the round trips alone, of values that are texts already.
 *
 * @param {number} port
 * @returns {Promise<Remote>}
 */
async function openRaw(port) {
  const client = await connectNodeRedis(`redis://127.0.0.1:${port}`);
  const texts = new WeakMap();
  const textOf = (/** @type {object} */ value) => {
    if (!texts.has(value)) texts.set(value, JSON.stringify(value));
    return texts.get(value);
  };
  return {
    name: "floor: GET, SET, DEL",
    takesSessions: false,
    miss: (id) => client.get(`raw:${id}`),
    write: (id, value) => client.set(`raw:${id}`, textOf(value)),
    remove: (id) => client.del(`raw:${id}`),
    close: () => client.destroy(),
  };
}

/**
 * @param {number} port
 * @returns {Promise<Remote>}
 */
async function openConnectRedis(port) {
  const client = await connectNodeRedis(`redis://127.0.0.1:${port}`);
  const store = new ConnectRedisStore({ client, prefix: "connect-redis:" });
  return {
    name: "connect-redis",
    takesSessions: true,
    miss: (id) => store.get(id),
    write: (id, value) => store.set(id, value),
    remove: (id) => store.destroy(id),
    close: () => client.destroy(),
  };
}

/**
 * Two nodes, of which the first is measured: the other one is told, and acknowledges.
 *
 * @param {string} name
 * @param {number} port
 * @param {(url: string) => Promise<any>} connect
 * @param {import("../../dist/index.js").Invalidation} invalidation
 */
async function openNodes(name, port, connect, invalidation) {
  /** @type {{ client: any, store: ClusteredRedisStore<any> }[]} */
  const nodes = [];
  for (let n = 0; n < 2; n++) {
    const client = await connect(`redis://127.0.0.1:${port}`);
    const cluster = { channel: name, ...(invalidation === "tracking" && { invalidation }) };
    const store = new ClusteredRedisStore({ client, prefix: `${name}:`, ttlMs: TTL_MS, cluster });
    await store.start();
    nodes.push({ client, store });
  }
  const { store } = /** @type {(typeof nodes)[0]} */ (nodes[0]);
  return {
    store,
    async close() {
      for (const { client, store } of nodes) {
        await store.close();
        if ("destroy" in client) client.destroy();
        else client.disconnect();
      }
    },
  };
}

/**
 * @param {string} name
 * @param {number} port
 * @param {(url: string) => Promise<any>} connect
 * @param {import("../../dist/index.js").Invalidation} invalidation
 * @returns {Promise<Remote>}
 */
async function openSessionmesh(name, port, connect, invalidation) {
  const { store, close } = await openNodes(name, port, connect, invalidation);
  return {
    name,
    takesSessions: false,
    async miss(id) {
      store.evictFromCache(id);
      return store.get(id);
    },
    write: (id, value) => store.set(id, value),
    remove: (id) => store.delete(id),
    revoke: (id) => store.revoke(id),
    close,
  };
}

/**
 * @param {number} port
 * @returns {Promise<Remote>}
 */
async function openExpress(port) {
  const { store, close } = await openNodes("express", port, connectNodeRedis, "broadcast");
  const express = new ExpressSessionStore({ store });
  return {
    name: "ExpressSessionStore",
    takesSessions: true,
    async miss(id) {
      store.evictFromCache(id);
      return express.get(id);
    },
    write: (id, value) => express.set(id, value),
    remove: (id) => express.destroy(id),
    close,
  };
}

/**
 * @param {string} key
 * @param {number} port
 * @returns {Promise<Remote>}
 */
async function openPeer(key, port) {
  const peer = /** @type {import("./peers.mjs").Peer} */ (PEERS[key]);
  const node = await peer.open({ commands: port, feed: port }, TTL_MS, key === "bentocache" ? 1 : undefined);
  return {
    name: peer.name,
    takesSessions: false,
    async miss(id) {
      await node.forget?.(`${key}:${id}`);
      return node.get(`${key}:${id}`);
    },
    write: (id, value) => node.set(`${key}:${id}`, value),
    remove: (id) => node.delete(`${key}:${id}`),
    close: () => node.close(),
  };
}

/**
 * @param {string} name
 * @param {session.Store} store
 * @returns {Remote}
 */
function openMemory(name, store) {
  return {
    name,
    takesSessions: true,
    write: (id, value) => new Promise((resolve) => store.set(id, value, resolve)),
    remove: (id) => new Promise((resolve) => store.destroy(id, resolve)),
    close: () => store instanceof MemoryStore && store.stopInterval(),
  };
}
