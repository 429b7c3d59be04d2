import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startRedis } from "../../scripts/redis-server.mjs";
import { spreadOf } from "../harness.mjs";
import { measure } from "./measure.mjs";

/**
 * @typedef {import("../harness.mjs").Spread} Spread
 *
 * @typedef {object} Growth
 * @property {number} rounds
 * @property {{ name: string, sessions: number, readNs: Spread, heapBytes: number, flushNs: Spread }[]} caches
 * @property {{ name: string, wanted: number, perSecond: number, commandsPerSecond: number }[]} rates
 * @property {number} rateSeconds
 * @property {{ name: string, ms: Spread }[]} starts until a node can answer from memory
 * @property {{ name: string, ms: Spread }[]} imports until a process has loaded the package and ended
 */

/** What a process has to load, by its name in the table; the packages are found from this directory. */
const IMPORTS = {
  "node alone": "",
  sessionmesh: 'await import("../../dist/index.js")',
  "sessionmesh, express": 'await import("../../dist/adapters/express.js")',
  "connect-redis": 'await import("connect-redis")',
  redis: 'await import("redis")',
  bentocache: 'await import("bentocache")',
  cacheable: 'await import("cacheable")',
};

/**
 * How the costs grow with the sessions in memory and with the requests.
 *
 * @param {{ quick: boolean }} options
 * @returns {Promise<Growth>}
 */
export async function run({ quick }) {
  const rounds = quick ? 1 : 5;
  const caches = [];
  for (const sessions of quick ? [1_000] : [1_000, 10_000, 100_000, 1_000_000])
    caches.push(...(await measure("large-caches", { sessions, rounds })));
  const redis = await startRedis();
  try {
    const { port } = redis;
    const rateSeconds = quick ? 0.3 : 31; // longer than a copy stays in memory
    const rates = await measure("rates", {
      port,
      seconds: rateSeconds,
      rates: quick ? [1_000] : [1_000, 5_000, 20_000],
    });
    const starts = await measure("starts", { port, rounds: quick ? 1 : 9 });
    return { rounds, caches, rates, rateSeconds, starts, imports: await timeImports(quick ? 1 : 9) };
  } finally {
    await redis.stop();
  }
}

/** @param {number} rounds */
async function timeImports(rounds) {
  /** @type {Map<string, number[]>} */
  const timesMs = new Map(Object.keys(IMPORTS).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, code] of Object.entries(IMPORTS)) {
      const startedAt = performance.now();
      await promisify(execFile)(process.execPath, ["--input-type=module", "-e", code], {
        cwd: import.meta.dirname,
      });
      timesMs.get(name)?.push(performance.now() - startedAt);
    }
  }
  return [...timesMs].map(([name, times]) => ({ name, ms: spreadOf(times) }));
}
