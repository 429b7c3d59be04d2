import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  ClusteredRedisStore,
  DEFAULT_MAX_STALENESS_MS,
  InvalidOptionError,
  type RedisClient,
  RedisStore,
  SubscribeTimeoutError,
} from "../src/index.js";
import { CLIENT_KINDS } from "./support/clients.js";
import { CLUSTER_CLIENT_KINDS } from "./support/cluster-clients.js";
import { eventually } from "./support/eventually.js";
import { cached, clusterNames, leaseHeld, sharedBy, startNode, type TestStore } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";
import { callsOf, proxyTo } from "./support/short-bound.js";

const NODE_REDIS = CLIENT_KINDS.filter(({ name }) => name.startsWith("node-redis"));

describe.each(NODE_REDIS)("three nodes that track what they read, on $name", (kind) => {
  const redis = useRedis();
  let names: ReturnType<typeof clusterNames>;
  let a: TestStore;
  let b: TestStore;
  let c: TestStore;

  const tracking = () => ({
    kind,
    port: redis.port,
    prefix: names.prefix,
    cluster: { ...names.cluster, invalidation: "tracking" as const },
  });

  beforeEach(async () => {
    names = clusterNames();
    [a, b, c] = await Promise.all([startNode(tracking()), startNode(tracking()), startNode(tracking())]);
  });

  const keysInvalidated = (node: TestStore) => node.coordinator?.stats().keysInvalidated;
  const published = () => callsOf(redis.port, "publish");
  const gone = (id: string, ...nodes: TestStore[]) =>
    eventually(() => nodes.every((node) => node.peek(id) === undefined));

  test("see what one of them writes", async () => {
    const id = await sharedBy([a, b, c]);
    await b.set(id, { n: 2 });
    expect((await b.get(id))?.data.n).toBe(2);
    for (const node of [a, c]) await eventually(async () => (await node.get(id))?.data.n === 2);
    for (const node of [a, b, c]) await cached(node, id);
  });

  test("lose no increment", async () => {
    const id = await sharedBy([a, b, c]);
    const nodes = Array.from({ length: 30 }, (_, n) => [a, b, c][n % 3] as TestStore);
    await Promise.all(nodes.map((node) => node.update(id, ({ n }) => ({ n: n + 1 }))));
    for (const node of [a, b, c]) await eventually(async () => (await node.get(id))?.data.n === 31);
  });

  test("end a session that one of them deletes, revokes or rotates", async () => {
    const [deleted, revoked, rotated] = [
      await sharedBy([a, b, c]),
      await sharedBy([a, b, c]),
      await sharedBy([a, b, c]),
    ];
    await a.delete(deleted);
    await gone(deleted, a, b, c);
    await b.revoke(revoked);
    for (const node of [a, b, c]) expect(node.peek(revoked)).toBeUndefined();
    const newId = `${rotated}-2`;
    await c.rotate(rotated, newId, { graceMs: 60_000 });
    await c.set(newId, { n: 2 });
    for (const node of [a, b, c]) await eventually(async () => (await node.get(rotated))?.id === newId);
  });

  test("revokeUser() ends all sessions of a user", async () => {
    const id = await sharedBy([a, b, c], "ada");
    await a.revokeUser("ada");
    for (const node of [a, b, c]) expect(node.peek(id)).toBeUndefined();
    for (const node of [a, b, c]) expect(await node.get(id)).toBeUndefined();
  });

  test("only those that hold a session are told of a write, and nothing is published", async () => {
    const id = await sharedBy([a, b]);
    await eventually(() => keysInvalidated(c) === 0);
    const messages = c.coordinator?.stats().changesReceived;
    await a.set(id, { n: 2 });
    await gone(id, a, b);
    const probe = await sharedBy([c]); // what c was told of the other session has come before
    await b.set(probe, { n: 2 });
    await gone(probe, c);
    expect(keysInvalidated(c)).toBe(1);
    expect(c.coordinator?.stats().changesReceived).toBe(messages);
  });

  test("hear of what no store did: DEL, expiry, eviction, FLUSHALL", async () => {
    const key = (id: string) => `${names.prefix}${id}`;
    const [deleted, expired, flushed] = [await sharedBy([b]), await sharedBy([b]), await sharedBy([b])];
    await redisCommand(redis.port, "DEL", key(deleted));
    await gone(deleted, b);
    await redisCommand(redis.port, "PEXPIRE", key(expired), "1");
    await gone(expired, b);
    await cached(b, flushed);
    await redisCommand(redis.port, "FLUSHALL");
    await gone(flushed, b);
    const evicted = await sharedBy([b]);
    onTestFinished(async () => void (await redisCommand(redis.port, "CONFIG", "SET", "maxmemory", "0")));
    await redisCommand(redis.port, "CONFIG", "SET", "maxmemory-policy", "volatile-ttl");
    await redisCommand(redis.port, "CONFIG", "SET", "maxmemory", "1");
    await gone(evicted, b);
  });

  test("drop what the server's table of keys has no room for", async () => {
    const setting = "tracking-table-max-keys";
    onTestFinished(async () => void (await redisCommand(redis.port, "CONFIG", "SET", setting, "1000000")));
    const ids = [await sharedBy([a]), await sharedBy([a]), await sharedBy([a])];
    await redisCommand(redis.port, "CONFIG", "SET", setting, "1");
    await eventually(() => ids.filter((id) => a.peek(id) !== undefined).length <= 1);
    await b.set(ids[0] as string, { n: 2 });
    await eventually(async () => (await a.get(ids[0] as string))?.data.n === 2);
  });

  test("the server need not remember what was only listed", async () => {
    for (let n = 0; n < 20; n++) await a.create({ n });
    const tracked = async () =>
      Number(/tracking_total_keys:(\d+)/.exec(await redisCommand(redis.port, "INFO", "stats"))?.[1]);
    const before = await tracked();
    let listed = 0;
    for await (const _ of b.all()) listed++;
    expect(listed).toBe(20);
    expect(await tracked()).toBe(before);
  });

  test("a node that listens to messages is told of every change, as long as it is there", async () => {
    const listener = await startNode({ kind, port: redis.port, ...names });
    const id = await sharedBy([a, listener]);
    await a.set(id, { n: 2 });
    await eventually(async () => (await listener.get(id))?.data.n === 2);
    await listener.set(id, { n: 3 });
    await eventually(async () => (await a.get(id))?.data.n === 3);
    expect(listener.coordinator?.stats().chainBreaks).toBe(0);
  });

  test("a RedisStore without a cache may write beside them", async () => {
    const client = await kind.connect(redis.port);
    onTestFinished(() => kind.close(client));
    const own = { client: client as RedisClient, prefix: names.prefix, channel: names.cluster.channel };
    const id = await sharedBy([a, b, c]);
    const store = new RedisStore<{ n: number }>({ ...own, invalidation: "tracking" });
    await store.set(id, { n: 2 });
    await gone(id, a, b, c);
    const before = await published();
    await store.set(id, { n: 3 });
    await new RedisStore<{ n: number }>(own).set(id, { n: 4 });
    await eventually(async () => (await published()) > before);
    for (const node of [a, b, c]) await eventually(async () => (await node.get(id))?.data.n === 4);
  });

  describe("where one's own connection for what it reads fails", () => {
    let node: TestStore;
    let proxy: Awaited<ReturnType<typeof proxyTo>>;

    beforeEach(async () => {
      proxy = await proxyTo(redis.port);
      node = await startNode({ ...tracking(), subscribePort: proxy.port });
    });

    test("a cut loses nothing: reads go by the application's connection, and are not kept", async () => {
      const id = await sharedBy([a, node]);
      proxy.refuse();
      proxy.cut();
      await eventually(() => node.coordinator?.lease.held === false);
      await a.set(id, { n: 2 });
      expect((await node.get(id))?.data.n).toBe(2);
      expect(node.peek(id)).toBeUndefined();
      proxy.accept();
      await leaseHeld(node);
      await cached(node, id);
      await a.set(id, { n: 3 });
      await gone(id, node);
    });

    test("nothing old is served for longer than the bound while it stalls, and reads go on then", async () => {
      const id = await sharedBy([a, node]);
      proxy.stall();
      await a.set(id, { n: 2 });
      const writtenAtMs = performance.now();
      let lastServedAtMs = writtenAtMs;
      await eventually(async () => {
        const askedAtMs = performance.now();
        const session = await node.get(id).catch(() => undefined);
        if (session?.data.n === 1) lastServedAtMs = askedAtMs;
        return session?.data.n === 2;
      });
      expect(lastServedAtMs - writtenAtMs).toBeLessThan(DEFAULT_MAX_STALENESS_MS);
      proxy.resume();
      await leaseHeld(node);
      await cached(node, id);
    });
  });

  test("a node that is not allowed to says so, and reads from Redis", async () => {
    const allow = (right: string) => redisCommand(redis.port, "ACL", "SETUSER", "default", right);
    await allow("-client|tracking");
    onTestFinished(async () => void (await allow("+client|tracking")));
    const cluster = { ...tracking().cluster, subscribeTimeoutMs: 500 };
    const node = await startNode({ ...tracking(), cluster, start: false });
    const error = await node.start().catch((error) => error);
    expect(error).toBeInstanceOf(SubscribeTimeoutError);
    expect(String(error.cause)).toMatch(/NOPERM|no permissions/i);
    const { id } = await node.create({ n: 1 });
    expect((await node.get(id))?.data.n).toBe(1);
    expect(node.peek(id)).toBeUndefined();
  });
});

describe("where a client cannot track", () => {
  const redis = useRedis();

  test.each(
    CLIENT_KINDS.filter(({ name }) => name.startsWith("ioredis")),
  )("$name is refused", async (kind) => {
    const start = startNode({ kind, port: redis.port, cluster: { invalidation: "tracking" }, start: false });
    await expect(start).rejects.toThrow(InvalidOptionError);
    await expect(start).rejects.toThrow('Option "cluster.invalidation" must be "broadcast" with this client');
  });

  test.each(
    CLUSTER_CLIENT_KINDS.filter(({ name }) => name.startsWith("ioredis")),
  )("$name on a Redis Cluster is refused", (kind) => {
    const client = kind.create([redis.port]);
    onTestFinished(() => kind.close(client));
    const options = {
      client: client as unknown as RedisClient,
      cluster: { invalidation: "tracking" as const },
    };
    expect(() => new ClusteredRedisStore(options)).toThrow(InvalidOptionError);
  });
});
