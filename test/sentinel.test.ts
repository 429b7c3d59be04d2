import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../src/clock.js";
import {
  RedisStore,
  type Session,
  SessionConflictError,
  SessionRevokedError,
  StoreUnavailableError,
} from "../src/index.js";
import { RedisCommands } from "../src/redis/commands.js";
import { portOf, type RedisClient } from "../src/redis/detect.js";
import { CLIENT_KINDS, type ClientKind } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { Load, ready, TOLERANCE_MS } from "./support/load.js";
import { cached, clusterNames, leaseHeld, startNode, type TestData, type TestStore } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { replicationOf, useSentinel } from "./support/sentinel.js";
import { sentinelClientKinds } from "./support/sentinel-clients.js";
import { BOUND_MS, callsOf, Questioner, shortCluster } from "./support/short-bound.js";

const SESSIONS = 4;
const NOWHERE = 1; // nothing listens there
const ANY = 0; // these clients ask sentinels

const sentinel = useSentinel();

/** One node for each client, and one that tracks what it reads, of one cluster. */
async function startNodes() {
  const options = { port: ANY, ...shortCluster() };
  const kinds = sentinelClientKinds(sentinel.topology);
  const [kind] = kinds as [ClientKind];
  const tracking = { ...options, kind, cluster: { ...options.cluster, invalidation: "tracking" as const } };
  const all = [...kinds.map((kind) => ({ ...options, kind })), tracking];
  const nodes = await Promise.all(all.map((options) => startNode(options)));
  const [writer] = nodes as [TestStore];
  return { nodes, writer, options };
}

/** Writes one session fifty times at once. What the last of these writes answered. */
async function setMany(store: RedisStore<TestData>, first: number, id: string = randomUUID()) {
  const writes = await Promise.all(Array.from({ length: 50 }, (_, n) => store.set(id, { n: first + n })));
  expect((await store.get(id))?.data.n).toBe(first + 49);
  return writes.at(-1) as Session<TestData>;
}

/** How often each node has lost its subscription or a message, and found another one. */
const turns = (nodes: readonly TestStore[]) =>
  nodes.map(({ coordinator }) => {
    const { subscriptions, chainBreaks } = coordinator?.stats() ?? {};
    return { subscriptions, chainBreaks };
  });

/** Four nodes under load, with a session that was deleted and is asked for all the same. */
async function startLoad() {
  const { nodes, writer } = await startNodes();
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => writer.create({ n: 0 })));
  const ids = sessions.map(({ id }) => id);
  const { id: deleted } = await writer.create({ n: 0 });
  for (const node of nodes) await cached(node, deleted);
  const load = new Load(nodes, [...ids, deleted]);
  const startedAtMs = performance.now();
  await writer.delete(deleted);
  load.history.ended(deleted, { startedAtMs, endedAtMs: performance.now() }, { revoked: false });
  await load.changed(50);
  return { nodes, load, ids, deleted };
}

async function judged({ load, nodes, deleted }: Awaited<ReturnType<typeof startLoad>>): Promise<void> {
  await load.changed(50);
  await load.end();
  expect(load.history.violations).toEqual([]);
  expect(load.history.reads).toBeGreaterThan(1_000);
  for (const node of nodes) {
    expect(await node.get(deleted, { consistency: "strong" })).toBeUndefined();
    await expect(node.set(deleted, { n: 9 })).rejects.toThrow(SessionRevokedError);
  }
}

describe("behind sentinels", { timeout: 60_000 }, () => {
  test("sessions are shared by nodes on all clients", async () => {
    const { nodes } = await startNodes();
    for (const node of nodes) {
      const { id } = await node.create({ n: 1 });
      for (const other of nodes) await cached(other, id);
      await node.update(id, ({ n }) => ({ n: n + 1 }));
      for (const other of nodes) await eventually(async () => (await other.get(id))?.data.n === 2);
      await eventually(async () => (await node.revoke(id)).acknowledged);
      for (const other of nodes) expect(other.peek(id)).toBeUndefined();
    }
  });

  test("a subscription that is cut is told as lost, and another one takes its place", async () => {
    const { nodes } = await startNodes();
    const before = turns(nodes);
    const { port } = await sentinel.topology.master();
    await redisCommand(port, "CLIENT", "KILL", "TYPE", "pubsub");
    await eventually(() =>
      turns(nodes).every(({ subscriptions = 0 }, n) => subscriptions > (before[n]?.subscriptions ?? 0)),
    );
    await Promise.all(nodes.map(leaseHeld));
    for (const { coordinator } of nodes) expect(coordinator?.state.lastBreak?.reason).toMatch(/closed/i);
  });

  test("commands are carried out in their order, those too that are sent while the master is looked for", async () => {
    const { prefix } = shortCluster();
    for (const kind of sentinelClientKinds(sentinel.topology)) {
      const client = kind.create(ANY);
      onTestFinished(() => kind.close(client));
      const store = new RedisStore<TestData>({
        client: client as RedisClient,
        prefix,
        commandTimeoutMs: 5_000,
      });
      const { id } = await setMany(store, 0);
      await setMany(store, 50, id);
      expect((await store.get(id))?.data.n).toBe(99);
    }
  });

  test("a command that failed while there was no master is not carried out by the next one", async () => {
    const { topology } = sentinel;
    const key = randomUUID();
    const kinds = sentinelClientKinds(topology).filter(({ name }) => name.startsWith("node-redis"));
    const all = kinds.map((kind) => {
      const client = kind.create(ANY);
      onTestFinished(() => kind.close(client));
      const port = portOf(client as RedisClient);
      return new RedisCommands({ port, clock: systemClock, timeoutMs: 100, maxPending: 1_000 });
    });
    for (const commands of all) await eventually(() => commands.send(["PING"]));
    const old = await topology.master();
    const promoted = topology.killMaster();
    for (const commands of all) {
      await eventually(() => expect(commands.send(["PING"])).rejects.toThrow("no reply")); // it looks for one
      await expect(commands.send(["INCR", key])).rejects.toThrow("no reply");
    }
    await promoted;
    for (const commands of all) await eventually(() => commands.send(["PING"]));
    for (const commands of all) expect(await commands.send(["GET", key])).toBeNull();
    await old.restart();
    await topology.settled();
  });

  test("a failover on demand, under load, breaks no promise of the history that survives", async () => {
    const running = await startLoad();
    const { nodes, load, ids } = running;
    await load.through(sentinel.topology, async () => {
      await sentinel.topology.failover();
      await ready(nodes, ids[0] as string);
    });
    await judged(running);
    await sentinel.topology.settled();
  });

  test("a master that crashes, under load, ends in errors, not in silence; its return, with what it had, changes nothing", async () => {
    const running = await startLoad();
    const { nodes, load, ids } = running;
    let old = await sentinel.topology.master();
    await load.through(sentinel.topology, async () => {
      old = await sentinel.topology.killMaster();
      await ready(nodes, ids[0] as string);
    });
    const before = turns(nodes);
    await old.restart();
    expect(await redisCommand(old.port, "DBSIZE")).toMatch(/^:[1-9]/);
    await sentinel.topology.settled();
    expect(await replicationOf(old)).toContain("role:slave");
    await judged(running);
    expect(turns(nodes)).toEqual(before);
    expect(load.failures.get(StoreUnavailableError)).toBeGreaterThan(0);
    load.failures.delete(StoreUnavailableError);
    load.failures.delete(SessionConflictError); // others were faster, again and again
    expect([...load.failures.keys()]).toEqual([]);
  });

  test("a master that stands still, under load, is left for the one that has its place", async () => {
    const { topology } = sentinel;
    const running = await startLoad();
    const { nodes, load, ids } = running;
    await load.through(sentinel.topology, async () => {
      const old = await topology.suspendMaster();
      onTestFinished(() => topology.resume(old));
      await ready(nodes, ids[0] as string);
      topology.resume(old);
    });
    await topology.settled();
    await judged(running);
  });

  test("deletions that replicas must have are confirmed by each master in turn", async () => {
    const { topology } = sentinel;
    const durability = { replicas: 2, timeoutMs: 1_500 };
    const options = { port: ANY, ...clusterNames(), commandTimeoutMs: 1_900, durability };
    const kinds = sentinelClientKinds(topology);
    const nodes = await Promise.all(kinds.map((kind) => startNode({ ...options, kind })));
    const confirmed = async (node: TestStore) => (await node.delete(randomUUID())) === false; // there is none
    for (const node of nodes) await eventually(() => confirmed(node));
    await topology.failover();
    await topology.settled();
    const master = await topology.master();
    const before = await callsOf(master.port, "wait");
    for (const node of nodes) await eventually(() => confirmed(node));
    expect(await callsOf(master.port, "wait")).toBeGreaterThanOrEqual(before + nodes.length);
  });

  test("a deletion that replication lost is made again by those who remember it", async () => {
    const { topology } = sentinel;
    const { nodes, writer, options } = await startNodes();
    const { id } = await writer.create({ n: 1 });
    for (const node of nodes) await cached(node, id);
    await topology.replicated();
    const [master, replicas] = await Promise.all([topology.master(), topology.replicas()]);
    await redisCommand(master.port, "CONFIG", "SET", "min-replicas-to-write", "0");
    for (const { port } of replicas) await redisCommand(port, "REPLICAOF", "127.0.0.1", String(NOWHERE));
    await writer.delete(id);
    await eventually(() => nodes.every((node) => node.peek(id) === undefined));
    const old = await topology.killMaster();
    const promoted = await topology.master();
    await eventually(async () =>
      expect(await redisCommand(promoted.port, "GET", `${options.prefix}${id}`)).toMatch(/\r\nT1/),
    );
    const reasserted = () =>
      nodes.reduce((sum, { coordinator }) => sum + (coordinator?.stats().reasserted ?? 0), 0);
    await eventually(() => reasserted() === 1); // one of them found it, the others its tombstone
    await old.restart();
    await Promise.all(nodes.map(leaseHeld));
    for (const node of nodes) expect(await node.get(id, { consistency: "strong" })).toBeUndefined();
  });

  test("nodes that are left alone with the old master, which still takes writes for a while, serve nothing for longer than that and the bound; what it took is lost", async () => {
    const { topology } = sentinel;
    const { nodes, writer, options } = await startNodes();
    const old = await topology.master();
    const direct = CLIENT_KINDS.filter(({ name }) => name.endsWith("6"));
    const lonely = await Promise.all(direct.map((kind) => startNode({ ...options, kind, port: old.port })));
    const { id } = await writer.create({ n: 1 });
    for (const node of [...nodes, ...lonely]) await cached(node, id);
    const asked = lonely.map((node) => new Questioner(node, id));
    const writing = lonely.map((node) => new Writing(node));
    await topology.failover();
    await eventually(() => nodes[1]?.delete(id).catch(() => false));
    const refusesWrites = () =>
      redisCommand(old.port, "SET", "probe", "1").then(
        () => false,
        (error: Error) => /NOREPLICAS|READONLY/.test(error.message),
      );
    await eventually(refusesWrites, { timeoutMs: 30_000 });
    const refusedAtMs = performance.now();
    await eventually(() => performance.now() > refusedAtMs + 3 * BOUND_MS);
    for (const { answers, lastServedAtMs } of asked) {
      expect(answers).toBeGreaterThan(0);
      expect(lastServedAtMs).toBeLessThan(refusedAtMs + BOUND_MS + TOLERANCE_MS);
    }
    for (const node of lonely) await expect(node.get(id)).rejects.toThrow(StoreUnavailableError);
    await topology.settled();
    for (const { acknowledged } of writing) {
      const found = await Promise.all(acknowledged.map((id) => writer.get(id, { consistency: "strong" })));
      expect(found[0]).toBeDefined(); // of the time when it still was the master
      expect(found.at(-1)).toBeUndefined(); // acknowledged, and lost: as the guide says
    }
  });
});

/** Creates sessions one after the other until the test is over; the ids of those that were acknowledged. */
class Writing {
  readonly acknowledged: string[] = [];
  #isWriting = true;

  constructor(store: TestStore) {
    onTestFinished(() => {
      this.#isWriting = false;
    });
    void this.#write(store);
  }

  async #write(store: TestStore): Promise<void> {
    while (this.#isWriting) {
      await store.create({ n: 1 }).then(
        ({ id }) => this.acknowledged.push(id),
        () => {},
      );
      await delay(5);
    }
  }
}
