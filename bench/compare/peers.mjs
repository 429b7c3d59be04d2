import KeyvRedis from "@keyv/redis";
import { RedisMessageProvider } from "@qified/redis";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis";
import { Cacheable } from "cacheable";
import { createClient } from "redis";
import { ClusteredRedisStore } from "../../dist/index.js";

/**
 * The caches in front of Redis that are compared, each behind the same few calls and configured as its documentation says for data
 * that several nodes share.
 *
 * @typedef {object} CacheNode one node's cache
 * @property {(id: string) => Promise<unknown>} get the value, or `undefined`
 * @property {(id: string, value: object) => Promise<unknown>} set
 * @property {(id: string) => Promise<unknown>} delete
 * @property {(id: string) => unknown} [forget] drops the copy in memory, here alone
 * @property {(listener: (id: string) => void) => void} onInvalidated tells when the cache has heard from elsewhere that a value is over
 * @property {() => Promise<unknown>} close
 *
 * @typedef {object} Ports of Redis, or of a proxy before it
 * @property {number} commands
 * @property {number} feed where the node hears of changes
 *
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} packages whose versions are told
 * @property {string} configuration as code
 * @property {"commands" | "feed"} readsBy the connection by which it reads from Redis
 * @property {(ports: Ports, ttlMs: number, maxItems?: number) => Promise<CacheNode>} open `maxItems` in memory: 10,000 by default
 */

/** @type {Record<string, Peer>} */
export const PEERS = {
  bentocache: {
    name: "bentocache",
    packages: "bentocache ioredis",
    configuration:
      "bentostore({ ttl }).useL1Layer(memoryDriver({ maxItems: 10_000 })).useL2Layer(redisDriver({ connection })).useBus(redisBusDriver({ connection }))",
    readsBy: "commands",
    open: openBentocache,
  },
  clientSideCache: {
    name: "node-redis client-side cache",
    packages: "redis",
    configuration:
      'createClient({ RESP: 3, clientSideCache: { ttl, maxEntries: 10_000, evictPolicy: "LRU" } })',
    readsBy: "feed",
    open: openClientSideCache,
  },
  cacheable: {
    name: "cacheable",
    packages: "cacheable @keyv/redis @qified/redis",
    configuration:
      "new Cacheable({ secondary: new KeyvRedis(url), ttl, sync: { qified: new RedisMessageProvider({ uri }) } })",
    readsBy: "commands",
    open: openCacheable,
  },
  sessionmesh: {
    name: "sessionmesh, broadcast",
    packages: "sessionmesh",
    configuration: "new ClusteredRedisStore({ client, ttlMs, localCache: { ttlMs } })",
    readsBy: "commands",
    open: (ports, ttlMs) => openSessionmesh(ports, ttlMs, "broadcast"),
  },
  tracking: {
    name: "sessionmesh, tracking",
    packages: "sessionmesh",
    configuration:
      'new ClusteredRedisStore({ client, ttlMs, localCache: { ttlMs }, cluster: { invalidation: "tracking" } })',
    readsBy: "feed",
    open: (ports, ttlMs) => openSessionmesh(ports, ttlMs, "tracking"),
  },
};

/** Those whose delay is measured, and the floor: a message of Redis, and nothing else. @type {Record<string, Peer>} */
export const LATENCY_PEERS = {
  pubsub: {
    name: "raw Pub/Sub",
    packages: "redis",
    configuration: "client.publish(channel, id)",
    readsBy: "commands",
    open: openPubSub,
  },
  ...PEERS,
};

/** @param {number} port */
const urlOf = (port) => `redis://127.0.0.1:${port}`;

/** @type {Peer["open"]} */
async function openBentocache({ commands, feed }, ttlMs, maxItems = 10_000) {
  const connection = (/** @type {number} */ port) => ({ host: "127.0.0.1", port });
  const cache = new BentoCache({
    default: "sessions",
    ttl: ttlMs,
    stores: {
      sessions: bentostore()
        .useL1Layer(memoryDriver({ maxItems }))
        .useL2Layer(redisDriver({ connection: connection(commands) }))
        .useBus(redisBusDriver({ connection: connection(feed) })),
    },
  });
  await cache.set({ key: "connected", value: true });
  return {
    get: (id) => cache.get({ key: id }),
    set: (id, value) => cache.set({ key: id, value }),
    delete: (id) => cache.delete({ key: id }),
    onInvalidated: (listener) =>
      cache.on("bus:message:received", ({ message }) => message.keys.forEach(listener)),
    close: () => cache.disconnectAll(),
  };
}

/** @type {Peer["open"]} */
async function openClientSideCache({ feed }, ttlMs) {
  const client = createClient({
    url: urlOf(feed),
    RESP: 3,
    clientSideCache: { ttl: ttlMs, maxEntries: 10_000, evictPolicy: "LRU" },
  });
  client.on("error", () => {}); // it reconnects
  await client.connect();
  return {
    async get(id) {
      const text = await client.get(id);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (id, value) => client.set(id, JSON.stringify(value), { expiration: { type: "PX", value: ttlMs } }),
    delete: (id) => client.del(id),
    forget: (id) => client.clientSideCache?.invalidate(id),
    onInvalidated: (listener) => client.clientSideCache?.on("invalidate", (key) => listener(String(key))),
    close: async () => client.destroy(),
  };
}

/** @type {Peer["open"]} */
async function openCacheable({ commands, feed }, ttlMs) {
  const provider = new RedisMessageProvider({ uri: urlOf(feed) });
  const { pub, sub } = /** @type {any} */ (provider); // private
  for (const client of [pub, sub]) client.on("error", () => {}); // without, an error ends the process
  const secondary = new KeyvRedis(urlOf(commands));
  secondary.client.on("error", () => {}); // it reconnects
  const cache = new Cacheable({ secondary, ttl: ttlMs, sync: { qified: provider } });
  cache.on("error", () => {});
  await cache.get("connected");
  return {
    get: (id) => cache.get(id),
    set: (id, value) => cache.set(id, value),
    delete: (id) => cache.delete(id),
    forget: (id) => cache.primary.delete(id),
    onInvalidated(listener) {
      const primary = cache.primary;
      const remove = primary.delete.bind(primary);
      primary.delete = async (key) => {
        const removed = await remove(key);
        listener(String(key));
        return removed;
      };
      const write = primary.set.bind(primary);
      primary.set = async (key, ...rest) => {
        const written = await write(key, ...rest);
        listener(String(key));
        return written;
      };
    },
    async close() {
      secondary.client.destroy();
      await provider.disconnect();
    },
  };
}

/**
 * @param {Ports} ports
 * @param {number} ttlMs
 * @param {import("../../dist/index.js").Invalidation} invalidation
 * @returns {Promise<CacheNode>}
 */
async function openSessionmesh({ commands, feed }, ttlMs, invalidation) {
  const client = createClient({ url: urlOf(commands) });
  client.on("error", () => {}); // it reconnects
  await client.connect();
  duplicateBy(client, feed);
  const store = new ClusteredRedisStore({ client, ttlMs, localCache: { ttlMs }, cluster: { invalidation } });
  await store.start();
  return {
    get: async (id) => (await store.get(id))?.data,
    set: (id, value) => store.set(id, value),
    delete: (id) => store.delete(id),
    forget: (id) => store.evictFromCache(id),
    onInvalidated(listener) {
      const evict = store.localCache.delete.bind(store.localCache);
      store.localCache.delete = (id) => {
        const evicted = evict(id);
        if (evicted) listener(id);
        return evicted;
      };
    },
    async close() {
      await store.close();
      client.destroy();
    },
  };
}

/**
 * Lets a client's duplicates, by one of which the store subscribes, connect to another port.
 *
 * @param {{ duplicate(overrides?: any): any }} client
 * @param {number} port
 */
function duplicateBy(client, port) {
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (overrides = {}) =>
    duplicate(
      /** @type {any} */ ({
        ...overrides,
        url: undefined,
        socket: { ...overrides.socket, host: "127.0.0.1", port },
      }),
    );
}

/** @type {Peer["open"]} */
async function openPubSub({ commands, feed }) {
  const [client, subscriber] = [createClient({ url: urlOf(commands) }), createClient({ url: urlOf(feed) })];
  await Promise.all([client.connect(), subscriber.connect()]);
  /** @type {(id: string) => void} */
  let hear = () => {};
  await subscriber.subscribe("comparison", (id) => hear(id));
  return {
    get: async () => undefined,
    set: (id) => client.publish("comparison", id),
    delete: (id) => client.publish("comparison", id),
    onInvalidated(listener) {
      hear = listener;
    },
    async close() {
      client.destroy();
      subscriber.destroy();
    },
  };
}
