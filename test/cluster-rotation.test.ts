import { beforeEach, describe, expect, test } from "vitest";
import type { SessionEnded } from "../src/cluster/report.js";
import { SessionRevokedError } from "../src/index.js";
import { metaKey } from "../src/redis/session-table.js";
import { newTag } from "../src/session/record.js";
import { eventually } from "./support/eventually.js";
import {
  CURRENT_CLIENT_KINDS,
  cached,
  expectGone,
  sharedBy,
  startNode,
  type TestStore,
} from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";
import { shortCluster } from "./support/short-bound.js";

const GRACE = { graceMs: 60_000 };
/** A bound on staleness that a test can wait for, and that a machine under load seldom misses. */
const BOUND_MS = 1_000;

describe.each(CURRENT_CLIENT_KINDS)("three nodes on $name", { timeout: 60_000 }, (kind) => {
  const redis = useRedis();
  let names: ReturnType<typeof shortCluster>;
  let a: TestStore;
  let b: TestStore;
  let c: TestStore;

  beforeEach(async () => {
    names = shortCluster(BOUND_MS);
    const options = { kind, port: redis.port, ...names };
    [a, b, c] = await Promise.all([startNode(options), startNode(options), startNode(options)]);
  });

  /** A session that all three hold in memory. */
  const shared = (user?: string) => sharedBy([a, b, c], user);

  /** A session that was rotated and written on `a`, and that all three hold in memory under its new id; that it had before. */
  async function rotated(newId = "new", user?: string): Promise<string> {
    const oldId = await shared(user);
    expect(await a.rotate(oldId, newId, GRACE)).toBe(true);
    await a.set(newId, { n: 2 }, user === undefined ? {} : { user });
    for (const node of [a, b, c]) await cached(node, newId);
    return oldId;
  }

  const expectNone = (...ids: string[]) => expectGone([a, b, c], ids);

  test("a node that holds the old session in memory answers with the new one", async () => {
    const oldId = await shared();
    await a.rotate(oldId, "new", GRACE);
    expect(a.peek(oldId)).toBeUndefined();
    const session = await a.set("new", { n: 2 });
    expect(await a.get(oldId)).toEqual(session);
    for (const node of [b, c]) {
      await eventually(() => node.peek(oldId) === undefined);
      expect(await node.get(oldId)).toEqual(session);
      expect((await node.get(oldId, { consistency: "strong" }))?.id).toBe("new");
    }
  });

  test("what the old id leads to comes from memory; where it leads is never remembered", async () => {
    const oldId = await rotated();
    const held = b.peek("new");
    const before = b.cacheStats();
    for (let n = 0; n < 3; n++) expect(await b.get(oldId)).toBe(held);
    const { hits, misses, size } = b.cacheStats();
    expect({ hits: hits - before.hits, misses: misses - before.misses }).toEqual({ hits: 3, misses: 3 });
    expect(size).toBe(before.size);
    expect(b.peek(oldId)).toBeUndefined();
  });

  test("a write under the old id is seen by all, and cached under the new one alone", async () => {
    const oldId = await rotated();
    const written = await b.set(oldId, { n: 3 });
    expect(b.peek("new")).toEqual(written);
    expect(b.peek(oldId)).toBeUndefined();
    for (const node of [a, c]) await eventually(async () => (await node.get("new"))?.data.n === 3);
    expect((await c.update(oldId, ({ n }) => ({ n: n + 1 })))?.data).toEqual({ n: 4 });
    await eventually(async () => (await a.get(oldId))?.data.n === 4);
  });

  test("a logout under the old id ends the session on all", async () => {
    const oldId = await rotated();
    expect(await b.delete(oldId)).toBe(true);
    for (const id of [oldId, "new"]) {
      for (const node of [a, b, c]) await eventually(async () => (await node.get(id)) === undefined);
      await expect(c.set(id, { n: 3 })).rejects.toThrow(SessionRevokedError);
    }
  });

  test("revoke() under either id resolves when no node answers under any", async () => {
    for (const [newId, byOld] of Object.entries({ one: true, two: false })) {
      const oldId = await rotated(newId);
      await b.revoke(byOld ? oldId : newId);
      await expectNone(oldId, newId);
    }
  });

  test("revoke() waits for every node to acknowledge both ids", async () => {
    await eventually(async () => (await b.revoke("probe")).acknowledged);
    const oldId = await rotated();
    const sent = () => [a, c].map((node) => node.coordinator?.stats().acknowledgementsSent ?? 0);
    const before = sent();
    expect(await b.revoke(oldId)).toMatchObject({ acknowledged: true, nodes: 2 });
    expect(sent()).toEqual(before.map((count) => count + 2));
    await expectNone(oldId, "new");
  });

  test("revokeUser() ends it under both ids", async () => {
    const oldId = await rotated("new", "ann");
    await c.revokeUser("ann");
    await expectNone(oldId, "new");
  });

  test("every node is told that the old id is over, and why", async () => {
    const told = [a, b, c].map((node) => {
      const heard: SessionEnded[] = [];
      node.on("session-ended", (ended) => heard.push(ended));
      return heard;
    });
    const oldId = await shared();
    await c.rotate(oldId, "new", GRACE);
    for (const heard of told) await eventually(() => heard.length === 1);
    expect(told.flat()).toEqual(Array(3).fill({ reason: "rotated", id: oldId }));
  });

  test("after a gap in what a node heard, the old id is over: it cannot know of what history it was", async () => {
    const oldId = await rotated();
    await eventually(() => b.coordinator?.ready === true);
    const key = `${names.prefix}${oldId}`;
    expect(await redisCommand(redis.port, "GET", key)).toContain("A1");
    await redisCommand(redis.port, "HSET", metaKey(names.cluster.channel), "c", newTag());
    await eventually(async () => (await redisCommand(redis.port, "GET", key)).includes("T1"));
    for (const node of [a, b, c]) {
      expect(await node.get(oldId)).toBeUndefined();
      expect((await node.get("new"))?.data).toEqual({ n: 2 });
    }
  });
});

describe.each(CURRENT_CLIENT_KINDS)("a node without a cluster on $name", (kind) => {
  const redis = useRedis();

  test("drops what it holds under both ids, whoever ends the session by the old one", async () => {
    const { prefix, commandTimeoutMs, cluster } = shortCluster();
    const store = await startNode({
      ...{ kind, port: redis.port, prefix, commandTimeoutMs },
      cluster: { maxStalenessMs: cluster.maxStalenessMs, enabled: false },
    });
    for (const [newId, end] of Object.entries({ one: "delete", two: "revoke" } as const)) {
      const { id } = await store.create({ n: 1 });
      await store.rotate(id, newId, GRACE);
      await store.set(newId, { n: 2 });
      expect(store.peek(newId)).toBeDefined();
      await store[end](id);
      expect(store.peek(newId)).toBeUndefined();
    }
  });
});
