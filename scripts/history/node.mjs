/** One node of a history: its commands and its subscription each take a way of their own. */
import { Redis } from "ioredis";
import { createClient } from "redis";
import { ClusteredRedisStore } from "sessionmesh";

/**
 * @typedef {object} NodeOptions
 * @property {string} nodeId
 * @property {string} client `"ioredis"` or `"node-redis"`
 * @property {number} commandsPort
 * @property {number} messagesPort
 * @property {number} boundMs
 * @property {number} commandTimeoutMs
 * @property {import("sessionmesh").Invalidation} invalidation
 * @property {number} [cacheTtlMs]
 */

/** @param {NodeOptions} options */
export async function startNode(options) {
  const { nodeId, commandsPort, messagesPort, boundMs, commandTimeoutMs, invalidation, cacheTtlMs } = options;
  const client = options.client === "ioredis" ? new Redis({ port: commandsPort }) : nodeRedis(commandsPort);
  subscribeThrough(client, messagesPort);
  client.on("error", () => {});
  /** @type {import("./users.mjs").Store} */
  const store = new ClusteredRedisStore({
    client,
    cluster: { nodeId, maxStalenessMs: boundMs, invalidation },
    commandTimeoutMs,
    localCache: cacheTtlMs === undefined ? {} : { ttlMs: cacheTtlMs },
  });
  await store.start();
  const disconnect = () => {
    if (client instanceof Redis) client.disconnect();
    else client.destroy();
  };
  return { store, disconnect };
}

/** @param {number} port */
function nodeRedis(port) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => {});
  client.connect().catch(() => {});
  return client;
}

/**
 * The store subscribes through a duplicate of its client: it takes another way.
 *
 * @param {any} client
 * @param {number} port
 */
function subscribeThrough(client, port) {
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (/** @type {{ socket?: object }} */ overrides = {}) =>
    duplicate({ ...overrides, port, socket: { ...overrides.socket, port }, url: undefined });
}
