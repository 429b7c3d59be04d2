import { setImmediate as turnOfEventLoop } from "node:timers/promises";
import { ClusteredRedisStore, RedisStore } from "sessionmesh";
import { inFlight, spreadOf } from "./harness.mjs";
import { connectNodeRedis, PREFIX, WIDE_BOUNDS } from "./redis.mjs";
import { makeData, makeId } from "./sessions.mjs";

/** How long a session's JSON is, and how many such sessions are cached: 2 to 5 MB in all. */
const POPULATIONS = [
  { length: 200, sessions: 10_000 },
  { length: 1_000, sessions: 4_000 },
  { length: 10_000, sessions: 500 },
];
const REPETITIONS = 3;
const WIDTH = 64;
const GC_TURNS = 5;

/**
 * How much memory does a cached session take, and does the cache know?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, quick }) {
  const client = await connectNodeRedis(redisUrl);
  const writer = new RedisStore({ client, prefix: PREFIX, commandTimeoutMs: WIDE_BOUNDS.commandTimeoutMs });
  const rows = [];
  for (const { length, sessions } of POPULATIONS) {
    const population = quick ? sessions / 10 : sessions;
    await inFlight(WIDTH)((n) => writer.set(makeId(n), makeData(n, length)))(population);
    const samples = [];
    for (let n = 0; n < (quick ? 1 : REPETITIONS); n++) samples.push(await sample(client, population));
    await writer.clear();
    const heap = samples.map(({ heapBytes }) => heapBytes);
    const multiple = spreadOf(heap.map((bytes) => bytes / length));
    const estimates = samples.map(({ estimatedBytes, heapBytes }) => estimatedBytes / heapBytes);
    rows.push({
      name: `${length.toLocaleString("en")} characters of JSON`,
      values: { heapBytes: spreadOf(heap), multiple, estimate: spreadOf(estimates) },
      ...(length === 1_000 && { goal: { text: "≤ 2 × its JSON", met: multiple.median <= 2 } }),
    });
  }
  client.destroy();
  const columns = /** @type {const} */ ([
    { key: "heapBytes", label: "heap per session", unit: "bytes" },
    { key: "multiple", label: "of its JSON", unit: "ratio" },
    { key: "estimate", label: "estimate of the heap", unit: "ratio" },
  ]);
  const note =
    "Heap and array buffers that a full cache adds, id, bookkeeping and all, after a full collection.";
  return [{ title: "Memory of a cached session", columns, rows, note }];
}

/**
 * Fills a store's cache from Redis, as reads do, and weighs it.
 *
 * @param {Awaited<ReturnType<typeof connectNodeRedis>>} client
 * @param {number} sessions
 */
async function sample(client, sessions) {
  const before = await usedBytes();
  const localCache = { maxEntries: sessions, maxBytes: 2 ** 40, ttlMs: 600_000 };
  const store = new ClusteredRedisStore({ client, prefix: PREFIX, localCache, ...WIDE_BOUNDS });
  await store.start();
  await inFlight(WIDTH)((n) => store.get(makeId(n)))(sessions);
  const after = await usedBytes();
  const { size, bytes } = store.cacheStats();
  if (size !== sessions) throw new Error(`${size} sessions are cached, and not ${sessions}`);
  await store.close();
  return { heapBytes: (after - before) / sessions, estimatedBytes: bytes / sessions };
}

/** What is in use once all garbage is gone; sockets that have just been closed need some turns of the event loop for that. */
async function usedBytes() {
  if (gc === undefined) throw new Error("run this with --expose-gc");
  for (let turn = 0; turn < GC_TURNS; turn++) {
    await turnOfEventLoop();
    gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
