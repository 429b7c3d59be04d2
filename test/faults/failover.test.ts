import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startRedis } from "../../scripts/with-redis.mjs";
import { SessionRevokedError, StoreUnavailableError } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, leaseHeld, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import type { RedisServer } from "../support/redis-server.js";
import { Questioner, shortCluster } from "../support/short-bound.js";

/** A server that a replica need not wait for. */
async function ownRedis(): Promise<RedisServer> {
  const server = await startRedis({ args: ["--repl-diskless-sync-delay", "0"] });
  onTestFinished(() => server.stop());
  return server;
}

/** Makes a server the replica of another, and waits until it has its data. */
async function replicate(replica: RedisServer, master: RedisServer): Promise<void> {
  await redisCommand(replica.port, "REPLICAOF", "127.0.0.1", String(master.port));
  await eventually(async () =>
    /master_link_status:up/.test(await redisCommand(replica.port, "INFO", "replication")),
  );
}

const promote = (replica: RedisServer) => redisCommand(replica.port, "REPLICAOF", "NO", "ONE");

describe.each(CURRENT_CLIENT_KINDS)("a failover that loses what was acknowledged, on $name", (kind) => {
  /** The address of the master, whatever history it has. */
  let redis: RedisServer;
  /** A copy that knows of nothing since. */
  let stale: RedisServer;
  let options: Parameters<typeof startNode>[0];
  let nodes: TestStore[];
  let writer: TestStore;
  let node: TestStore;
  /** A session of the user `ada`, cached on both, and live on `stale`. */
  let id: string;

  beforeEach(async () => {
    [redis, stale] = await Promise.all([ownRedis(), ownRedis()]);
    options = { kind, port: redis.port, ...shortCluster() };
    nodes = [await startNode(options), await startNode(options)];
    [writer, node] = nodes as [TestStore, TestStore];
    ({ id } = await writer.create({ n: 1 }, { user: "ada" }));
    for (const node of nodes) await cached(node, id);
    await replicate(stale, redis);
    await promote(stale);
  });

  /** Replaces the master's history by that of the stale copy. */
  async function failOver(): Promise<void> {
    await replicate(redis, stale);
    expect(await redisCommand(redis.port, "GET", `${options.prefix}${id}`)).toMatch(/\r\nL1/);
    await promote(redis);
  }

  const reasserted = () => nodes.reduce((sum, node) => sum + (node.coordinator?.stats().reasserted ?? 0), 0);

  test("does not bring a deleted session back: those who remember delete it again", async () => {
    await writer.delete(id);
    await eventually(() => node.peek(id) === undefined);
    const asked = nodes.map((node) => new Questioner(node, id));
    await failOver();
    await eventually(() => reasserted() > 0);
    expect(reasserted()).toBe(1); // one of them found it, the other one its tombstone
    const unknowing = await startNode(options);
    expect(await unknowing.get(id)).toBeUndefined();
    await expect(unknowing.set(id, { n: 2 })).rejects.toThrow(SessionRevokedError);
    for (const { lastServedAtMs } of asked) expect(lastServedAtMs).toBe(Number.NEGATIVE_INFINITY);
  });

  test("does not bring a deleted session back when the repetition fails, either: it is tried again", async () => {
    await writer.delete(id);
    const repetitions = nodes.map(({ redisStore }) =>
      vi.spyOn(redisStore, "reassert").mockRejectedValueOnce(new StoreUnavailableError("no answer in time")),
    );
    await failOver();
    await eventually(() => reasserted() > 0);
    for (const { mock } of repetitions) await eventually(() => mock.calls.length > 0);
    expect(await redisCommand(redis.port, "GET", `${options.prefix}${id}`)).toMatch(/\r\nT1/);
  });

  test("does not bring the sessions of a revoked user back", async () => {
    await writer.revokeUser("ada");
    const asked = nodes.map((node) => new Questioner(node, id));
    await failOver();
    await Promise.all(nodes.map(leaseHeld));
    const unknowing = await startNode(options);
    await eventually(async () => (await unknowing.get(id, { consistency: "strong" })) === undefined);
    expect(await node.get(id)).toBeUndefined();
    for (const { lastServedAtMs } of asked) expect(lastServedAtMs).toBe(Number.NEGATIVE_INFINITY);
  });

  test("costs a write that was lost, and nobody goes on with what it had written", async () => {
    await writer.set(id, { n: 2 });
    await eventually(async () => (await node.get(id))?.data.n === 2);
    await failOver();
    await Promise.all(nodes.map(leaseHeld));
    for (const node of nodes) await eventually(async () => (await node.get(id))?.data.n === 1);
    expect(writer.coordinator?.stats().chainBreaks).toBeGreaterThan(0);
  });

  test("meanwhile the leases end, since beats are refused, and nothing is written", async () => {
    await writer.delete(id);
    await replicate(redis, stale); // and stays a replica, which has the session
    const refused = writer.coordinator?.stats().beatsFailed ?? 0;
    await eventually(() => nodes.every(({ coordinator }) => coordinator?.lease.held === false));
    expect(writer.coordinator?.stats().beatsFailed).toBeGreaterThan(refused);
    await expect(node.get(id)).rejects.toThrow(StoreUnavailableError);
    await expect(node.create({ n: 3 })).rejects.toThrow(/READONLY/);
    await expect(node.revoke("another")).rejects.toThrow(expect.objectContaining({ deleted: false }));
  });
});
