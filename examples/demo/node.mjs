/** One process of the demo's cluster: the application of `app.mjs` on a Redis client and a session store. */
import { once } from "node:events";
import { RedisStore } from "connect-redis";
import express from "express";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { ExpressSessionStore } from "sessionmesh/express";
import { createApp } from "./app.mjs";

/**
 * @typedef {object} NodeOptions
 * @property {string} name
 * @property {"node-redis" | "ioredis"} client connect-redis takes node-redis only
 * @property {"sessionmesh" | "connect-redis"} store
 * @property {string} redisUrl
 * @property {number} [subscriptionPort] where ioredis opens the subscription, if not at `redisUrl`
 * @property {string} namespace begins the names of all keys and channels
 * @property {string} secret signs the session cookies
 */

/**
 * What a node tells of itself; nothing of the cache where there is none.
 *
 * @typedef {object} NodeState
 * @property {import("sessionmesh").CacheStats} [cache]
 * @property {number} [beats] sent so far
 * @property {boolean} [leaseHeld] whether memory may answer
 */

process.on("SIGINT", () => {}); // a Ctrl-C in the terminal is for the demo, which stops its nodes in order
process.once("disconnect", () => process.exit()); // the demo is gone, however it went
if (!process.connected) process.exit();

/** @type {NodeOptions} */
const {
  name,
  client: clientName,
  store: storeName,
  redisUrl,
  subscriptionPort,
  namespace,
  secret,
} = JSON.parse(process.argv[2] ?? "{}");
const client = clientName === "ioredis" ? connectIoredis() : await connectNodeRedis();
const mesh = storeName === "sessionmesh" ? createMeshStore() : undefined;
await mesh?.store.start();

const app = express();
app.use((_req, res, next) => {
  res.set("X-Node", name);
  next();
});
app.get("/node", (_req, res) => {
  res.json(state());
});
app.use(createApp({ store: mesh ?? new RedisStore({ client, prefix: namespace }), secret }));

const server = app.listen(0, "127.0.0.1");
server.keepAliveTimeout = 60_000; // whoever asks us keeps connections open, and must not meet one that just closed
await once(server, "listening");
process.send?.(server.address());

process.once("SIGTERM", stop);

function connectIoredis() {
  const client = new Redis(redisUrl);
  client.on("error", () => {}); // what an outage does, the answers show
  if (subscriptionPort !== undefined) {
    // The store subscribes on a duplicate of its client. This one takes another way, so that it can be stalled alone.
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (overrides) => duplicate({ ...overrides, port: subscriptionPort });
  }
  return client;
}

function connectNodeRedis() {
  const client = createClient({ url: redisUrl });
  client.on("error", () => {});
  return client.connect();
}

function createMeshStore() {
  return new ExpressSessionStore({
    client,
    prefix: namespace,
    cluster: { nodeId: name, channel: `${namespace}invalidate` },
  });
}

/** @returns {NodeState} */
function state() {
  if (mesh === undefined) return {};
  const { coordinator, localCache } = /** @type {import("sessionmesh").ClusteredRedisStore<any>} */ (
    mesh.store
  );
  return {
    cache: localCache.stats(),
    beats: coordinator?.stats().beatsSent ?? 0,
    leaseHeld: coordinator?.lease.held ?? false,
  };
}

async function stop() {
  server.close();
  server.closeAllConnections();
  await mesh?.store.close();
  if (client instanceof Redis) client.disconnect();
  else client.destroy();
  process.exit(); // ioredis would keep the process for two seconds more when its connection was lost before
}
