import { startRedis } from "../../scripts/redis-server.mjs";
import { measure } from "./measure.mjs";
import { READER_CONFIGURATIONS, REMOTE_CONFIGURATIONS } from "./operation-setups.mjs";
import { LATENCY_PEERS } from "./peers.mjs";
import { takeTurns } from "./series.mjs";

/** @typedef {import("./figures.mjs").Operations} Operations */

/** Whose memory is weighed, by their keys. */
const HELD_BY = [
  "Map",
  "MemoryStore",
  "memorystore",
  "bentocache",
  "clientSideCache",
  "cacheable",
  "sessionmesh",
];
const FULL = { rounds: 7, roundMs: 50, warmUpMs: 120 };
const QUICK = { rounds: 1, roundMs: 1, warmUpMs: 1 };
const HEAP_ROUNDS = 5;
/** For a million sessions, and what is thrown away while they come. */
const LARGE_HEAP_MB = 6_144;

/**
 * What each operation costs, beside the peers and beside the least that it can cost.
 *
 * @param {{ quick: boolean }} options
 * @returns {Promise<Operations>}
 */
export async function run({ quick }) {
  const effort = quick ? QUICK : FULL;
  const lengths = quick ? [1_000] : [200, 1_000, 10_000, 100_000];
  const heapSessions = quick ? 500 : 10_000;
  const redis = await startRedis();
  try {
    const { port } = redis;
    const cached = [];
    for (const length of lengths)
      cached.push(...(await measure("cached-reads", { port, effort, length, widths: [1, 64] })));
    const remote = await measure("remote-operations", { port, effort, lengths, quick });
    const allocated = await measure("allocation", { port, quick });
    const heap = await takeTurns(quick ? HELD_BY.slice(-1) : HELD_BY, quick ? 1 : HEAP_ROUNDS, (name) =>
      measure("heap", { port, name, sessions: heapSessions }),
    );
    const million = await measure(
      "million",
      { port, sessions: quick ? 5_000 : 1_000_000 },
      { heapMb: LARGE_HEAP_MB },
    );
    return {
      effort,
      readers: READER_CONFIGURATIONS,
      remotes: REMOTE_CONFIGURATIONS,
      cached,
      remote,
      allocated,
      heap: heap.map(({ name, series }) => ({ name: LATENCY_PEERS[name]?.name ?? name, bytes: series })),
      heapSessions,
      million,
    };
  } finally {
    await redis.stop();
  }
}
