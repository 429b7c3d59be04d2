import { randomUUID } from "node:crypto";
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../scripts/with-redis.mjs";
import {
  ClusteredRedisStore,
  RedisStore,
  RevocationUncertainError,
  StoreClosedError,
  StoreUnavailableError,
  UnsupportedClientError,
} from "../src/index.js";
import type { RedisClient } from "../src/redis/detect.js";
import { CLIENT_KINDS, type ClientKind } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { cached, clusterNames, startNode, type TestStore } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { type RedisServer, useRedis } from "./support/redis-server.js";
import { replicationOf } from "./support/sentinel.js";
import { callsOf } from "./support/short-bound.js";

const SOON = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
const master = useRedis({ args: SOON });
let replica: RedisServer;

beforeAll(async () => {
  replica = await startRedis({ args: [...SOON, "--replicaof", "127.0.0.1", String(master.port)] });
  await eventually(async () => (await replicationOf(master.server)).includes("state=online"));
  return () => replica.stop();
}, 30_000);

const suspend = () => process.kill(replica.pid, "SIGSTOP");
const resume = () => process.kill(replica.pid, "SIGCONT");
afterEach(resume);

/** Short enough for a test that waits until it is over. */
const BRIEF = { commandTimeoutMs: 900, durability: { replicas: 1, timeoutMs: 250 } };
/** Long enough for a test that looks at what happens meanwhile. */
const LONG = { commandTimeoutMs: 1_900, durability: { replicas: 1, timeoutMs: 1_800 } };

const UNCONFIRMED = "0 of 1 replicas confirmed the deletion within 250 ms";

function start(kind: ClientKind, options: typeof BRIEF | undefined, names = clusterNames()) {
  return startNode({ kind, port: master.port, ...names, ...options });
}

const isTombstone = async (port: number, key: string) =>
  (await redisCommand(port, "GET", key)).includes("\r\nT1");
const waiting = async () =>
  (await redisCommand(master.port, "INFO", "clients")).includes("blocked_clients:1");
const waiters = async () =>
  Array.from(
    (await redisCommand(master.port, "CLIENT", "LIST")).matchAll(/^id=(\d+) .*cmd=wait/gm),
    ([, id = ""]) => id,
  );

describe.each(CLIENT_KINDS)("on $name", (kind) => {
  test("what is confirmed is at the replica", async () => {
    const names = clusterNames();
    const store = await start(kind, LONG, names);
    const ids = await Promise.all([1, 2, 3].map(async (n) => (await store.create({ n })).id));
    const [first, second, third] = ids as [string, string, string];
    expect(await store.delete(first)).toBe(true);
    expect(await isTombstone(replica.port, names.prefix + first)).toBe(true);
    await store.revoke(second);
    expect(await isTombstone(replica.port, names.prefix + second)).toBe(true);
    await store.rotate(third, randomUUID(), { graceMs: 0 });
    expect(await isTombstone(replica.port, names.prefix + third)).toBe(true);
    await store.create({ n: 1 }, { user: "ann" });
    await store.revokeUser("ann");
    const generations = `sessionmesh:generations:${names.prefix}`;
    expect(await redisCommand(replica.port, "HGET", generations, "ann")).toContain("\r\n1\r\n");
    expect(store.stats()).toMatchObject({ deletionsPending: 0 });
  });

  test("a deletion without a replica is done and told, fails, and is sent again until the replica has it", async () => {
    const names = clusterNames();
    const [store, other] = (await Promise.all([start(kind, BRIEF, names), start(kind, BRIEF, names)])) as [
      TestStore,
      TestStore,
    ];
    const { id } = await store.create({ n: 1 });
    await cached(other, id);
    suspend();
    for (let n = 0; n < 2; n++) {
      const error = await store.delete(id).catch((error) => error); // the second one finds the tombstone
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error.message).toContain(UNCONFIRMED);
      expect(error.cause.message).toBe(UNCONFIRMED);
    }
    expect(store.peek(id)).toBeUndefined();
    await eventually(() => other.peek(id) === undefined);
    expect(await store.get(id)).toBeUndefined();
    await expect(store.set(id, { n: 2 })).rejects.toThrow("it was deleted or revoked");
    expect(store.stats()).toMatchObject({ deletionsPending: 1, breaker: "closed" });
    resume();
    await eventually(() => store.stats().deletionsPending === 0);
    expect(await isTombstone(replica.port, names.prefix + id)).toBe(true);
  });

  test("other commands go on meanwhile, and deletions that come meanwhile share the next round", async () => {
    const store = await start(kind, LONG);
    const ids = await Promise.all([1, 2, 3, 4, 5].map(async (n) => (await store.create({ n })).id));
    const [live = "", first = "", ...others] = ids;
    await store.delete(randomUUID()); // the connection is there
    const rounds = await callsOf(master.port, "wait");
    suspend();
    let settled = 0;
    const count = () => settled++;
    const deletions = [store.delete(first).finally(count)];
    await eventually(waiting);
    for (const id of others) deletions.push(store.delete(id).finally(count));
    expect((await store.get(live, { consistency: "strong" }))?.id).toBe(live);
    for (const id of others) await eventually(() => store.redisStore.get(id).then((session) => !session));
    expect(settled).toBe(0);
    resume();
    expect(await Promise.all(deletions)).toEqual([true, true, true, true]);
    expect(await callsOf(master.port, "wait")).toBe(rounds + 2);
  });

  test("a revocation without a replica is uncertain, and the session is deleted all the same", async () => {
    const store = await start(kind, BRIEF);
    const { id } = await store.create({ n: 1 }, { user: "ann" });
    suspend();
    for (const revoke of [() => store.revoke(id), () => store.revokeUser("ann")]) {
      const error = await revoke().catch((error) => error);
      expect(error).toBeInstanceOf(RevocationUncertainError);
      expect(error.deleted).toBe(true);
      expect(error.cause.message).toContain(UNCONFIRMED);
    }
    expect(await store.get(id)).toBeUndefined();
    expect(store.stats()).toMatchObject({ deletionsPending: 1 });
    resume();
    await eventually(() => store.stats().deletionsPending === 0);
    await eventually(() => store.revokeUser("ann"));
  });

  test("a connection that breaks confirms nothing, and is replaced", async () => {
    const store = await start(kind, LONG);
    const { id } = await store.create({ n: 1 });
    suspend();
    const deletion = store.delete(id).catch((error) => error);
    const [waiter = ""] = await eventually(async () => {
      const found = await waiters();
      return found.length === 1 && found;
    });
    await redisCommand(master.port, "CLIENT", "KILL", "ID", waiter);
    expect(await deletion).toBeInstanceOf(StoreUnavailableError);
    expect((await deletion).message).not.toContain("replicas");
    resume();
    expect(await store.delete(id)).toBe(false);
  });

  test("close() closes the connection, and answers who waits", async () => {
    const client = await kind.connect(master.port);
    onTestFinished(() => kind.close(client));
    const { prefix } = clusterNames();
    const store = new RedisStore({ client: client as RedisClient, prefix, ...LONG });
    await store.delete(randomUUID());
    expect(await waiters()).toHaveLength(1);
    suspend();
    const deletion = store.delete(randomUUID()).catch((error) => error);
    await eventually(waiting);
    await store.close();
    expect(await deletion).toBeInstanceOf(StoreClosedError);
    await eventually(async () => (await waiters()).length === 0);
  });
});

test("a server that does not have the deletion confirms nothing", async () => {
  const store = await start(CLIENT_KINDS[0] as ClientKind, LONG);
  const { id } = await store.create({ n: 1 }, { user: "ann" });
  const lost = "the server was replaced by one without the deletion";
  await expect(store.redisStore.confirm(id)).rejects.toThrow(lost);
  await expect(store.redisStore.confirmUser("ann", [1])).rejects.toThrow(lost);
  await store.revokeUser("ann");
  await store.redisStore.confirm(id);
});

test("what RedisStore does without a cache waits, too", async () => {
  const client = await (CLIENT_KINDS[0] as ClientKind).connect(master.port);
  onTestFinished(() => (CLIENT_KINDS[0] as ClientKind).close(client));
  const { prefix } = clusterNames();
  const options = { prefix, channel: null, maxStalenessMs: 20, ...BRIEF };
  const store = new RedisStore({ client: client as RedisClient, ...options });
  onTestFinished(() => store.close());
  const [a, b, c, d] = await Promise.all([1, 2, 3, 4].map((n) => store.create({ n }, { user: "ann" })));
  suspend();
  const uncertain = expect.objectContaining({ name: "RevocationUncertainError", deleted: true });
  await expect(store.delete(a?.id ?? "")).rejects.toThrow(UNCONFIRMED);
  await expect(store.rotate(b?.id ?? "", randomUUID(), { graceMs: 0 })).rejects.toThrow(UNCONFIRMED);
  await expect(store.revoke(c?.id ?? "")).rejects.toEqual(uncertain);
  await expect(store.deleteWhere(() => true)).rejects.toThrow(UNCONFIRMED);
  await expect(store.revokeUser("ann")).rejects.toEqual(uncertain);
  expect(await store.get(d?.id ?? "")).toBeUndefined();
});

test("without the option nobody waits", async () => {
  const before = await callsOf(master.port, "wait");
  const store = await start(CLIENT_KINDS[0] as ClientKind, undefined);
  const { id } = await store.create({ n: 1 }, { user: "ann" });
  suspend();
  await store.delete(id);
  await store.revoke(id);
  await store.revokeUser("ann");
  expect(await callsOf(master.port, "wait")).toBe(before);
});

test("a port that opens no connection is refused", () => {
  const client = { send: async () => null, subscribe: async () => ({ close: () => {} }) };
  expect(() => new ClusteredRedisStore({ client, ...BRIEF })).toThrow(UnsupportedClientError);
});
