import { UnsupportedClientError } from "../errors.js";
import type { ClusterNodes } from "./cluster-node.js";
import { ClusterPort } from "./cluster-port.js";
import { type IoredisClient, IoredisPort } from "./ioredis.js";
import { type IoredisClusterClient, IoredisNodes } from "./ioredis-cluster.js";
import { type NodeRedisClient, NodeRedisPort } from "./node-redis.js";
import { type NodeRedisClusterClient, NodeRedisNodes } from "./node-redis-cluster.js";
import { type NodeRedisSentinelClient, NodeRedisSentinelPort } from "./node-redis-sentinel.js";
import type { RedisClusterPort, RedisPort } from "./port.js";

/**
 * A client of `redis` (node-redis) or `ioredis`, versions 5 and 6, for one server, or for the master that sentinels name; typed by what
 * we call of it. Or a `RedisPort`: what the store needs of any other.
 */
export type RedisClient =
  | NodeRedisClient
  | NodeRedisSentinelClient
  | IoredisClient
  | RedisPort
  | RedisClusterClient;

/** A client of Redis Cluster: `createCluster()` of `redis`, `Cluster` of `ioredis`, versions 5 and 6. Or a `RedisClusterPort`. */
export type RedisClusterClient = NodeRedisClusterClient | IoredisClusterClient | RedisClusterPort;

/** Finds out what kind of client this is. Throws an `UnsupportedClientError` that says what to do if it is none of ours. */
export function portOf(client: RedisClient): RedisPort {
  if (typeof client !== "object" || client === null) {
    throw new UnsupportedClientError("pass a connected client of `redis` or `ioredis` as `client`");
  }
  if ("masters" in client || "slot" in client || ("isCluster" in client && client.isCluster === true)) {
    throw new UnsupportedClientError("it is one of a Redis Cluster, and a single server is asked for");
  }
  if ("totalClients" in client) {
    throw new UnsupportedClientError("a pool of `redis` is not supported; pass a client of one server");
  }
  if ("send" in client && "subscribe" in client) return client;
  if ("getSentinelNode" in client) {
    requireNoKeyPrefix(client._keyPrefix);
    return new NodeRedisSentinelPort(client);
  }
  requireNoKeyPrefix(client.options?.keyPrefix);
  if ("call" in client && "status" in client) return new IoredisPort(client);
  if ("sendCommand" in client && "isOpen" in client) return new NodeRedisPort(client);
  throw new UnsupportedClientError("it is neither a client of `redis` nor one of `ioredis`");
}

/** The port of a client of Redis Cluster; `undefined` for any other. Throws an `UnsupportedClientError` if it renames keys. */
export function clusterPortOf(client: RedisClient): RedisClusterPort | undefined {
  if (typeof client !== "object" || client === null) return undefined;
  if ("slot" in client) return client;
  if ("isCluster" in client && client.isCluster) {
    requireNoKeyPrefix(client.options.keyPrefix || client.options.redisOptions?.keyPrefix);
    return clusterPort(client, () => new IoredisNodes(client));
  }
  if (!("masters" in client)) return undefined;
  requireNoKeyPrefix(client._keyPrefix);
  return clusterPort(client, () => new NodeRedisNodes(client));
}

const CLUSTER_PORTS = new WeakMap<object, RedisClusterPort>();

/** One for each client, whoever asks: what is found out of the nodes is found out once. */
function clusterPort(client: object, nodesOf: () => ClusterNodes): RedisClusterPort {
  const port = CLUSTER_PORTS.get(client) ?? new ClusterPort(nodesOf());
  CLUSTER_PORTS.set(client, port);
  return port;
}

function requireNoKeyPrefix(keyPrefix: unknown): void {
  if (!keyPrefix) return;
  const reason =
    "its `keyPrefix` renames some keys and not others; leave it out and set the store's `prefix`";
  throw new UnsupportedClientError(reason);
}
