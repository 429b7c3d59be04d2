/** Who uses the nodes of a history: what they do, and what they tell the judge of it. */
import { setTimeout as delay } from "node:timers/promises";
import { SessionMeshError } from "sessionmesh";

const SESSIONS = 8;
const WORKERS = 4;
/** What is left of those who go on after a session has ended. */
const LATE_SHARE = 0.5;

/** By one clock for all processes of the machine. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

/** @typedef {import("sessionmesh").ClusteredRedisStore<import("sessionmesh/testing").HistoryData>} Store */
/** @typedef {import("sessionmesh/testing").Span} Span */

/**
 * What happened, for the judge.
 *
 * @typedef {{ kind: "created", id: string, startedAtMs: number }
 *   | { kind: "left", id: string }
 *   | { kind: "answered" | "answered strongly" | "changed", id: string, n: number } & Span
 *   | { kind: "deleted" | "revoked", id: string } & Span
 *   | { kind: "done", what: string }} Told
 */

/**
 * @typedef {object} Stage
 * @property {Store} store
 * @property {() => readonly string[]} ids the sessions that are used at present
 * @property {(id: string) => boolean} hasEnded whether the judge knows that a session is over
 * @property {(told: Told) => void} tell
 * @property {() => number} random
 * @property {number} boundMs
 * @property {() => boolean} isOver
 */

/**
 * Lets users work on a node until all is over.
 *
 * @param {Stage} stage
 */
export async function use(stage) {
  await Promise.all([watch(stage), ...Array.from({ length: WORKERS }, () => work(stage))]);
}

/**
 * Looks at all that the node would answer from memory, without waiting for anything.
 *
 * @param {Stage} stage
 */
async function watch({ store, ids, tell, isOver }) {
  for (; !isOver(); await delay(5)) {
    for (const id of ids()) {
      const startedAtMs = nowMs();
      const session = store.peek(id);
      if (session) tell({ kind: "answered", id, n: session.data.n, startedAtMs, endedAtMs: startedAtMs });
    }
  }
}

/**
 * One of those who use a node, one thing after the other.
 *
 * @param {Stage} stage
 */
async function work(stage) {
  const { ids, random, isOver } = stage;
  while (!isOver()) {
    if (ids().length < SESSIONS) await attempt(stage, "create", () => create(stage));
    const id = ids()[Math.floor(random() * ids().length)];
    const chance = random();
    if (id === undefined) await delay(10);
    else if (chance < 0.72) await attempt(stage, "get", () => read(stage, id, false));
    else if (chance < 0.78) await attempt(stage, "strong get", () => read(stage, id, true));
    else if (chance < 0.99) await attempt(stage, "update", () => update(stage, id));
    else if (chance < 0.995) await attempt(stage, "delete", () => end(stage, id, "deleted"));
    else await attempt(stage, "revoke", () => end(stage, id, "revoked"));
    await delay(random() * 4);
  }
}

/**
 * Redis may be out of reach, others may be faster, a session may be over: these are answers. Anything else is a defect.
 *
 * @param {Stage} stage
 * @param {string} what
 * @param {() => Promise<unknown>} operation
 */
async function attempt({ tell }, what, operation) {
  try {
    await operation();
    tell({ kind: "done", what });
  } catch (error) {
    if (!(error instanceof SessionMeshError)) throw error;
    tell({ kind: "done", what: error.code });
  }
}

/** @param {Stage} stage */
async function create({ store, tell, random }) {
  const startedAtMs = nowMs();
  const { id } = await store.create({ n: 0 }, { user: random() < 0.5 ? "ada" : "grace" });
  tell({ kind: "changed", id, n: 0, startedAtMs, endedAtMs: nowMs() });
  tell({ kind: "created", id, startedAtMs });
}

/** @param {Stage} stage @param {string} id @param {boolean} strong */
async function read({ store, tell }, id, strong) {
  const startedAtMs = nowMs();
  const session = await store.get(id, strong ? { consistency: "strong" } : undefined);
  const kind = strong ? "answered strongly" : "answered";
  if (session) tell({ kind, id, n: session.data.n, startedAtMs, endedAtMs: nowMs() });
}

/** @param {Stage} stage @param {string} id */
async function update({ store, tell }, id) {
  const startedAtMs = nowMs();
  const session = await store.update(id, ({ n }) => ({ n: n + 1 }));
  if (session) tell({ kind: "changed", id, n: session.data.n, startedAtMs, endedAtMs: nowMs() });
}

/** @param {Stage} stage @param {string} id @param {"deleted" | "revoked"} kind */
async function end(stage, id, kind) {
  const { store, tell, random, boundMs } = stage;
  const startedAtMs = nowMs();
  if (kind === "revoked") await store.revoke(id);
  else await store.delete(id);
  tell({ kind, id, startedAtMs, endedAtMs: nowMs() });
  // who has read its id already goes on asking for a while
  const patienceMs = random() * boundMs * 2;
  await delay(patienceMs / 2);
  if (random() < LATE_SHARE) await attempt(stage, "late set", () => setLate(stage, id));
  await delay(patienceMs / 2);
  tell({ kind: "left", id });
}

/**
 * A request that had read the session before it ended saves it, no matter what is there: it must be refused.
 *
 * @param {Stage} stage
 * @param {string} id
 */
async function setLate({ store, tell, hasEnded }, id) {
  if (!hasEnded(id)) return; // the server has lost the deletion
  const startedAtMs = nowMs();
  await store.set(id, { n: 0 });
  tell({ kind: "changed", id, n: 0, startedAtMs, endedAtMs: nowMs() });
}
