import { startRedis } from "../../scripts/redis-server.mjs";
import { measure } from "./measure.mjs";

/**
 * @typedef {import("../harness.mjs").Spread} Spread
 * @typedef {import("../harness.mjs").Measurement} Measurement
 *
 * @typedef {object} Operations
 * @property {import("../harness.mjs").Effort} effort
 * @property {{ length: number, rows: Measurement[] }[]} cached by the length of a session's JSON
 * @property {{ operation: string, width: number, length: number, rows: Measurement[] }[]} remote by how many are in flight
 * @property {{ name: string, bytes: Spread }[]} allocated per cached read of 1 KB
 * @property {{ name: string, bytes: Spread }[]} heap per cached session of 1 KB
 * @property {number} heapSessions
 */

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
      cached.push({ length, rows: await measure("cached-reads", { port, effort, length }) });
    const remote = await measure("remote-operations", { port, effort, quick });
    const allocated = await measure("allocation", { port, quick });
    const heap = [];
    for (const name of quick ? HELD_BY.slice(-1) : HELD_BY)
      heap.push(await measure("heap", { port, name, sessions: heapSessions, rounds: quick ? 1 : 5 }));
    return { effort, cached, remote, allocated, heap, heapSessions };
  } finally {
    await redis.stop();
  }
}
