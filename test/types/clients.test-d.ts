import { Cluster as Cluster6, Redis as Redis6 } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis5";
import {
  createClient as createClient6,
  createCluster as createCluster6,
  createSentinel as createSentinel6,
} from "redis";
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from "redis5";
import { describe, expectTypeOf, test } from "vitest";
import { ClusteredRedisStore, createStore, type RedisClient, RedisStore } from "../../src/index.js";

describe("a client is taken as its package types it:", () => {
  test("redis 6", () => {
    const client = createClient6({ url: "redis://127.0.0.1" });
    expectTypeOf(client).toExtend<RedisClient>();
    new ClusteredRedisStore({ client });
  });

  test("redis 6, with options that change its type", () => {
    const client = createClient6({ RESP: 3, socket: { host: "127.0.0.1", reconnectStrategy: () => 100 } });
    expectTypeOf(client).toExtend<RedisClient>();
  });

  test("redis 5", () => {
    const client = createClient5({ url: "redis://127.0.0.1" });
    expectTypeOf(client).toExtend<RedisClient>();
    new RedisStore({ client });
  });

  test("a sentinel client of redis 6 and of redis 5", () => {
    const options = { name: "mymaster", sentinelRootNodes: [{ host: "127.0.0.1", port: 26_379 }] };
    expectTypeOf(createSentinel6(options)).toExtend<RedisClient>();
    new ClusteredRedisStore({ client: createSentinel6(options) });
    new ClusteredRedisStore({ client: createSentinel5(options) });
  });

  test("a cluster client of redis 6 and of redis 5", () => {
    const options = { rootNodes: [{ url: "redis://127.0.0.1" }], useReplicas: true };
    expectTypeOf(createCluster6(options)).toExtend<RedisClient>();
    expectTypeOf(createCluster6({ ...options, RESP: 2 })).toExtend<RedisClient>();
    expectTypeOf(createCluster5(options)).toExtend<RedisClient>();
    new ClusteredRedisStore({ client: createCluster6(options) });
    new ClusteredRedisStore({ client: createCluster5(options) });
  });

  test("a cluster client of ioredis 6 and of ioredis 5", () => {
    expectTypeOf<Cluster6>().toExtend<RedisClient>();
    new ClusteredRedisStore({ client: new Cluster6([7000]) });
    new ClusteredRedisStore({ client: new Cluster5([7000], { natMap: () => null }) });
  });

  test("ioredis 6", () => {
    expectTypeOf<Redis6>().toExtend<RedisClient>();
    new ClusteredRedisStore({ client: new Redis6() });
  });

  test("ioredis 5", () => {
    expectTypeOf<Redis5>().toExtend<RedisClient>();
    createStore({ client: new Redis5() });
  });
});

test("what is no client is not taken", () => {
  expectTypeOf<Map<string, string>>().not.toExtend<RedisClient>();
  // @ts-expect-error: the address of a server is no client
  new ClusteredRedisStore({ client: "redis://127.0.0.1" });
  // @ts-expect-error: nor are the options of one
  new ClusteredRedisStore({ client: { url: "redis://127.0.0.1" } });
});
