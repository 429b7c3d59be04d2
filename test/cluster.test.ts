import { beforeEach, describe, expect, test } from "vitest";
import type { FlushReason } from "../src/index.js";
import { CLIENT_KINDS } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, clusterNames, startNode, type TestStore } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";

describe.each(CLIENT_KINDS)("three nodes on $name", (kind) => {
  const redis = useRedis();
  let names: ReturnType<typeof clusterNames>;
  let a: TestStore;
  let b: TestStore;
  let c: TestStore;

  beforeEach(async () => {
    names = clusterNames();
    const options = { kind, port: redis.port, ...names };
    [a, b, c] = await Promise.all([startNode(options), startNode(options), startNode(options)]);
  });

  /** A session that all three hold in memory. */
  async function shared(): Promise<string> {
    const { id } = await a.create({ n: 1 });
    for (const node of [a, b, c]) await cached(node, id);
    return id;
  }

  const changesReceived = (node: TestStore) => node.coordinator?.stats().changesReceived;

  test("the first read goes to Redis, the next ones to memory", async () => {
    const { id } = await a.create({ n: 1 });
    await eventually(() => changesReceived(b) === 1);
    await b.get(id);
    expect(b.cacheStats()).toMatchObject({ hits: 0, misses: 1 });
    const first = await b.get(id);
    expect(await b.get(id)).toBe(first);
    expect(b.cacheStats()).toMatchObject({ hits: 2, misses: 1, size: 1, hitRate: 2 / 3 });
  });

  test("a write on one is seen by all", async () => {
    const id = await shared();
    await b.set(id, { n: 2 });
    expect((await b.get(id))?.data).toEqual({ n: 2 });
    for (const node of [a, c]) await eventually(async () => (await node.get(id))?.data.n === 2);
  });

  test("of fifty increments at once, on all of them, none is lost", async () => {
    const id = await shared();
    const nodes = Array.from({ length: 50 }, (_, n) => [a, b, c][n % 3] as TestStore);
    await Promise.all(nodes.map((node) => node.update(id, ({ n }) => ({ n: n + 1 }))));
    expect((await a.get(id, { consistency: "strong" }))?.data.n).toBe(51);
  });

  test("a deletion on one ends the session on all", async () => {
    const id = await shared();
    expect(await c.delete(id)).toBe(true);
    expect(await c.get(id)).toBeUndefined();
    for (const node of [a, b]) await eventually(async () => (await node.get(id)) === undefined);
  });

  test("clear() on one empties all", async () => {
    const id = await shared();
    await a.clear();
    for (const node of [a, b, c]) await eventually(async () => (await node.get(id)) === undefined);
  });

  test("a touch tells nobody", async () => {
    const id = await shared();
    const before = changesReceived(b);
    await a.touch(id);
    await a.set(id, { n: 2 });
    await eventually(() => changesReceived(b) === (before ?? 0) + 1);
  });

  test("evictFromCache() drops one node's copy and nothing else", async () => {
    const id = await shared();
    expect(b.evictFromCache(id)).toBe(true);
    expect(b.evictFromCache(id)).toBe(false);
    expect(b.peek(id)).toBeUndefined();
    expect(a.peek(id)).toBeDefined();
    expect((await b.get(id))?.data).toEqual({ n: 1 });
  });

  test("a node that is closed holds no subscription and serves nothing", async () => {
    const id = await shared();
    await b.close();
    expect(b.peek(id)).toBeUndefined();
    await expect(b.get(id)).rejects.toThrow("closed");
    await eventually(async () =>
      (await redisCommand(redis.port, "PUBSUB", "NUMSUB", a.coordinator?.channel ?? "")).includes(":2"),
    );
    await b.close();
  });
});

describe.each(CURRENT_CLIENT_KINDS)("a node on $name", (kind) => {
  const redis = useRedis();
  let names: ReturnType<typeof clusterNames>;
  let node: TestStore;
  const publish = (message: string) => redisCommand(redis.port, "PUBLISH", names.cluster.channel, message);
  const skipped = () => node.coordinator?.stats().skipped;

  beforeEach(async () => {
    names = clusterNames();
    node = await startNode({ kind, port: redis.port, ...names });
  });

  test("counts and skips what is no message, and keeps what it holds", async () => {
    const { id } = await node.create({ n: 1 });
    await publish("hello");
    await eventually(() => skipped()?.foreign === 1);
    await publish("SM1I-garbage");
    await eventually(() => skipped()?.malformed === 1);
    expect(node.peek(id)).toBeDefined();
  });

  test("drops all it holds at a message of a newer version, which may tell of a change", async () => {
    const { id } = await node.create({ n: 1 });
    const reasons: FlushReason[] = [];
    node.coordinator?.on("flush", (reason) => reasons.push(reason));
    await publish("SM2I-what-is-to-come");
    await eventually(() => skipped()?.newer === 1);
    expect(reasons).toEqual(["message-unreadable"]);
    expect(node.peek(id)).toBeUndefined();
  });

  test("shares a channel with a deployment of another prefix without a flush", async () => {
    const other = await startNode({
      kind,
      port: redis.port,
      prefix: `other-${names.prefix}`,
      cluster: names.cluster,
    });
    const { id } = await node.create({ n: 1 });
    await eventually(() => node.coordinator?.stats().changesEchoed === 1);
    await other.set(id, { n: 2 });
    await other.clear();
    await eventually(() => (skipped()?.foreign ?? 0) >= 2);
    expect(node.peek(id)?.data).toEqual({ n: 1 });
    expect(node.coordinator?.stats()).toMatchObject({ chainBreaks: 0, flushes: 1 });
  });

  test("with the node id of another is told of its writes all the same", async () => {
    const twin = {
      kind,
      port: redis.port,
      prefix: names.prefix,
      cluster: { ...names.cluster, nodeId: "twin" },
    };
    const [a, b] = await Promise.all([startNode(twin), startNode(twin)]);
    const { id } = await a.create({ n: 1 });
    await cached(b, id);
    await a.set(id, { n: 2 });
    await eventually(async () => (await b.get(id))?.data.n === 2);
  });

  test("with cluster.enabled: false serves from memory and neither subscribes nor tells", async () => {
    const alone = await startNode({
      kind,
      port: redis.port,
      prefix: names.prefix,
      cluster: { ...names.cluster, enabled: false },
    });
    expect(alone.coordinator).toBeUndefined();
    const { id } = await alone.create({ n: 1 });
    expect(await alone.get(id)).toBe(alone.peek(id));
    await node.set(id, { n: 2 });
    await eventually(() => node.coordinator?.stats().changesEchoed === 1);
    expect(alone.peek(id)?.data).toEqual({ n: 1 }); // nobody tells it
    expect(node.coordinator?.stats()).toMatchObject({ changesReceived: 0, chainBreaks: 0 });
  });

  test("with localCache.enabled: false asks Redis every time and tells the others", async () => {
    const direct = await startNode({ kind, port: redis.port, ...names, localCache: { enabled: false } });
    const { id } = await direct.create({ n: 1 });
    await cached(node, id);
    await node.set(id, { n: 2 });
    expect((await direct.get(id))?.data).toEqual({ n: 2 });
    expect(direct.peek(id)).toBeUndefined();
    await direct.set(id, { n: 3 });
    await eventually(async () => (await node.get(id))?.data.n === 3);
  });

  test("holds no copy longer than its session lives", async () => {
    const { id } = await node.create({ n: 1 }, { ttlMs: 200 });
    expect(node.peek(id)).toBeDefined();
    await eventually(() => node.peek(id) === undefined, { timeoutMs: 1_000 });
    await eventually(async () => (await node.get(id)) === undefined);
  });

  test("sends Redis one touch in a tenth of the TTL, and all others do not", async () => {
    const other = await startNode({ kind, port: redis.port, ...names });
    const { id } = await node.create({ n: 1 }, { ttlMs: 600_000 });
    const touches = async () => {
      const stats = await redisCommand(redis.port, "INFO", "commandstats");
      return Number(/cmdstat_pexpire:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await touches();
    for (let i = 0; i < 20; i++) expect(await node.touch(id)).toBe(true);
    await cached(other, id);
    for (let i = 0; i < 20; i++) expect(await other.touch(id)).toBe(true);
    expect((await touches()) - before).toBe(1);
  });

  test("sends simultaneous touches once", async () => {
    const { id } = await node.create({ n: 1 }, { ttlMs: 600_000 });
    const evalshas = async () => {
      const stats = await redisCommand(redis.port, "INFO", "commandstats");
      return Number(/cmdstat_setrange:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await evalshas();
    await Promise.all(Array.from({ length: 50 }, () => node.touch(id)));
    expect((await evalshas()) - before).toBe(1);
  });
});
