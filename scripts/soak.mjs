/**
 * Lets processes work on a Redis Cluster while everything fails that can, and judges every answer at the end (`src/testing/history.ts`):
 *
 *     npm run soak -- --minutes 10 --seed 42
 *
 * Four nodes in processes of their own, two on each client, one of them by tracking, read, change, touch, rotate, delete and revoke the same few sessions. Masters
 * are killed, suspended and replaced, slots move, connections are cut; nodes are killed, suspended and blocked. What happens depends on the
 * seed, and on the machine. Exits with 1 if a promise was broken, memory grew, an operation did not end, or something was left open.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { SeededRandom } from "../dist/testing/index.js";
import { ClusterTopology } from "./cluster-topology.mjs";
import { commandOf, startRedisCluster } from "./redis-cluster.mjs";
import { causeNodeFault, losesMaster, ServerFaults } from "./soak/faults.mjs";
import { growth } from "./soak/memory.mjs";
import { SoakRecord } from "./soak/record.mjs";
import { Sessions } from "./soak/sessions.mjs";
import { MAX_STALENESS_MS, nowMs } from "./soak/settings.mjs";
import { SoakNode } from "./soak/soak-node.mjs";

/** The last two live as long as the soak, so that their memory can be watched. */
const NODES = /** @type {const} */ ([
  { client: "node-redis", invalidation: "broadcast" },
  { client: "ioredis", invalidation: "broadcast" },
  { client: "node-redis", invalidation: "tracking" },
  { client: "ioredis", invalidation: "broadcast" },
]);
const MORTAL = 2;
const SESSIONS = 8;
const SAMPLES = 60;
/** Until the nodes have repeated what the servers lost. */
const SETTLED_MS = 2 * MAX_STALENESS_MS;
const SHOWN_VIOLATIONS = 5;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
  },
});
const minutes = Number(values.minutes);
if (!(minutes > 0) || !Number.isFinite(minutes)) {
  console.error("Usage: npm run soak -- [--minutes N] [--seed TEXT]");
  process.exit(2);
}

const { seed } = values;
const random = new SeededRandom(seed);
console.log(`seed ${seed}, ${minutes} min, bound ${MAX_STALENESS_MS} ms`);
const topology = new ClusterTopology(await startRedisCluster());
const startedAtMs = nowMs();
const record = new SoakRecord();
const sampleMs = Math.max(250, (minutes * 60_000) / SAMPLES);
const nodes = NODES.map((how, n) => {
  const name = `${how.client}-${n}`;
  return new SoakNode({ ...how, ports: topology.ports, name, seed: `${seed}/${n}`, sampleMs }, record);
});
/** @type {Record<string, number>} */
const serverFaults = {};
/** @type {Record<string, number>} */
const nodeFaults = {};
/** @type {string[]} */
const problems = [];
/** Since when all is well again. */
let settledAtMs = Number.POSITIVE_INFINITY;
process.on("unhandledRejection", note);
try {
  await run().catch(note);
  report();
} finally {
  await Promise.all(nodes.map((node) => node.kill()));
  await topology.stop();
}

async function run() {
  await Promise.all(nodes.map((node) => node.start()));
  const sessions = new Sessions(nodes);
  const choices = random.fork("servers");
  const faults = new ServerFaults(topology, await slots(), sessions, record, serverFaults, choices);
  const untilMs = nowMs() + minutes * 60_000;
  await Promise.all(
    [
      ...Array.from({ length: SESSIONS }, (_, n) => sessions.run(random.fork(`session ${n}`), untilMs)),
      breakServers(faults, untilMs),
      breakNodes(sessions, untilMs),
    ].map((part) => part.catch(note)),
  );
  await faults.check().catch(note);
  await delay(SETTLED_MS);
  settledAtMs = nowMs();
  const ids = record.ids;
  await Promise.all(nodes.map((node) => node.finish(ids)));
  await faults.check();
}

/**
 * What must not happen is reported, and the soak goes on.
 *
 * @param {unknown} error
 */
function note(error) {
  problems.push(error instanceof Error ? `${error.stack}` : `${error}`);
}

/** The slot of each partition. */
async function slots() {
  const [server] = topology.nodes;
  if (server === undefined) throw new Error("The cluster has no node.");
  const prefixes = nodes[0]?.prefixes ?? [];
  return Promise.all(
    prefixes.map(async (prefix) => Number(await commandOf(server, "CLUSTER", "KEYSLOT", prefix))),
  );
}

/**
 * @param {ServerFaults} faults
 * @param {number} untilMs
 */
async function breakServers(faults, untilMs) {
  const pauses = random.fork("pauses of servers");
  while (nowMs() < untilMs) {
    await delay(pauses.between(200, 2_000));
    await faults.cause();
  }
}

/**
 * @param {Sessions} sessions
 * @param {number} untilMs
 */
async function breakNodes(sessions, untilMs) {
  const choices = random.fork("nodes");
  while (nowMs() < untilMs) {
    await delay(choices.between(100, 1_000));
    const fault = await causeNodeFault(topology, nodes, nodes.slice(0, MORTAL), choices);
    nodeFaults[fault] = (nodeFaults[fault] ?? 0) + 1;
    sessions.welcome();
  }
}

function report() {
  const survivors = nodes.map(({ nodeId }) => nodeId);
  const { history, writes, unbound } = record.judge({ survivors, settledAtMs });
  const { reads, worstStalenessMs, violations } = history;
  if (!losesMaster(serverFaults)) problems.push("no master was lost by force");
  for (const node of nodes) {
    problems.push(...node.problems);
    const grown = growth(node.memory, sampleMs);
    for (const { isFlat, said } of grown)
      if (!isFlat) problems.push(`${node.name}: its memory grows, ${said}`);
    const all = grown.map(({ said }) => said).join("; ");
    console.log(`${node.name}: ${node.memory.length} samples of its memory; ${all}`);
  }
  console.log(`operations: ${counted(nodes.map(({ done }) => done))}`);
  console.log(`faults: ${counted([serverFaults, nodeFaults])}`);
  console.log(
    `${reads} answers judged; the oldest had been replaced ${Math.round(worstStalenessMs)} ms before`,
  );
  console.log(`${writes} changes and deletions, ${unbound} of which a failover may have lost`);
  for (const violation of violations.slice(0, SHOWN_VIOLATIONS)) show(violation);
  for (const problem of problems) console.log(`problem: ${problem}`);
  console.log(`${violations.length} violations, ${problems.length} problems`);
  process.exitCode = violations.length + problems.length === 0 && reads > 0 ? 0 : 1;
}

/** @param {import("sessionmesh/testing").Violation} violation */
function show({ promise, atMs, id, what }) {
  const sinceStart = (/** @type {number} */ ms) => Math.round(ms - startedAtMs);
  console.log(`${promise} broken at ${sinceStart(atMs)} ms, session ${id.slice(0, 6)}: ${what}`);
  for (const event of record.around(id, atMs)) {
    const span = `${sinceStart(event.startedAtMs)} to ${sinceStart(event.endedAtMs)} ms`;
    const doubt = record.mayBeLost(event) ? ", perhaps lost" : "";
    console.log(`  ${span}, ${event.node} ${event.kind}: change ${event.n}${doubt}`);
  }
}

/** @param {readonly Record<string, number>[]} counts */
function counted(counts) {
  /** @type {Record<string, number>} */
  const sums = {};
  for (const [what, count] of counts.flatMap(Object.entries)) sums[what] = (sums[what] ?? 0) + count;
  const inOrder = Object.entries(sums).sort(([a], [b]) => (a < b ? -1 : 1));
  return inOrder.map(([what, count]) => `${count} × ${what}`).join(", ");
}
