import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { SessionMeshError, StoreClosedError } from "../../src/index.js";
import type { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import { useRedis } from "../support/redis-server.js";
import { callsOf, proxyTo, registeredNodes, shortCluster } from "../support/short-bound.js";

/** How many of them look through all keys. */
const SCANS = 7;
const FOUND = ({ data }: { data: { n: number } }) => data.n > 0;

async function collect<I>(items: AsyncIterable<I>): Promise<I[]> {
  const all: I[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** All that may be under way. */
const OPERATIONS: Record<string, (store: TestStore, id: string) => Promise<unknown>> = {
  get: (store) => store.get("asked-for"),
  "strong get": (store, id) => store.get(id, { consistency: "strong" }),
  create: (store) => store.create({ n: 1 }, { user: "ada" }),
  set: (store) => store.set("written", { n: 1 }),
  update: (store, id) => store.update(id, ({ n }) => ({ n: n + 1 })),
  touch: (store) => store.touch("touched"),
  add: (store) => store.add(randomUUID(), { n: 1 }),
  take: (store) => store.take("taken"),
  increment: (store) => store.increment("counter", 60_000),
  rotate: (store) => store.rotate("old", "new", { graceMs: 1_000 }),
  find: (store) => store.find(FOUND),
  count: (store) => store.count(FOUND),
  deleteWhere: (store) => store.deleteWhere(({ data }) => data.n < 0),
  ids: (store) => collect(store.ids()),
  all: (store) => collect(store.all()),
  sessionsOf: (store) => collect(store.sessionsOf("ada")),
  healthy: (store) => store.healthy(),
  delete: (store) => store.delete("deleted"),
  revoke: (store) => store.revoke("revoked"),
  revokeUser: (store) => store.revokeUser("ada"),
  clear: (store) => store.clear(),
  size: (store) => store.size(),
};

describe.each(CURRENT_CLIENT_KINDS)("close() on $name", (kind) => {
  const redis = useRedis();
  const unhandled: unknown[] = [];
  let commands: TcpProxy;
  let options: Parameters<typeof startNode>[0];
  let store: TestStore;
  let id: string;

  beforeEach(async () => {
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    commands = await proxyTo(redis.port);
    options = { kind, port: commands.port, subscribePort: redis.port, ...shortCluster() };
    store = await startNode(options);
    ({ id } = await store.create({ n: 1 }));
    const { revoke: _, revokeUser: __, clear: ___, ...quick } = OPERATIONS;
    await Promise.all(Object.values(quick).map((operation) => operation(store, id))); // their scripts are known now
  });

  /** Sends all operations, whose replies do not come. */
  async function allUnderWay(): Promise<Promise<unknown>[]> {
    const before = await callsOf(redis.port, "scan");
    commands.stall("toClient");
    const settled = Object.values(OPERATIONS).map((operation) =>
      operation(store, id).catch((error) => error),
    );
    await eventually(async () => (await callsOf(redis.port, "scan")) >= before + SCANS); // the last ones have got there
    return settled;
  }

  /** Waits for all of them. Either they did what they should, or they say why not. */
  async function expectAllSettled(settled: Promise<unknown>[]): Promise<void> {
    for (const outcome of await Promise.all(settled))
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(SessionMeshError);
    expect(store.peek(id)).toBeUndefined();
    await expect(store.get(id)).rejects.toThrow(StoreClosedError);
    await eventually(() => unhandled.length === 0);
  }

  test("settles all that waits for replies which never come", async () => {
    const settled = await allUnderWay();
    await store.close();
    await expectAllSettled(settled);
  });

  test("settles all that is answered afterwards", async () => {
    const settled = await allUnderWay();
    const closed = store.close();
    commands.resume();
    await closed;
    await expectAllSettled(settled);
  });

  test("settles all that is sent in the same moment", async () => {
    const settled = Object.values(OPERATIONS).map((operation) =>
      operation(store, id).catch((error) => error),
    );
    await store.close();
    await expectAllSettled(settled);
  });

  test("is the same when it is called again, under way or done", async () => {
    const settled = await allUnderWay();
    const closed = Promise.all([store.close(), store.close()]);
    await closed;
    await store.close();
    await expectAllSettled(settled);
    commands.resume();
    await store.close();
  });

  test("settles deletions that wait for a replica which there is not", async () => {
    const durable = await startNode({
      ...options,
      ...shortCluster(10_000),
      durability: { replicas: 1, timeoutMs: 9_000 },
    });
    const before = await callsOf(redis.port, "wait");
    const startedAtMs = performance.now();
    const settled = ["delete", "revoke", "revokeUser", "rotate", "deleteWhere"].map((name) => {
      const operation = OPERATIONS[name] as (store: TestStore, id: string) => Promise<unknown>;
      return operation(durable, id).catch((error) => error);
    });
    await eventually(async () => (await callsOf(redis.port, "wait")) > before);
    await durable.close();
    for (const outcome of await Promise.all(settled))
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(SessionMeshError);
    expect(performance.now() - startedAtMs).toBeLessThan(8_000); // before they were over by themselves
    await eventually(() => unhandled.length === 0);
  });

  test("ends what repeats deletions that Redis may have lost", async () => {
    await store.delete(id);
    const record = `${options.prefix}${id}`;
    const meta = `sessionmesh:meta:${store.coordinator?.channel}`;
    const forget = () => redisCommand(redis.port, "DEL", meta, record);
    const repeated = () =>
      eventually(async () => (await redisCommand(redis.port, "GET", record)).includes("\nT1"));
    await forget();
    await repeated(); // so that the server knows the script
    commands.stall("toClient"); // the next repetition gets there, and is not answered
    await forget();
    await repeated();
    await store.close();
    commands.resume();
    await expect(store.get(id)).rejects.toThrow(StoreClosedError);
    await eventually(async () => {
      expect(await registeredNodes(redis.port, store.coordinator?.channel ?? "")).toEqual([]);
    });
    expect(unhandled).toEqual([]);
  });

  test("ends the wait of a revocation", async () => {
    const patient = { ...options, ...shortCluster(10_000) };
    const revoker = await startNode(patient);
    await redisCommand(redis.port, "HSET", `sessionmesh:meta:${revoker.coordinator?.channel}`, "n:dead", "1");
    const revoking = performance.now();
    const outcome = revoker.revoke(id).catch((error) => error);
    const record = `${patient.prefix}${id}`;
    await eventually(async () => (await redisCommand(redis.port, "GET", record)).includes("\nT1"));
    await revoker.get("another"); // the reply that names the dead node came before this one
    await revoker.close();
    expect(await outcome).toBeInstanceOf(StoreClosedError);
    expect(performance.now() - revoking).toBeLessThan(9_000); // before it was over by itself
  });

  test("ends start(), however far that is", async () => {
    const subscription = await proxyTo(redis.port);
    subscription.stall("toClient");
    const waiting = await startNode({ ...options, subscribePort: subscription.port, start: false });
    const early = waiting.start().catch((error) => error);
    await waiting.close();
    expect(await early).toBeInstanceOf(StoreClosedError);
    const connecting = await startNode({ ...options, subscribePort: subscription.port, start: false });
    const late = connecting.start().catch((error) => error);
    await eventually(() => subscription.heldBytes > 0);
    await connecting.close();
    expect(await late).toBeInstanceOf(StoreClosedError);
    subscription.resume();
    await expect(connecting.start()).rejects.toThrow(StoreClosedError);
    await eventually(() => subscription.connections === 0);
  });
});

describe.each(CURRENT_CLIENT_KINDS)("a node that is closed, on $name,", (kind) => {
  const redis = useRedis();

  test("stays out of the registry, though a load was under way", async () => {
    const commands = await proxyTo(redis.port);
    const names = shortCluster();
    await (await startNode({ kind, port: redis.port, ...names })).close(); // the server knows the script now
    const store = await startNode({ kind, port: commands.port, subscribePort: redis.port, ...names });
    const { id } = await store.create({ n: 1 });
    store.evictFromCache(id);
    await store.get("warm-up");
    const before = await callsOf(redis.port, "get");
    commands.stall("toClient");
    const load = store.get(id).catch(() => {});
    await eventually(async () => (await callsOf(redis.port, "get")) > before);
    const closed = store.close();
    commands.resume();
    await closed;
    await load;
    expect(await registeredNodes(redis.port, names.cluster.channel)).toEqual([]);
  });

  test("stays out of the registry, though it is asked for a session, and says at once that it is closed", async () => {
    const names = shortCluster();
    const store = await startNode({ kind, port: redis.port, ...names });
    await store.close();
    await expect(store.get("an-id")).rejects.toThrow(StoreClosedError);
    expect(await registeredNodes(redis.port, names.cluster.channel)).toEqual([]);
  });

  test("answers at once, whatever Redis does", async () => {
    const commands = await proxyTo(redis.port);
    const store = await startNode({
      kind,
      port: commands.port,
      subscribePort: redis.port,
      ...shortCluster(),
    });
    commands.stall();
    await store.close();
    await expect(store.get("an-id")).rejects.toThrow(StoreClosedError);
  });
});
