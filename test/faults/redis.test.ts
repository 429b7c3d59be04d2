import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../../scripts/with-redis.mjs";
import { type Clock, systemClock } from "../../src/clock.js";
import { DEFAULT_REMEMBER_MS, StoreUnavailableError, SubscribeTimeoutError } from "../../src/index.js";
import { CLIENT_KINDS } from "../support/clients.js";
import { eventually } from "../support/eventually.js";
import {
  CURRENT_CLIENT_KINDS,
  cached,
  clusterNames,
  leaseHeld,
  startNode,
  type TestStore,
} from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import type { RedisServer } from "../support/redis-server.js";

/** A server that the test may kill, stall and reconfigure. */
async function ownRedis(): Promise<RedisServer> {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  return server;
}

describe.each(CURRENT_CLIENT_KINDS)("when Redis fails, on $name", (kind) => {
  let redis: RedisServer;
  let writer: TestStore;
  let node: TestStore;
  /** One session, cached on `node`. */
  let id: string;

  beforeEach(async () => {
    redis = await ownRedis();
    const names = clusterNames();
    writer = await startNode({ kind, port: redis.port, ...names });
    node = await startNode({ kind, port: redis.port, ...names });
    ({ id } = await writer.create({ n: 1 }));
    await cached(node, id);
  });

  test("and restarts empty, nobody serves what it has forgotten, and all recover", async () => {
    await redis.kill();
    await eventually(() => node.peek(id) === undefined);
    await expect(node.get(id)).rejects.toThrow(StoreUnavailableError);
    await redis.restart();
    await Promise.all([leaseHeld(writer), leaseHeld(node)]);
    expect(await node.get(id)).toBeUndefined();
    const { id: next } = await writer.create({ n: 2 });
    await cached(node, next);
    await writer.delete(next);
    await eventually(() => node.peek(next) === undefined);
  });

  test("by FLUSHALL, the next beat finds the chain broken", async () => {
    await redisCommand(redis.port, "FLUSHALL");
    await eventually(() => node.peek(id) === undefined);
    expect(node.coordinator?.stats().chainBreaks).toBe(1);
    expect(await node.get(id)).toBeUndefined();
  });

  test("by forgetting its scripts, nobody notices", async () => {
    await redisCommand(redis.port, "SCRIPT", "FLUSH");
    await writer.set(id, { n: 2 });
    await eventually(async () => (await node.get(id))?.data.n === 2);
    expect(await node.touch(id)).toBe(true);
    expect(await node.delete(id)).toBe(true);
  });

  test("by closing every subscriber, they come back by themselves", async () => {
    await redisCommand(redis.port, "CLIENT", "KILL", "TYPE", "pubsub");
    await eventually(() => node.coordinator?.stats().subscriptions === 2);
    await leaseHeld(node);
    expect(node.peek(id)).toBeUndefined();
    await cached(node, id);
  });

  test("by taking no more writes, memory is no longer trusted, though its messages still come through", async () => {
    await redisCommand(redis.port, "REPLICAOF", "127.0.0.1", "1");
    await eventually(() => node.coordinator?.lease.held === false);
    expect(node.coordinator?.stats().subscriptions).toBe(1);
    await redisCommand(redis.port, "REPLICAOF", "NO", "ONE");
    await leaseHeld(node);
    expect(node.coordinator?.stats().chainBreaks).toBe(1); // it is another history now, whatever it holds
    await cached(node, id);
  });

  test("by not answering, requests end in time with an error, and what is cached ends with the lease", async () => {
    process.kill(redis.pid, "SIGSTOP");
    try {
      expect((await node.get(id))?.data).toEqual({ n: 1 }); // the lease still runs
      await expect(node.get(id, { consistency: "strong" })).rejects.toThrow(StoreUnavailableError);
      await expect(node.set(id, { n: 2 })).rejects.toThrow(StoreUnavailableError);
      expect(node.peek(id)).toBeUndefined(); // the write may have been carried out
      await eventually(() => node.coordinator?.lease.held === false);
      await expect(node.get(id)).rejects.toThrow(StoreUnavailableError);
      expect(await node.healthy()).toBe(false);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    await leaseHeld(node);
    await cached(node, id);
  });

  test("by having no memory left, writes are refused, and reads, logouts and the lease go on", async () => {
    await redisCommand(redis.port, "CONFIG", "SET", "maxmemory", "1");
    onTestFinished(async () => void (await redisCommand(redis.port, "CONFIG", "SET", "maxmemory", "0")));
    await expect(writer.set(id, { n: 2 })).rejects.toThrow(/OOM/);
    await expect(writer.create({ n: 2 })).rejects.toThrow(/OOM/);
    const beats = node.coordinator?.stats().beatsReturned ?? 0;
    await eventually(() => (node.coordinator?.stats().beatsReturned ?? 0) > beats + 1);
    expect(node.peek(id)?.data).toEqual({ n: 1 });
    expect((await node.get(id, { consistency: "strong" }))?.data).toEqual({ n: 1 });
    expect(await writer.delete(id)).toBe(true);
    await eventually(() => node.peek(id) === undefined);
    expect(await node.get(id)).toBeUndefined();
  });
});

test.each(
  CURRENT_CLIENT_KINDS,
)("a user who was revoked long ago can log in after Redis has lost everything, on $name", async (kind) => {
  const redis = await ownRedis();
  let aheadMs = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    wallNow: () => systemClock.wallNow() + aheadMs,
  };
  const names = clusterNames();
  const nodes = await Promise.all([1, 2].map(() => startNode({ kind, port: redis.port, ...names, clock })));
  const [a, b] = nodes as [TestStore, TestStore];
  await a.revokeUser("ada");
  aheadMs = DEFAULT_REMEMBER_MS + 1_000;
  await Promise.all(nodes.map(leaseHeld));
  await redisCommand(redis.port, "FLUSHALL");
  for (const node of nodes) await eventually(() => node.coordinator?.stats().chainBreaks === 1);
  await eventually(async () => {
    const { id } = await a.create({ n: 1 }, { user: "ada" });
    return (await b.get(id, { consistency: "strong" })) !== undefined && (await a.get(id)) !== undefined;
  });
});

test.each(
  CLIENT_KINDS,
)("Redis is gone at the start: start() says so, and the store works when it comes, on $name", async (kind) => {
  const redis = await ownRedis();
  await redis.kill();
  const { prefix, cluster } = clusterNames();
  const options = {
    kind,
    port: redis.port,
    prefix,
    cluster: { ...cluster, subscribeTimeoutMs: 500 },
    start: false,
  };
  const node = await startNode({ ...options, commandTimeoutMs: 300 });
  await expect(node.start()).rejects.toThrow(SubscribeTimeoutError);
  await expect(node.get("an-id")).rejects.toThrow(StoreUnavailableError);
  expect(await node.healthy()).toBe(false);
  await redis.restart();
  await leaseHeld(node);
  const { id } = await node.create({ n: 1 });
  expect(node.peek(id)?.data).toEqual({ n: 1 });
});
