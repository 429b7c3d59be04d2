import { setTimeout as delay } from "node:timers/promises";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import { ClusteredRedisStore } from "../../dist/index.js";
import { compare, inFlight } from "../harness.mjs";
import { connectIoredis, connectNodeRedis } from "../redis.mjs";
import { makeId, makeSession } from "../sessions.mjs";
import { PEERS } from "./peers.mjs";

const TTL_MS = 600_000;
const SESSIONS = 1_024;
const WIDTHS = [1, 64];
/** The default. After twice this, the list of nodes in a new Redis is trusted, and a revocation waits for its nodes alone. */
const BOUND_MS = 2_000;

/**
 * @typedef {object} Remote
 * @property {string} name
 * @property {(id: string) => Promise<unknown>} miss
 * @property {(id: string, value: object) => Promise<unknown>} write
 * @property {(id: string) => Promise<unknown>} remove
 * @property {(id: string) => Promise<unknown>} [revoke]
 * @property {() => unknown} close
 */

/**
 * What goes to Redis: reads of what is not in memory, writes, deletions, revocations; one at a time, and 64.
 *
 * @param {{ port: number, effort: import("../harness.mjs").Effort, quick: boolean }} options
 */
export async function run({ port, effort, quick }) {
  const remotes = [
    await openRaw(port),
    await openConnectRedis(port),
    await openSessionmesh("sessionmesh, node-redis", port, connectNodeRedis, "broadcast"),
    await openSessionmesh("sessionmesh, node-redis, tracking", port, connectNodeRedis, "tracking"),
    await openSessionmesh("sessionmesh, ioredis", port, connectIoredis, "broadcast"),
    ...(await Promise.all(["bentocache", "clientSideCache", "cacheable"].map((key) => openPeer(key, port)))),
  ];
  await delay(2.2 * BOUND_MS);
  const results = [];
  let fresh = 0;
  for (const length of quick ? [1_000] : [1_000, 100_000]) {
    const value = () => JSON.parse(JSON.stringify(makeSession(fresh++, length)));
    const values = Array.from({ length: 16 }, value);
    const any = (/** @type {number} */ i) => values[i % values.length];
    const sessions = quick ? 32 : length > 10_000 ? 64 : SESSIONS;
    const ids = Array.from({ length: sessions }, (_, n) => `${length}:${makeId(n)}`);
    const id = (/** @type {number} */ i) => /** @type {string} */ (ids[i % sessions]);
    for (const remote of remotes) for (let n = 0; n < sessions; n++) await remote.write(id(n), any(n));
    for (const width of WIDTHS) {
      const at = inFlight(width);
      const miss = remotes.map(({ name, miss }) => ({ name, run: at((i) => miss(id(i))) }));
      results.push({ operation: "miss", width, length, rows: await compare(miss, effort) });
      const write = remotes.map(({ name, write }) => ({
        name,
        run: at((i) => write(id(i), any(i + fresh++))),
      }));
      results.push({ operation: "write", width, length, rows: await compare(write, effort) });
      if (length > 1_000) continue;
      const ending = remotes.flatMap(({ name, write, remove, revoke }) =>
        [
          { name, end: remove },
          ...(revoke === undefined ? [] : [{ name: `${name}: revoke`, end: revoke }]),
        ].map(({ name, end }) => {
          /** @type {string[]} */
          let doomed = [];
          return {
            name,
            async prepare(/** @type {number} */ count) {
              doomed = Array.from({ length: count }, () => `doomed:${fresh++}`);
              await inFlight(64)((i) => write(/** @type {string} */ (doomed[i]), any(i)))(count);
            },
            run: at((i) => end(/** @type {string} */ (doomed[i]))),
          };
        }),
      );
      results.push({ operation: "delete", width, length, rows: await compare(ending, effort) });
    }
  }
  for (const { close } of remotes) await close();
  return results;
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
    miss: (id) => store.get(id),
    write: (id, value) => store.set(id, /** @type {any} */ (value)),
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
 * @returns {Promise<Remote>}
 */
async function openSessionmesh(name, port, connect, invalidation) {
  /** @type {{ client: any, store: ClusteredRedisStore<object> }[]} */
  const nodes = [];
  for (let n = 0; n < 2; n++) {
    const client = await connect(`redis://127.0.0.1:${port}`);
    /** @type {ClusteredRedisStore<object>} */
    const store = new ClusteredRedisStore({
      client,
      prefix: `${name}:`,
      ttlMs: TTL_MS,
      cluster: { maxStalenessMs: BOUND_MS, invalidation, channel: name },
    });
    await store.start();
    nodes.push({ client, store });
  }
  const { store } = /** @type {(typeof nodes)[0]} */ (nodes[0]);
  return {
    name,
    async miss(id) {
      store.evictFromCache(id);
      return store.get(id);
    },
    write: (id, value) => store.set(id, value),
    remove: (id) => store.delete(id),
    ...(invalidation === "broadcast" && { revoke: (/** @type {string} */ id) => store.revoke(id) }),
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
 * @param {string} key
 * @param {number} port
 * @returns {Promise<Remote>}
 */
async function openPeer(key, port) {
  const peer = /** @type {import("./peers.mjs").Peer} */ (PEERS[key]);
  const node = await peer.open({ commands: port, feed: port }, TTL_MS, key === "bentocache" ? 1 : undefined);
  return {
    name: peer.name,
    async miss(id) {
      await node.forget?.(`${key}:${id}`);
      return node.get(`${key}:${id}`);
    },
    write: (id, value) => node.set(`${key}:${id}`, value),
    remove: (id) => node.delete(`${key}:${id}`),
    close: () => node.close(),
  };
}
