import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.js";
import { ClusteredRedisStore, RevocationUncertainError, StoreUnavailableError } from "../../src/index.js";
import { portOf, type RedisClient } from "../../src/redis/detect.js";
import type { Command } from "../../src/redis/port.js";
import { DELETE } from "../../src/redis/scripts/delete.js";
import type { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import {
  CURRENT_CLIENT_KINDS,
  cached,
  leaseHeld,
  type NodeOptions,
  startNode,
  type TestStore,
} from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import { useRedis } from "../support/redis-server.js";
import { BOUND_MS, proxyTo, shortCluster } from "../support/short-bound.js";

const redis = useRedis();
let writer: TestStore;
let proxy: TcpProxy;
let options: NodeOptions;

beforeEach(async () => {
  const names = shortCluster();
  writer = await startNode({ port: redis.port, ...names });
  proxy = await proxyTo(redis.port);
  const breaker = { halfOpenAfterMs: 50 };
  options = { ...names, port: proxy.port, breaker, onOutage: "serve-cached", outageGraceMs: 60_000 };
});

/** Whether a node answers with the session, though it cannot ask Redis. */
async function serves(node: TestStore, id: string): Promise<boolean> {
  try {
    return (await node.get(id)) !== undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(StoreUnavailableError);
    return false;
  }
}

/** A session of `writer` that `node` holds a copy of, after its proxy has stalled and its lease is over. */
async function inOutage(node: TestStore, life: { ttlMs?: number; user?: string } = {}): Promise<string> {
  const { id } = await writer.create({ n: 1 }, life);
  await cached(node, id);
  proxy.stall();
  await eventually(() => node.coordinator?.lease.held !== true);
  return id;
}

describe("a copy is served in an outage", () => {
  test("until the grace is over, counted from the end of the lease, and not longer", async () => {
    const node = await startNode({ ...options, outageGraceMs: BOUND_MS });
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    proxy.stall();
    const stalledAtMs = performance.now();
    let lastServedAtMs = 0;
    await eventually(async () => {
      const over = !(await serves(node, id));
      if (!over) lastServedAtMs = performance.now();
      return over;
    });
    expect(node.stats().servedInOutage).toBeGreaterThan(0);
    expect(lastServedAtMs - stalledAtMs).toBeLessThan(2 * BOUND_MS + 400); // bound, grace, and the command that had to fail
  });

  test("beyond the time for which it may be cached, also when that ends before the lease", async () => {
    const node = await startNode({ ...options, localCache: { ttlMs: 1 } });
    const { id } = await writer.create({ n: 1 });
    await node.get(id);
    proxy.stall();
    expect(node.coordinator?.lease.held).toBe(true);
    expect(await serves(node, id)).toBe(true);
    expect(await serves(node, id)).toBe(true);
  });

  test("with no cluster, until the grace beyond that is over", async () => {
    const names = { ...options, cluster: { ...options.cluster, enabled: false } };
    const node = await startNode({ ...names, localCache: { ttlMs: 100 }, outageGraceMs: 1_000 });
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    proxy.stall();
    await eventually(() => node.peek(id) === undefined);
    expect(await serves(node, id)).toBe(true);
    await eventually(async () => !(await serves(node, id)));
  });

  test("and not by a call that asks for none of it", async () => {
    const node = await startNode(options);
    const id = await inOutage(node);
    expect(await serves(node, id)).toBe(true);
    await expect(node.get(id, { onOutage: "fail" })).rejects.toThrow(StoreUnavailableError);
    await expect(node.get(id, { consistency: "strong" })).rejects.toThrow(StoreUnavailableError);
    await expect(node.update(id, () => ({ n: 2 }))).rejects.toThrow(StoreUnavailableError);
    expect(node.peek(id)).toBeUndefined();
  });

  test("by a call that asks for it, where the store does not", async () => {
    const node = await startNode({ ...options, onOutage: "fail" });
    const id = await inOutage(node);
    expect(await serves(node, id)).toBe(false);
    expect((await node.get(id, { onOutage: "serve-cached" }))?.data).toEqual({ n: 1 });
  });

  test("only if Redis cannot be asked: what it answers counts", async () => {
    const node = await startNode({ ...options, subscribePort: redis.port, port: redis.port });
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    await redisCommand(redis.port, "CLIENT", "KILL", "TYPE", "pubsub");
    await eventually(() => node.coordinator?.lease.held === false);
    await writer.delete(id);
    expect(await node.get(id)).toBeUndefined();
    expect(node.stats().servedInOutage).toBe(0);
  });
});

describe("nothing is served in an outage", () => {
  test("beyond the session's own life", async () => {
    const node = await startNode(options);
    const id = await inOutage(node, { ttlMs: 1_500 });
    const startedAtMs = performance.now();
    expect(await serves(node, id)).toBe(true);
    await eventually(async () => !(await serves(node, id)));
    expect(performance.now() - startedAtMs).toBeGreaterThan(100); // it was the life that ended it
  });

  test("without a local cache", async () => {
    const node = await startNode({ ...options, localCache: { enabled: false } });
    const { id } = await writer.create({ n: 1 });
    await node.get(id);
    proxy.stall();
    expect(await serves(node, id)).toBe(false);
  });

  test("after the machine was suspended for longer than the grace, though its monotonic clock stood still", async () => {
    let aheadMs = 0;
    const clock = { ...systemClock, wallNow: () => systemClock.wallNow() + aheadMs };
    const node = await startNode({ ...options, clock });
    const id = await inOutage(node);
    expect(await serves(node, id)).toBe(true);
    aheadMs = 60_000;
    expect(await serves(node, id)).toBe(false);
  });

  test("of what was held before the lease that went", async () => {
    const node = await startNode(options);
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    proxy.cut();
    await eventually(() => (node.coordinator?.stats().subscriptions ?? 0) > 1);
    await leaseHeld(node);
    await inOutage(node);
    expect(await serves(node, id)).toBe(false);
  });

  test("after a message was missed: anything may have changed", async () => {
    const node = await startNode(options);
    const { id } = await writer.create({ n: 1 });
    await cached(node, id);
    await redisCommand(redis.port, "FLUSHALL");
    await eventually(() => node.coordinator?.stats().chainBreaks === 1);
    proxy.stall();
    await eventually(() => node.coordinator?.lease.held === false);
    expect(await serves(node, id)).toBe(false);
  });

  test.each<[string, (node: TestStore, id: string) => Promise<unknown>]>([
    ["deleted", (node, id) => node.delete(id)],
    ["revoked", (node, id) => node.revoke(id)],
    ["of a user who was revoked", (node) => node.revokeUser("ada")],
    ["written", (node, id) => node.set(id, { n: 2 })],
    ["cleared with all others", (node) => node.clear()],
  ])("that was to be %s, though Redis did not confirm it", async (_, write) => {
    const node = await startNode(options);
    const id = await inOutage(node, { user: "ada" });
    expect(await serves(node, id)).toBe(true);
    const error = await write(node, id).catch((reason) => reason);
    if (error instanceof RevocationUncertainError) expect(error.deleted).toBe(false);
    else expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(await serves(node, id)).toBe(false);
  });

  test.each<[string, (id: string) => Promise<unknown>]>([
    ["a change", (id) => writer.set(id, { n: 2 })],
    ["a deletion", (id) => writer.delete(id)],
    ["a revoked user", () => writer.revokeUser("ada")],
    ["a removal of all", () => writer.clear()],
  ])("against %s that was heard of, though no lease is held", async (_, change) => {
    const node = await startNode({ ...options, subscribePort: redis.port });
    const id = await inOutage(node, { user: "ada" });
    await redisCommand(redis.port, "CLIENT", "KILL", "TYPE", "pubsub");
    await eventually(() => node.coordinator?.state.status === "syncing");
    expect(await serves(node, id)).toBe(true);
    await change(id);
    await eventually(async () => !(await serves(node, id)));
  });
});

test("healthy() is a trial: after an outage it says so without any other command", async () => {
  const node = await startNode({ ...options, localCache: { enabled: false } });
  const events: string[] = [];
  node.on("breaker-opened", (reason) => events.push(`opened: ${reason}`));
  node.on("breaker-closed", () => events.push("closed"));
  proxy.stall();
  await Promise.allSettled(Array.from({ length: 5 }, (_, n) => node.get(`${n}`)));
  expect(node.stats()).toMatchObject({ breaker: "open", breakerOpened: 1 });
  await expect(node.get("an-id")).rejects.toThrow(/the circuit is open for another \d+ ms, after: no reply/);
  proxy.resume();
  await eventually(() => node.healthy());
  expect(node.stats().breaker).toBe("closed");
  expect(events.at(0)).toBe("opened: no reply within 400 ms");
  expect(events.at(-1)).toBe("closed");
});

describe("a deletion that Redis did not confirm", () => {
  test.each<[string, NodeOptions["cluster"], (node: TestStore, id: string) => Promise<unknown>]>([
    ["delete()", {}, (node, id) => node.delete(id)],
    ["revoke()", {}, (node, id) => node.revoke(id)],
    ["revoke() without a cluster", { enabled: false }, (node, id) => node.revoke(id)],
  ])("by %s is sent again when Redis is back", async (_, cluster, remove) => {
    const node = await startNode({ ...options, cluster: { ...options.cluster, ...cluster } });
    const id = await inOutage(node);
    await expect(remove(node, id)).rejects.toThrow("Redis");
    expect(node.stats().deletionsPending).toBe(1);
    expect((await writer.get(id))?.data).toEqual({ n: 1 });
    proxy.cut(); // what the client holds back is lost
    proxy.resume();
    await eventually(() => node.stats().deletionsPending === 0);
    expect(await writer.get(id, { consistency: "strong" })).toBeUndefined();
    await expect(writer.set(id, { n: 2 })).rejects.toThrow("is over");
  });

  test("is called off by an unconditional write that succeeds, and by no other", async () => {
    const client = await CURRENT_CLIENT_KINDS[0]?.connect(redis.port);
    if (client === undefined) throw new Error("no client kind");
    onTestFinished(() => CURRENT_CLIENT_KINDS[0]?.close(client));
    const port = portOf(client as RedisClient);
    const send = (command: Command) =>
      command[1] === DELETE.sha1 ? Promise.reject(new Error("Socket closed")) : port.send(command);
    const { prefix = "", cluster = {} } = options;
    const withoutDeletions = { send, subscribe: port.subscribe.bind(port) };
    const node: TestStore = new ClusteredRedisStore({
      client: withoutDeletions,
      prefix,
      cluster,
      commandTimeoutMs: 400,
    });
    onTestFinished(() => node.close());
    const { id, revision } = await node.create({ n: 1 });
    await expect(node.delete(id)).rejects.toThrow("Socket closed");
    await node.set(id, { n: 2 }, { ifRevision: revision });
    expect(node.stats().deletionsPending).toBe(1);
    await expect(node.set(id, {} as never, { ttlMs: 0 })).rejects.toThrow("ttlMs");
    expect(node.stats().deletionsPending).toBe(1);
    await node.set(id, { n: 3 });
    expect(node.stats().deletionsPending).toBe(0);
  });

  test("is not sent again if it was conditional", async () => {
    const node = await startNode(options);
    const id = await inOutage(node);
    const { revision = "" } = (await writer.get(id)) ?? {};
    await expect(node.delete(id, { ifRevision: revision })).rejects.toThrow(StoreUnavailableError);
    expect(node.stats().deletionsPending).toBe(0);
  });

  test("is given up when the store is closed", async () => {
    const node = await startNode(options);
    const id = await inOutage(node);
    await expect(node.delete(id)).rejects.toThrow(StoreUnavailableError);
    await node.close();
    expect(node.stats().deletionsPending).toBe(0);
  });
});
