import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { startRedis } from "../../scripts/redis-server.mjs";
import { measure } from "./measure.mjs";
import { takeTurns } from "./series.mjs";

/** @typedef {import("./figures.mjs").Growth} Growth */

/** What a process has to load, by its name in the table; the packages are found from this directory. @type {Record<string, string>} */
const IMPORTS = {
  "node alone": "",
  sessionmesh: 'await import("../../dist/index.js")',
  "sessionmesh, express": 'await import("../../dist/adapters/express.js")',
  "connect-redis": 'await import("connect-redis")',
  redis: 'await import("redis")',
  bentocache: 'await import("bentocache")',
  cacheable: 'await import("cacheable")',
};
const STARTS = 9;

/**
 * How the costs grow with the sessions in memory, and what a start takes.
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
    const starts = await measure("starts", { port: redis.port, rounds: quick ? 1 : STARTS });
    return { rounds, caches, starts, imports: await timeImports(quick ? 1 : STARTS) };
  } finally {
    await redis.stop();
  }
}

/** @param {number} rounds */
async function timeImports(rounds) {
  const taken = await takeTurns(Object.keys(IMPORTS), rounds, async (name) => {
    const startedAt = performance.now();
    await promisify(execFile)(process.execPath, ["--input-type=module", "-e", IMPORTS[name] ?? ""], {
      cwd: import.meta.dirname,
    });
    return performance.now() - startedAt;
  });
  return taken.map(({ name, series }) => ({ name, ms: series }));
}
