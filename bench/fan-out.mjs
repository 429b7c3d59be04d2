import { ClusteredRedisStore } from "sessionmesh";
import { spreadOf } from "./harness.mjs";
import { connectNodeRedis, info, PREFIX, WIDE_BOUNDS } from "./redis.mjs";
import { makeData, makeId } from "./sessions.mjs";

const NODES = [1, 10, 100];
const INVALIDATIONS = /** @type {const} */ (["broadcast", "tracking"]);
const SESSIONS = 60;
const WRITES_PER_SESSION = 10;
const ROUNDS = 5;
/** How many requests of a session only read it, for one that changes it. */
const READS_PER_WRITE = 19;
/** Sessions that have a request under way at a time. */
const AT_ONCE = 20;

/**
 * What does a write cost Redis, with the reads that it causes, by how nodes hear of changes?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, quick }) {
  const client = await connectNodeRedis(redisUrl);
  const cases = [];
  for (const nodes of quick ? [1, 3] : NODES) {
    /** @type {Record<string, Store[]>} */
    const fleets = {};
    for (const invalidation of INVALIDATIONS)
      fleets[invalidation] = await startStores(client, nodes, invalidation);
    for (const isSticky of nodes === 1 ? [true] : [true, false]) {
      for (const [invalidation, stores] of Object.entries(fleets)) {
        const routing = nodes === 1 ? "" : isSticky ? ", sticky" : ", not sticky";
        const name = `${nodes} ${nodes === 1 ? "node" : "nodes"}${routing}, ${invalidation}`;
        cases.push({ name, stores, isSticky, rounds: /** @type {Cost[]} */ ([]) });
      }
    }
  }
  for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
    for (const { stores, isSticky, rounds } of cases) {
      rounds.push(await measure(client, stores, isSticky, quick ? 1 : WRITES_PER_SESSION));
      await stores[0]?.clear();
    }
  }
  for (const store of new Set(cases.flatMap(({ stores }) => stores))) await store.close();
  client.destroy();
  const rows = cases.map(({ name, rounds }) => {
    const over = (/** @type {keyof Cost} */ key) => spreadOf(rounds.map((cost) => cost[key]));
    return {
      name,
      values: {
        told: over("told"),
        bytes: over("bytes"),
        commands: over("commands"),
        cpuNs: over("cpuNs"),
        hitRate: over("hitRate"),
      },
    };
  });
  const columns = /** @type {const} */ ([
    { key: "told", label: "nodes told", unit: "count" },
    { key: "bytes", label: "sent by Redis", unit: "bytes" },
    { key: "commands", label: "commands", unit: "count" },
    { key: "cpuNs", label: "CPU of Redis", unit: "ns" },
    { key: "hitRate", label: "hit rate", unit: "percent" },
  ]);
  const note =
    `For each write, ${READS_PER_WRITE} reads of the same session included; ${SESSIONS} sessions of 1 KB, ${WRITES_PER_SESSION} writes each, in each of ${ROUNDS} rounds in which all take turns. Sticky: all requests of a session go to one ` +
    "node; otherwise to any. All nodes in one process, beats left out by a long bound.";
  return [{ title: "What a write costs, by how nodes hear of it", columns, rows, note }];
}

/**
 * @typedef {ClusteredRedisStore<object>} Store
 * @typedef {Awaited<ReturnType<typeof measure>>} Cost of a write
 */

/**
 * @param {Awaited<ReturnType<typeof connectNodeRedis>>} client
 * @param {number} nodes
 * @param {import("sessionmesh").Invalidation} invalidation
 * @returns {Promise<Store[]>}
 */
async function startStores(client, nodes, invalidation) {
  // Of its own: what others write is neither theirs to hear of nor told to them.
  const prefix = `${PREFIX}${invalidation}:${nodes}:`;
  const cluster = { ...WIDE_BOUNDS.cluster, invalidation, channel: `${prefix}channel` };
  const { commandTimeoutMs } = WIDE_BOUNDS;
  /** @type {Store[]} */
  const stores = Array.from(
    { length: nodes },
    () => new ClusteredRedisStore({ client, prefix, commandTimeoutMs, cluster }),
  );
  for (const store of stores) await store.start();
  return stores;
}

/**
 * @param {Awaited<ReturnType<typeof connectNodeRedis>>} client
 * @param {readonly Store[]} stores
 * @param {boolean} isSticky
 * @param {number} writes
 */
async function measure(client, stores, isSticky, writes) {
  const nodeOf = (/** @type {number} */ n) =>
    /** @type {Store} */ (stores[isSticky ? n % stores.length : Math.floor(Math.random() * stores.length)]);
  const work = async (/** @type {number} */ n) => {
    const id = makeId(n);
    for (let write = 0; write < writes; write++) {
      await nodeOf(n).set(id, { ...makeData(n), write });
      for (let read = 0; read < READS_PER_WRITE; read++) await nodeOf(n).get(id);
    }
  };
  const queue = Array.from({ length: SESSIONS }, (_, n) => n);
  const before = await count(client, stores);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let n = queue.shift(); n !== undefined; n = queue.shift()) await work(n);
    }),
  );
  const after = await count(client, stores);
  const perWrite = (/** @type {keyof typeof before} */ what) =>
    (after[what] - before[what]) / (SESSIONS * writes);
  const hits = after.hits - before.hits;
  const hitRate = hits / (hits + after.misses - before.misses);
  return {
    told: perWrite("told"),
    bytes: perWrite("bytes"),
    commands: perWrite("commands"),
    cpuNs: perWrite("cpuNs"),
    hitRate,
  };
}

/**
 * @param {Awaited<ReturnType<typeof connectNodeRedis>>} client
 * @param {readonly Store[]} stores
 */
async function count(client, stores) {
  const [stats, cpu, commands] = [
    await info(client, "stats"),
    await info(client, "cpu"),
    await info(client, "commandstats"),
  ];
  const sum = (/** @type {(store: Store) => number} */ of) =>
    stores.reduce((total, store) => total + of(store), 0);
  const told = sum(({ coordinator }) => {
    const { changesReceived = 0, changesEchoed = 0, keysInvalidated = 0 } = coordinator?.stats() ?? {};
    return changesReceived + changesEchoed + keysInvalidated;
  });
  return {
    told,
    bytes: Number(stats.get("total_net_output_bytes")),
    commands: Number(/calls=(\d+)/.exec(commands.get("cmdstat_evalsha") ?? "")?.[1] ?? 0),
    cpuNs: (Number(cpu.get("used_cpu_user")) + Number(cpu.get("used_cpu_sys"))) * 1e9,
    hits: sum((store) => store.cacheStats().hits),
    misses: sum((store) => store.cacheStats().misses),
  };
}
