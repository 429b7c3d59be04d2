// One node of a soak, in a process of its own; started by soak-node.mjs and told over IPC what to do.
import { setTimeout as delay } from "node:timers/promises";
import { Cluster } from "ioredis";
import { createCluster } from "redis";
import { ClusteredRedisStore, SessionMeshError } from "sessionmesh";
import { SeededRandom } from "../../dist/testing/index.js";
import { Glances } from "./glances.mjs";
import { leftOpen } from "./left-open.mjs";
import { COMMAND_TIMEOUT_MS, MAX_STALENESS_MS, nowMs, PARTITIONS, SETTLE_MS } from "./settings.mjs";

/** @typedef {import("./settings.mjs").SoakEvent} SoakEvent */
/** @typedef {import("sessionmesh").Session<import("sessionmesh/testing").HistoryData>} Session */

const WORKERS = 5;
/** The share of operations on quiet sessions that are reads whatever else is due. */
const QUIET = 0.95;
const GLANCE_MS = 20;
const TELL_MS = 50;
const TICK_MS = 100;
const FINAL_READS = 40;

/** @type {{ ports: number[], client: "node-redis" | "ioredis", invalidation: import("sessionmesh").Invalidation, nodeId: string, seed: string, sampleMs: number }} */
const { ports, client: kind, invalidation, nodeId, seed, sampleMs } = JSON.parse(process.argv[2] ?? "{}");
const random = new SeededRandom(seed);

/** @type {{ events: SoakEvent[], done: Record<string, number>, problems: string[], memory?: import("./settings.mjs").Memory }} */
let untold = { events: [], done: {}, problems: [] };
/** @type {string[]} */
let ids = [];
let isRunning = true;
/** How long this process has run: what it was suspended for does not count. */
let ranMs = 0;
/** Since when each operation is in flight, in that time. @type {Map<object, { what: string, sinceMs: number }>} */
const inFlight = new Map();

process.on("message", (/** @type {import("./settings.mjs").Order} */ order) => {
  if (order.kind === "ids") ids = order.ids;
  else if (order.kind === "create") void attempt("create", () => create(order.id));
  else if (order.kind === "end") void attempt(order.how, () => end(order));
  else if (order.kind === "rotate") void attempt("rotate", () => rotate(order));
  else if (order.kind === "block") block(order.ms);
  else void finish(order.ids);
});
process.on("unhandledRejection", (reason) => problem("unhandled rejection", reason));
/** What keeps this process alive before there is a store: the channel to its parent. */
const idle = process.getActiveResourcesInfo();

const client = kind === "ioredis" ? new Cluster([...ports]) : nodeRedis();
client.on("error", () => {});
/** @type {ClusteredRedisStore<import("sessionmesh/testing").HistoryData>} */
const store = new ClusteredRedisStore({
  client: /** @type {any} */ (client), // either of two clients, which differ in type alone
  commandTimeoutMs: COMMAND_TIMEOUT_MS,
  cluster: { nodeId, invalidation, maxStalenessMs: MAX_STALENESS_MS, partitions: PARTITIONS },
});
const { partitions } = store.redisStore;
const glances = new Glances((id, n, atMs) =>
  tell("answered", { id, data: { n } }, { startedAtMs: atMs, endedAtMs: atMs }),
);

process.on("disconnect", () => {
  if (isRunning) process.exit(1); // nobody is there any more
});

const timers = [
  setInterval(sendAll, TELL_MS),
  setInterval(age, TICK_MS),
  setInterval(weigh, sampleMs),
  setInterval(glance, GLANCE_MS),
].map((timer) => timer.unref());
// Nodes may start while a master is away: then without a lease, which comes later.
await store.start().catch((error) => count(error.code ?? `${error}`));
send({ kind: "started", prefixes: partitions.all.map(({ prefix }) => prefix) });
const workers = Array.from({ length: WORKERS }, work);

function nodeRedis() {
  const cluster = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
  cluster.on("error", () => {});
  cluster.connect().catch(() => {}); // rejects only when it is closed first
  return cluster;
}

/** One of those who use this node, one thing after the other. */
async function work() {
  for (; isRunning; await delay(random.between(5, 50))) {
    if (ids.length === 0) continue;
    const id = random.pick(/** @type {[string, ...string[]]} */ (ids));
    const chance = isQuiet(id) && random.chance(QUIET) ? 0 : random.next();
    if (chance < 0.66) await attempt("get", () => read(id, false));
    else if (chance < 0.72) await attempt("strong get", () => read(id, true));
    else if (chance < 0.84) await attempt("update", () => update(id));
    else if (chance < 0.94) await attempt("set ifRevision", () => replace(id));
    else await attempt("touch", () => store.touch(id));
  }
}

/**
 * Every second session is changed now and then only: a node that missed a change keeps the old value until it should have noticed, and is
 * not told of the next one before.
 *
 * @param {string} id
 */
function isQuiet(id) {
  return id.charCodeAt(0) % 2 === 0;
}

/**
 * Redis may be out of reach, others may be faster, a session may be over: these are answers. Anything else is a defect.
 *
 * @param {string} what
 * @param {() => Promise<unknown>} operation
 */
async function attempt(what, operation) {
  const self = {};
  inFlight.set(self, { what, sinceMs: ranMs });
  try {
    await operation();
    count(what);
  } catch (error) {
    if (error instanceof SessionMeshError) count(error.code);
    else problem(what, error);
  } finally {
    inFlight.delete(self);
  }
}

/** @param {string} id @param {boolean} isStrong */
async function read(id, isStrong) {
  const startedAtMs = nowMs();
  const session = await store.get(id, isStrong ? { consistency: "strong" } : undefined);
  const span = { startedAtMs, endedAtMs: nowMs() };
  if (session) tell(isStrong ? "answered strongly" : "answered", session, span);
}

/** @param {string} id */
async function create(id) {
  const startedAtMs = nowMs();
  tell("changed", await store.add(id, { n: 0 }), { startedAtMs, endedAtMs: nowMs() });
}

/** @param {string} id */
async function update(id) {
  const startedAtMs = nowMs();
  const session = await store.update(id, ({ n }) => ({ n: n + 1 }));
  if (session) tell("changed", session, { startedAtMs, endedAtMs: nowMs() });
}

/** @param {string} id */
async function replace(id) {
  const known = await store.get(id);
  if (known === undefined) return;
  const startedAtMs = nowMs();
  const session = await store.set(id, { n: known.data.n + 1 }, { ifRevision: known.revision });
  tell("changed", session, { startedAtMs, endedAtMs: nowMs() });
}

/** @param {{ id: string, how: "delete" | "revoke" }} order */
async function end({ id, how }) {
  const startedAtMs = nowMs();
  await store[how](id);
  tell(how === "revoke" ? "revoked" : "deleted", { id, data: { n: 0 } }, { startedAtMs, endedAtMs: nowMs() });
  await attempt("late save", () => saveLate(id));
}

/**
 * Saves a session that has ended, as a request does that began before. Redis refuses it, unless it lost all that there was of the session.
 *
 * @param {string} id
 */
async function saveLate(id) {
  const startedAtMs = nowMs();
  tell("changed", await store.redisStore.add(id, { n: 0 }), { startedAtMs, endedAtMs: nowMs() });
}

/** @param {{ id: string, newId: string, graceMs: number }} order */
async function rotate({ id, newId, graceMs }) {
  const startedAtMs = nowMs();
  if (!(await store.rotate(id, newId, { graceMs }))) return;
  tell("deleted", { id, data: { n: 0 } }, { startedAtMs, endedAtMs: nowMs() });
  await create(newId);
}

/** Looks at all that this node would answer from memory, without waiting for anything. */
function glance() {
  for (const id of ids) {
    const atMs = nowMs();
    glances.saw(id, store.peek(id)?.data.n, atMs);
  }
}

/**
 * Stands still, and answers from memory before it hears of anything.
 *
 * @param {number} ms
 */
function block(ms) {
  const endMs = nowMs() + ms;
  while (nowMs() < endMs);
  glance();
}

/** An operation that does not end is a defect. */
function age() {
  ranMs += TICK_MS;
  for (const [self, { what, sinceMs }] of inFlight) {
    if (ranMs - sinceMs <= SETTLE_MS) continue;
    untold.problems.push(`${what} is not over after ${SETTLE_MS} ms`);
    inFlight.delete(self);
  }
}

function weigh() {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  untold.memory = { heap: heapUsed, external, rss };
}

/**
 * @param {SoakEvent["kind"]} kind
 * @param {Pick<Session, "id" | "data">} session
 * @param {import("sessionmesh/testing").Span} span
 */
function tell(kind, { id, data: { n } }, span) {
  untold.events.push({ kind, partition: partitions.indexOf(id), id, n, ...span });
}

/** @param {string} what @param {unknown} error */
function problem(what, error) {
  untold.problems.push(`${what}: ${error instanceof Error ? error.stack : error}`);
}

/** @param {string} what */
function count(what) {
  untold.done[what] = (untold.done[what] ?? 0) + 1;
}

function sendAll() {
  send({ kind: "told", ...untold });
  untold = { events: [], done: {}, problems: [] };
}

/** @param {import("./settings.mjs").Report} report */
function send(report) {
  if (process.connected) process.send?.(report);
}

/**
 * Ends what this node does; reads all sessions once more, and leaves nothing open.
 *
 * @param {string[]} all
 */
async function finish(all) {
  isRunning = false;
  await Promise.all(workers);
  while (inFlight.size > 0) await delay(TICK_MS);
  for (const id of all) await readFinally(id);
  for (const timer of timers) clearInterval(timer);
  glances.end();
  untold.done["key invalidated"] = store.coordinator?.stats().keysInvalidated ?? 0;
  await store.close();
  if (client instanceof Cluster) client.disconnect();
  else client.destroy();
  const leaked = await leftOpen(idle);
  if (leaked.length > 0) untold.problems.push(`left open: ${leaked.join(", ")}`);
  sendAll();
  send({ kind: "finished" });
  process.disconnect?.();
}

/**
 * All is well again: an answer comes.
 *
 * @param {string} id
 */
async function readFinally(id) {
  for (let attempt = 1; ; attempt++) {
    try {
      await read(id, true);
      return count("final read");
    } catch (error) {
      if (attempt === FINAL_READS) return problem("no answer at the end", error);
      await delay(2 * TICK_MS);
    }
  }
}
