import { describe, expect, onTestFinished, test } from "vitest";
import { commandOf } from "../scripts/redis-cluster.mjs";
import { examine } from "../src/cli/doctor.js";
import { PartitionMismatchError } from "../src/index.js";
import { slotOf } from "../src/redis/cluster-slots.js";
import type { ClientKind } from "./support/clients.js";
import { clusterClientKinds } from "./support/cluster-clients.js";
import { eventually } from "./support/eventually.js";
import { Load, ready } from "./support/load.js";
import { cached, leaseHeld, startNode, type TestStore } from "./support/node.js";
import { useRedisCluster } from "./support/redis-cluster.js";
import type { RedisServer } from "./support/redis-server.js";
import { shortCluster } from "./support/short-bound.js";

const PARTITIONS = 6;
/** As long as a promotion may take on a busy machine. */
const SLOW = { timeoutMs: 30_000 };
const ANY = 0; // these clients know all nodes

/** A shard that is down is no other one's business; and none fails over by itself because the machine is busy. */
const cluster = useRedisCluster({
  keepsData: true,
  args: ["--cluster-require-full-coverage", "no", "--cluster-node-timeout", "3000"],
});

/** What `sessionmesh doctor` finds of the masters, at a node. */
async function mastersOf({ url }: RedisServer, { prefix, cluster }: Deployment["options"]) {
  const split = { partitions: undefined, pubsub: undefined };
  const { channel } = cluster;
  const findings = await examine({ url, client: "redis", prefix, channel, ...split, json: false });
  return findings.filter(({ check }) => check === "masters" || check === "partitions");
}

interface Deployment {
  readonly nodes: TestStore[];
  readonly options: ReturnType<typeof shortCluster> & { port: number };
  /** The current clients. */
  readonly kinds: ClientKind[];
  /** An id of each partition, by whether its slot is at the master of the first. */
  readonly hit: string[];
  readonly spared: string[];
  readonly slot: number;
}

/** A node for each current client, and one that tracks what it reads, of one deployment; with a session in each partition. */
async function deploy(): Promise<Deployment> {
  const kinds = clusterClientKinds(cluster.topology.ports).filter(({ name }) => name.endsWith("6"));
  const { cluster: names, ...rest } = shortCluster();
  const options = { port: ANY, ...rest, cluster: { ...names, partitions: PARTITIONS } };
  const tracking = { ...options, cluster: { ...options.cluster, invalidation: "tracking" as const } };
  const all = [...kinds.map((kind) => ({ ...options, kind })), { ...tracking, kind: kinds[0] as ClientKind }];
  const nodes = await Promise.all(all.map((options) => startNode(options)));
  const [writer] = nodes as [TestStore];
  const { partitions } = writer.redisStore;
  const ids: string[] = [];
  for (let n = 0; ids.filter(Boolean).length < PARTITIONS; n++)
    ids[partitions.indexOf(`id-${n}`)] ??= `id-${n}`;
  for (const id of ids) await writer.set(id, { n: 0 });
  const slotOfSession = (id: string) => slotOf(partitions.of(id).prefix);
  const slot = slotOfSession(ids[0] as string);
  const master = await cluster.topology.masterOf(slot);
  const [hit, spared]: [string[], string[]] = [[], []];
  for (const id of ids) {
    const isHit = (await cluster.topology.masterOf(slotOfSession(id))) === master;
    (isHit ? hit : spared).push(id);
  }
  return { nodes, options, kinds, hit, spared, slot };
}

/** Another session of the same partition. */
function neighbourOf(id: string, [node]: readonly TestStore[], name = "neighbour"): string {
  const { partitions } = (node as TestStore).redisStore;
  for (let n = 0; ; n++) {
    if (partitions.indexOf(`${name}-${n}`) === partitions.indexOf(id)) return `${name}-${n}`;
  }
}

/** Watches a session that all nodes hold and nobody asks for; it is changed once, when its master has a successor. */
async function watchQuiet(nodes: readonly TestStore[], id: string) {
  const [writer] = nodes as [TestStore];
  await writer.set(id, { n: 0 });
  for (const node of nodes) await cached(node, id);
  const { history, end } = new Load(nodes, [id], { watchesOnly: true });
  const change = async (n: number) => {
    const startedAtMs = performance.now();
    await writer.set(id, { n });
    history.changed(id, n, { startedAtMs, endedAtMs: performance.now() });
  };
  await change(1);
  for (const node of nodes)
    await eventually(async () => (await node.get(id))?.data.n === 1 && node.peek(id)?.data.n === 1);
  return { history, end, change };
}

/** Reads and changes everywhere while something happens to the master of one slot. What happens to the sessions of the others binds all the time. */
async function judged(
  event: (deployment: Deployment) => Promise<unknown>,
  afterwards: () => Promise<unknown> = async () => {}, // what is acknowledged binds again
): Promise<void> {
  const deployment = await deploy();
  const { nodes, hit, spared } = deployment;
  const deleted = neighbourOf(hit[0] as string, nodes);
  await nodes[0]?.set(deleted, { n: 0 });
  for (const node of nodes) await cached(node, deleted);
  const quiet = await watchQuiet(nodes, neighbourOf(hit[0] as string, nodes, "quiet"));
  const [failing, others] = [new Load(nodes, [...hit, deleted]), new Load(nodes, spared)];
  const startedAtMs = performance.now();
  await nodes[0]?.delete(deleted);
  failing.history.ended(deleted, { startedAtMs, endedAtMs: performance.now() }, { revoked: false });
  await failing.changed(20);
  await eventually(() => quiet.history.reads > 100); // before it is to be forgotten
  await failing.through(cluster.topology, async () => {
    await event(deployment);
    await eventually(() => quiet.change(2), SLOW);
    for (const id of hit) await ready(nodes, id);
  });
  await failing.changed(20);
  await afterwards();
  await failing.changed(20);
  await others.changed(20);
  await eventually(() => [failing, others].every(({ history }) => history.reads > 500));
  await Promise.all([failing.end(), others.end(), quiet.end()]);
  for (const { history } of [quiet, failing, others]) expect(history.violations).toEqual([]);
  for (const node of nodes) expect(await node.get(deleted, { consistency: "strong" })).toBeUndefined();
  await cluster.topology.settled();
}

describe("under load, no promise is broken of the history that survives, and none at all of other shards,", {
  timeout: 90_000,
}, () => {
  test("by a failover on demand", () => judged(({ slot }) => cluster.topology.failover(slot)));

  test("by a master that crashes, and its return with what it had", async () => {
    let old: RedisServer | undefined;
    const crash = async ({ slot }: Deployment) => {
      old = await cluster.topology.killMaster(slot);
      await cluster.topology.promoted(slot, old);
    };
    const comeBack = async () => {
      await old?.restart();
      expect(await commandOf(old as RedisServer, "DBSIZE")).toBeGreaterThan(0);
      await cluster.topology.settled();
    };
    await judged(crash, comeBack);
  });

  test("by a master that stands still, and wakes beside its successor", async () => {
    let old: RedisServer | undefined;
    const standStill = async ({ slot }: Deployment) => {
      old = await cluster.topology.suspendMaster(slot);
      await cluster.topology.promoted(slot, old);
    };
    const wake = async () => {
      cluster.topology.resume(old as RedisServer);
      await cluster.topology.demoted(old as RedisServer);
    };
    await judged(standStill, wake);
  });
});

test("deletions that replication lost are made again by those who remember them", {
  timeout: 60_000,
}, async () => {
  const { topology } = cluster;
  const { nodes, hit, slot } = await deploy();
  const [writer] = nodes as [TestStore];
  const [deleted] = hit as [string];
  const revoked = neighbourOf(deleted, nodes);
  await writer.set(revoked, { n: 1 }, { user: "ann" });
  for (const node of nodes) for (const id of [deleted, revoked]) await cached(node, id);
  await topology.replicated();
  const [master, replica] = [await topology.masterOf(slot), await topology.replicaOf(slot)];
  topology.suspend(replica);
  await commandOf(master, "CLIENT", "KILL", "TYPE", "replica"); // nothing is left in a socket
  await writer.delete(deleted);
  await writer.revokeUser("ann");
  await eventually(() => nodes.every((node) => node.peek(deleted) === undefined));
  await master.kill();
  topology.resume(replica);
  await topology.promoted(slot, master);
  const reasserted = () =>
    nodes.reduce((sum, { coordinator }) => sum + (coordinator?.stats().reasserted ?? 0), 0);
  await eventually(() => reasserted() > 0, SLOW);
  const { prefix } = writer.redisStore.partitions.of(deleted);
  await eventually(async () => {
    const promoted = await topology.masterOf(slot);
    expect(String(await commandOf(promoted, "GET", prefix + deleted))).toMatch(/^T1/);
  }, SLOW);
  for (const node of nodes) {
    await eventually(() => leaseHeld(node), SLOW);
    for (const id of [deleted, revoked]) {
      await eventually(async () => expect(await node.get(id, { consistency: "strong" })).toBeUndefined());
    }
  }
  await topology.settled();
});

test("a shard that is down for good, master and replica, stops its own partitions only", {
  timeout: 60_000,
}, async () => {
  const { topology } = cluster;
  const { nodes, options, kinds, hit, spared, slot } = await deploy();
  for (const node of nodes) for (const id of [...hit, ...spared]) await cached(node, id);
  const partitionsOf = (node: TestStore, ids: readonly string[]) =>
    ids.map((id) => node.coordinator?.partitions.of(id));
  const flushes = () => nodes.map((node) => partitionsOf(node, spared).map((p) => p?.stats().flushes));
  const before = flushes();
  const dead = [await topology.masterOf(slot), await topology.replicaOf(slot)];
  const [living] = (await topology.masters()).filter((master) => !dead.includes(master)) as [RedisServer];
  expect(await mastersOf(living, options)).toMatchObject([
    { status: "ok", message: expect.stringContaining("as it is recorded") },
    { status: "ok", message: "3 masters, each with a replica." },
  ]);
  await Promise.all(dead.map((server) => server.kill()));
  onTestFinished(() => topology.settled());

  await eventually(() => nodes.every((node) => hit.every((id) => node.peek(id) === undefined)));
  for (const node of nodes) for (const id of hit) await expect(node.get(id)).rejects.toThrow();
  expect(flushes()).toEqual(before);
  for (const node of nodes)
    for (const partition of partitionsOf(node, spared)) expect(partition?.ready).toBe(true);

  const opened = () =>
    nodes.map((node) => partitionsOf(node, spared).map((p) => p?.stats().subscriptions ?? 0));
  const opens = opened();
  for (const master of await topology.masters()) await commandOf(master, "CLIENT", "KILL", "TYPE", "pubsub");
  await eventually(
    () => opened().every((counts, n) => counts.every((count, m) => count > (opens[n]?.[m] ?? 0))),
    SLOW,
  );

  await eventually(
    async () =>
      expect(await mastersOf(living, options)).toContainEqual(expect.objectContaining({ status: "problem" })),
    SLOW,
  );
  for (const kind of kinds) {
    const late = await startNode({ ...options, kind, start: false });
    late.start().catch(() => {}); // it goes on
    for (const id of spared) {
      await eventually(async () => {
        await late.get(id).catch(() => {});
        return late.peek(id) !== undefined;
      }, SLOW);
    }
    await nodes[0]?.update(spared[0] as string, ({ n }) => ({ n: n + 1 }));
    const n = (await nodes[0]?.get(spared[0] as string, { consistency: "strong" }))?.data.n;
    await eventually(async () => (await late.get(spared[0] as string))?.data.n === n);

    const membership = { ...options.cluster, partitions: PARTITIONS - 1 };
    const other = await startNode({ ...options, kind, cluster: membership, start: false });
    await expect(other.start()).rejects.toThrow(PartitionMismatchError);
    await expect(other.get(spared[0] as string)).rejects.toThrow(PartitionMismatchError);
  }
});
