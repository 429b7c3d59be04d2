import { Redis as Ioredis6, Cluster as IoredisCluster6 } from "ioredis";
import { Redis as Ioredis5, Cluster as IoredisCluster5 } from "ioredis5";
import { createClient, createClientPool, createCluster, createSentinel } from "redis";
import { createCluster as createCluster5, createSentinel as createSentinel5 } from "redis5";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  ClusterCoordinator,
  ClusteredRedisStore,
  RedisStore,
  UnsupportedClientError,
} from "../../src/index.js";
import { clusterPortOf, type RedisClient } from "../../src/redis/detect.js";

const NOWHERE = { host: "127.0.0.1", port: 1 };
const lazily = { ...NOWHERE, lazyConnect: true };
const target = { changed: () => {}, deleted: () => {}, flush: () => {} };

/** What is no client of one Redis server, made when it is needed, and what the error says to do. */
const UNSUPPORTED: readonly [string, () => unknown, says: RegExp][] = [
  ["undefined", () => undefined, /pass a connected client/],
  ["null", () => null, /pass a connected client/],
  ["an address", () => "redis://127.0.0.1:6379", /pass a connected client/],
  ["a package", () => createClient, /pass a connected client/],
  ["an empty object", () => ({}), /neither a client of `redis` nor one of `ioredis`/],
  ["the options of a client", () => ({ url: "redis://127.0.0.1" }), /neither/],
  ["a Map", () => new Map(), /neither/],
  ["ioredis 6 with a keyPrefix", () => new Ioredis6({ ...lazily, keyPrefix: "app:" }), /keyPrefix/],
  ["ioredis 5 with a keyPrefix", () => new Ioredis5({ ...lazily, keyPrefix: "app:" }), /keyPrefix/],
  ["node-redis 6 with a keyPrefix", () => createClient({ keyPrefix: "app:" }), /keyPrefix/],
  [
    "a sentinel client of node-redis 6 with a keyPrefix",
    () => createSentinel({ name: "main", sentinelRootNodes: [NOWHERE], keyPrefix: "app:" }),
    /keyPrefix/,
  ],
  // It has `sendCommand` and `isOpen` like a client, and cannot subscribe.
  ["a pool of node-redis", () => createClientPool({ socket: NOWHERE }), /not supported|neither/],
];

describe.each(UNSUPPORTED)("%s", (_, make, says) => {
  test.each([
    ["RedisStore", (client: RedisClient) => new RedisStore({ client })],
    ["ClusteredRedisStore", (client: RedisClient) => new ClusteredRedisStore({ client })],
    ["ClusterCoordinator", (client: RedisClient) => new ClusterCoordinator({ client, target })],
  ])("is no client for a %s", (_, construct) => {
    const client = make() as RedisClient;
    expect(() => construct(client)).toThrow(UnsupportedClientError);
    expect(() => construct(client)).toThrow(says);
  });
});

test.each([
  ["6", createSentinel({ name: "main", sentinelRootNodes: [NOWHERE] })],
  ["5", createSentinel5({ name: "main", sentinelRootNodes: [NOWHERE] })],
])("a sentinel client of node-redis %s that nobody connected says so at once", async (_, client) => {
  await expect(new RedisStore({ client }).get("id")).rejects.toThrow("The sentinel client is closed");
});

describe("a client of Redis Cluster", () => {
  const nodes = { rootNodes: [{ socket: NOWHERE }] };
  const unconnected = { lazyConnect: true };
  const clusters: readonly [string, () => unknown][] = [
    ["node-redis 6", () => createCluster(nodes)],
    ["node-redis 5", () => createCluster5(nodes)],
    ["ioredis 6", () => new IoredisCluster6([NOWHERE], unconnected)],
    ["ioredis 5", () => new IoredisCluster5([NOWHERE], unconnected)],
  ];

  test.each(clusters)("of %s is told from others", (_, make) => {
    expect(clusterPortOf(make() as RedisClient)?.slot(7, "sharded").publishCommand).toBe("SPUBLISH");
    expect(clusterPortOf(make() as RedisClient)?.slot(7, "plain").publishCommand).toBe("PUBLISH");
  });

  test("may be a port of the application's own", () => {
    const own = { slot: () => ({ send: async () => null, subscribe: async () => ({ close: () => {} }) }) };
    expect(clusterPortOf(own)).toBe(own);
  });

  test.each([
    ["node-redis", () => createClient()],
    ["a sentinel client", () => createSentinel({ name: "main", sentinelRootNodes: [NOWHERE] })],
    ["ioredis", () => new Ioredis6(lazily)],
    ["a port", () => ({ send: async () => null, subscribe: async () => ({ close: () => {} }) })],
    ["nothing", () => undefined],
  ])("is not %s", (_, make) => {
    expect(clusterPortOf(make() as RedisClient)).toBeUndefined();
  });

  test.each([
    ["node-redis 6", () => createCluster({ ...nodes, keyPrefix: "app:" })],
    ["ioredis 6", () => new IoredisCluster6([NOWHERE], { ...unconnected, keyPrefix: "app:" })],
    ["ioredis 5", () => new IoredisCluster5([NOWHERE], { ...unconnected, keyPrefix: "app:" })],
    [
      "ioredis 5, for each node",
      () => new IoredisCluster5([NOWHERE], { ...unconnected, redisOptions: { keyPrefix: "app:" } }),
    ],
  ])("of %s with a keyPrefix is refused", (_, make) => {
    expect(() => clusterPortOf(make() as RedisClient)).toThrow(/keyPrefix/);
  });
});

test("a client that is not connected yet is one", () => {
  const ioredis = new Ioredis6(lazily);
  onTestFinished(() => ioredis.disconnect());
  const sentinel = createSentinel({ name: "main", sentinelRootNodes: [NOWHERE] });
  for (const client of [createClient(), ioredis, sentinel]) new RedisStore({ client: client as RedisClient });
});
