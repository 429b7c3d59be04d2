import { PEERS } from "./peers.mjs";

/** How what is compared in "Operations" is set up, as the page shows it; by the names in its tables. */

const CACHES = Object.fromEntries(
  Object.values(PEERS)
    .filter(({ name }) => !name.startsWith("sessionmesh"))
    .map(({ name, configuration }) => [name, configuration]),
);
const STORE = "new ClusteredRedisStore({ client, ttlMs, localCache: { ttlMs } })";
const MIDDLEWARES = {
  MemoryStore: "new session.MemoryStore()",
  memorystore: "new MemoryStore({ max: 10_000, checkPeriod: 86_400_000 })",
};

/** @type {Record<string, string>} */
export const READER_CONFIGURATIONS = {
  "floor: lru-cache": "new LRUCache({ max: 10_000, ttl })",
  "sessionmesh peek, sessionmesh get": STORE,
  ...CACHES,
  ExpressSessionStore: `new ExpressSessionStore({ store: ${STORE} })`,
  ...MIDDLEWARES,
};

const cluster = (/** @type {string} */ invalidation) =>
  `new ClusteredRedisStore({ client, prefix, ttlMs, cluster: { channel${invalidation} } })`;

/** @type {Record<string, string>} */
export const REMOTE_CONFIGURATIONS = {
  "connect-redis": "new RedisStore({ client, prefix })",
  "sessionmesh, node-redis; sessionmesh, ioredis": cluster(""),
  "sessionmesh, node-redis, tracking": cluster(', invalidation: "tracking"'),
  ExpressSessionStore: `new ExpressSessionStore({ store: ${cluster("")} })`,
  ...CACHES,
  ...MIDDLEWARES,
};
