/**
 * Some of the nodes of `measure.mjs`, in a process of their own: each a store with connections of its own. Writes at the rate that it is
 * told to, and takes down when each node hears of each write.
 *
 * @typedef {{ seconds: number, writesPerSecond: number }} Phase
 * @typedef {{ latenciesMs: Float64Array, resolvedMs: Float64Array, beats: number, missed: number, failed: number }} Heard
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { ClusteredRedisStore } from "sessionmesh";
import { connectNodeRedis, PREFIX } from "../redis.mjs";
import { makeData } from "../sessions.mjs";

/** What is written is of no use after its phase. */
const TTL_MS = 10_000;
/** As long as the bound on staleness allows: the machine may be slow. */
const COMMAND_TIMEOUT_MS = 1_900;
const TICK_MS = 2;
/** How long after the last write of a phase its messages are waited for. */
const SETTLE_MS = 200;

const [, , redisUrl = "", count = "1"] = process.argv;
/** @type {number[]} */
let latenciesMs = [];
let written = 0;
let failed = 0;

const clients = await Promise.all(Array.from({ length: Number(count) }, () => connectNodeRedis(redisUrl)));
const stores = clients.map(
  (client) =>
    new ClusteredRedisStore({ client, prefix: PREFIX, ttlMs: TTL_MS, commandTimeoutMs: COMMAND_TIMEOUT_MS }),
);
await Promise.all(stores.map((store) => store.start()));
// told when whatever is held of the session has been dropped; the id says when its write began
for (const { coordinator } of stores)
  coordinator?.on("invalidated", (id) => {
    latenciesMs.push(nowMs() - Number(id.split(" ")[0]));
  });

process.on("message", async (/** @type {Phase} */ phase) => process.send?.(await play(phase)));
process.send?.("started");
await once(process, "disconnect");
await Promise.all(stores.map((store) => store.close()));
for (const client of clients) client.destroy();

/**
 * @param {Phase} phase
 * @returns {Promise<Heard>}
 */
async function play({ seconds, writesPerSecond }) {
  latenciesMs = [];
  failed = 0;
  const before = counts();
  /** @type {Promise<number>[]} */
  const writes = [];
  const startedAtMs = nowMs();
  while (nowMs() - startedAtMs < seconds * 1_000) {
    const due = ((nowMs() - startedAtMs) / 1_000) * writesPerSecond;
    while (writes.length < due) writes.push(write());
    await delay(TICK_MS);
  }
  const resolvedMs = (await Promise.all(writes)).filter(Number.isFinite);
  await delay(SETTLE_MS);
  const after = counts();
  return {
    latenciesMs: Float64Array.from(latenciesMs),
    resolvedMs: Float64Array.from(resolvedMs),
    beats: after.beats - before.beats,
    missed: after.missed - before.missed,
    failed,
  };
}

/** Writes a session on one of the nodes in turn; how long it took, NaN if it failed. */
async function write() {
  const store = /** @type {(typeof stores)[number]} */ (stores[written++ % stores.length]);
  const startedAtMs = nowMs();
  try {
    await store.set(`${startedAtMs} ${process.pid} ${written}`, makeData(written));
    return nowMs() - startedAtMs;
  } catch {
    failed++;
    return Number.NaN;
  }
}

function counts() {
  const stats = stores.flatMap(({ coordinator }) => (coordinator ? [coordinator.stats()] : []));
  return {
    beats: stats.reduce((sum, { beatsSent }) => sum + beatsSent, 0),
    missed: stats.reduce((sum, { chainBreaks }) => sum + chainBreaks, 0),
  };
}

/** By the machine's monotonic clock, which all of its processes share. */
function nowMs() {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
