import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../../scripts/with-redis.mjs";
import { SessionRevokedError } from "../../src/index.js";
import type { ClientKind } from "../support/clients.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, leaseHeld, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import { type RedisServer, useRedis } from "../support/redis-server.js";
import { proxyTo, Questioner, registeredNodes, shortCluster, trusted } from "../support/short-bound.js";

interface Loss {
  port: number;
  meta: string;
}

/** How a server can forget who may hold a lease. */
const LOSSES: readonly [string, (loss: Loss) => Promise<unknown>][] = [
  ["FLUSHALL", ({ port }) => redisCommand(port, "FLUSHALL")],
  ["the loss of the registry alone", ({ port, meta }) => redisCommand(port, "DEL", meta)],
  [
    "an eviction of all keys",
    async ({ port }) => {
      await redisCommand(port, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
      await redisCommand(port, "CONFIG", "SET", "maxmemory", "1");
      await eventually(async () => (await redisCommand(port, "DBSIZE")).startsWith(":0"));
      await redisCommand(port, "CONFIG", "SET", "maxmemory", "0");
    },
  ],
];

const [ONE, ANOTHER] = CURRENT_CLIENT_KINDS as [ClientKind, ClientKind];

describe.each([
  { revokes: ONE, holds: ANOTHER },
  { revokes: ANOTHER, holds: ONE },
])("when Redis forgets all, and $revokes.name revokes what $holds.name holds,", ({ revokes, holds }) => {
  const redis = useRedis();

  test.each(LOSSES)("by %s, a revocation does not rely on who is left", async (_, lose) => {
    const subscription = await proxyTo(redis.port);
    const options = { port: redis.port, ...shortCluster() };
    const { channel } = options.cluster;
    const revoker = await startNode({ ...options, kind: revokes });
    const node = await startNode({ ...options, kind: holds, subscribePort: subscription.port });
    await trusted(revoker);
    const { id } = await revoker.create({ n: 1 });
    await cached(node, id);
    subscription.stall(); // nobody but its lease can keep it from answering
    await lose({ port: redis.port, meta: `sessionmesh:meta:${channel}` });
    await revoker.revoke(id);
    expect(node.peek(id)).toBeUndefined();
    expect(await node.get(id)).toBeUndefined();
    subscription.resume();
    await leaseHeld(node);
    expect(await node.get(id)).toBeUndefined();
  });
});

describe.each(CURRENT_CLIENT_KINDS)("when Redis forgets, on $name,", (kind) => {
  const redis = useRedis();

  test("who is registered, a revocation does not rely on who is, even when the chain goes on again", async () => {
    const [commands, subscription] = await Promise.all([proxyTo(redis.port), proxyTo(redis.port)]);
    const names = shortCluster();
    const revoker = await startNode({ kind, port: redis.port, ...names });
    const node = await startNode({ kind, port: commands.port, subscribePort: subscription.port, ...names });
    onTestFinished(() => commands.resume()); // so that the node can leave
    await trusted(revoker);
    const { id } = await revoker.create({ n: 1 });
    await cached(node, id);
    subscription.stall();
    commands.stall(); // it cannot register again, and answers until its lease ends
    await redisCommand(redis.port, "DEL", `sessionmesh:meta:${names.cluster.channel}`);
    await eventually(() => revoker.coordinator?.stats().chainBreaks === 1);
    expect(await revoker.revoke(id)).toMatchObject({ nodes: 0 });
    expect(node.peek(id)).toBeUndefined();
  });

  test("who is registered, a node is there again with its next beat", async () => {
    const options = { kind, port: redis.port, ...shortCluster() };
    const { channel } = options.cluster;
    const { coordinator } = await startNode(options);
    await redisCommand(redis.port, "HDEL", `sessionmesh:meta:${channel}`, `n:${coordinator?.nodeId}`);
    await eventually(async () => {
      expect(await registeredNodes(redis.port, channel)).toEqual([coordinator?.nodeId]);
    });
  });

  test("one session, memory answers with it until the bound on its own copy, and nobody else misses any", async () => {
    const options = { kind, port: redis.port, ...shortCluster() };
    const node = await startNode({ ...options, localCache: { ttlMs: 300 } });
    const { id } = await node.create({ n: 1 });
    const { id: other } = await node.create({ n: 2 });
    await redisCommand(redis.port, "DEL", `${options.prefix}${id}`);
    await eventually(async () => (await node.get(id)) === undefined);
    expect((await node.get(other))?.data).toEqual({ n: 2 });
    expect(node.coordinator?.stats()).toMatchObject({ chainBreaks: 0, subscriptions: 1 });
  });
});

describe.each(CURRENT_CLIENT_KINDS)("when Redis crashes, on $name,", (kind) => {
  let redis: RedisServer;
  let writer: TestStore;
  let node: TestStore;
  let recordKey: (id: string) => string;

  beforeEach(async () => {
    redis = await startRedis();
    onTestFinished(() => redis.stop());
    const options = { kind, port: redis.port, ...shortCluster() };
    recordKey = (id) => `${options.prefix}${id}`;
    writer = await startNode(options);
    node = await startNode(options);
  });

  test("and comes back empty, sessions that were deleted before cannot be saved again", async () => {
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    await writer.delete(id);
    await eventually(() => node.peek(id) === undefined);
    await redis.kill();
    await redis.restart();
    await Promise.all([leaseHeld(writer), leaseHeld(node)]);
    await eventually(async () =>
      expect(await redisCommand(redis.port, "GET", recordKey(id))).toMatch(/\r\nT1/),
    );
    const late = await startNode({ kind, port: redis.port, ...shortCluster(), prefix: recordKey("") });
    await expect(late.set(id, { n: 2 })).rejects.toThrow(SessionRevokedError);
  });

  test("a revocation that it confirmed is uncertain until it can be asked again, and over all the same", async () => {
    await redisCommand(redis.port, "HSET", `sessionmesh:meta:${writer.coordinator?.channel}`, "n:dead", "1");
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    const asked = new Questioner(node, id);
    const revocation = writer.revoke(id);
    await eventually(() => writer.coordinator?.stats().changesEchoed === 2); // waits for the dead node only
    await redis.kill();
    await expect(revocation).rejects.toMatchObject({ code: "REVOCATION_UNCERTAIN", deleted: true });
    const revokedAtMs = performance.now();
    await redis.restart();
    await Promise.all([leaseHeld(writer), leaseHeld(node)]);
    expect(await node.get(id)).toBeUndefined();
    expect(asked.lastServedAtMs).toBeLessThan(revokedAtMs);
  });

  test("and comes back empty, nobody is taken for registered who has not said so again", async () => {
    await redis.kill();
    await redis.restart();
    await Promise.all([leaseHeld(writer), leaseHeld(node)]);
    const nodeIds = [writer, node].map(({ coordinator }) => coordinator?.nodeId).sort();
    await eventually(async () => {
      expect(await registeredNodes(redis.port, writer.coordinator?.channel ?? "")).toEqual(nodeIds);
    });
    await trusted(writer);
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    expect(await writer.revoke(id)).toMatchObject({ acknowledged: true, nodes: 1 });
    expect(node.peek(id)).toBeUndefined();
  });
});
