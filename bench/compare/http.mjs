import { startRedis } from "../../scripts/redis-server.mjs";
import { connectNodeRedis, info } from "../redis.mjs";
import { calibrate, pingMs } from "./distance.mjs";
import { ask, pin, startProcess, unpin } from "./processes.mjs";
import { describeSites, SITES } from "./sites.mjs";

/** Latency that is added between an application and Redis, there and back, in milliseconds. */
const LATENCIES_MS = [0, 0.5, 2];
/** How many requests of each session come first, untimed: a round comes a minute after the one before, when copies in memory have gone. */
const WARM_UP = 1.2;
/** The same for all that do not hold such copies. */
const SHORT_WARM_UP = 0.3;

/**
 * What is asked of each application. "calm": one visitor after the other, which shows how long a request takes; otherwise as many at
 * a time as keep the application busy.
 */
const LOADS = {
  mixed: { connections: 32, writeEvery: 20, share: 1 },
  reads: { connections: 32, writeEvery: 0, share: 1 },
  calm: { connections: 1, writeEvery: 0, share: 0.6 },
};

const FULL = { sessions: 1_000, rounds: 5, seconds: 1.3 };
const QUICK = { sessions: 32, rounds: 1, seconds: 0.2 };

/**
 * @typedef {import("./figures.mjs").Load} Load
 * @typedef {import("./figures.mjs").Cell} Cell
 * @typedef {import("./figures.mjs").Http} Http
 *
 * @typedef {object} Running
 * @property {string} site
 * @property {number} latencyMs
 * @property {readonly Load[]} loads
 * @property {number} port
 * @property {import("node:child_process").ChildProcess} server
 * @property {Awaited<ReturnType<typeof connectNodeRedis>>} [redis]
 *
 * @typedef {Awaited<ReturnType<typeof connectNodeRedis>>} Client
 */

/**
 * Applications under load, at several distances from Redis.
 *
 * @param {{ quick: boolean }} options
 * @returns {Promise<Http>}
 */
export async function run({ quick }) {
  const effort = quick ? QUICK : FULL;
  const stops = /** @type {(() => unknown)[]} */ ([]);
  try {
    const { child: loader } = await startProcess("http-load.mjs", [], stops);
    const { child: far } = await startProcess("far-redis.mjs", [], stops);
    const pinned = await pin(1, [process.pid, loader.pid, far.pid]);
    if (pinned) stops.push(() => unpin([process.pid])); // the parts after this one have all cores
    const distances = await openDistances(far, stops);
    /** @type {Running[]} */
    const running = [];
    for (const [site, { usesRedis }] of Object.entries(SITES)) {
      for (const latencyMs of LATENCIES_MS) {
        const loads = loadsOf(site, latencyMs);
        if (loads.length === 0 || (quick && latencyMs > 0 && SITES[site]?.stack !== "Express")) continue;
        const redis = usesRedis ? await startRedis() : undefined; // of its own: what it is asked is this application's
        if (redis !== undefined) stops.push(() => redis.stop());
        const delayMs = distances.find((one) => one.latencyMs === latencyMs)?.delayMs ?? 0;
        const redisPort =
          redis && latencyMs > 0 ? (await ask(far, { port: redis.port, delayMs })).port : redis?.port;
        const { child: server, first } = await startProcess(
          "http-server.mjs",
          [site, `redis://127.0.0.1:${redisPort}`],
          stops,
        );
        if (pinned) await pin(0, [server.pid]);
        const client = redis && (await connectNodeRedis(redis.url));
        if (client !== undefined) stops.push(() => client.destroy());
        running.push({ site, latencyMs, loads, port: first.port, server, ...(client && { redis: client }) });
        await ask(loader, { port: first.port, logins: effort.sessions });
      }
    }
    const cells = new Map();
    for (let round = 0; round < effort.rounds; round++) {
      for (const { client, roundTripMs } of distances) roundTripMs.push(await pingMs(client));
      for (const one of running) await playRound(one, loader, effort, cells);
    }
    const roundTrips = distances.map(({ latencyMs, roundTripMs }) => ({ latencyMs, roundTripMs }));
    return { effort, pinned, sites: describeSites(), roundTrips, cells: [...cells.values()] };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/**
 * What is asked of an application at a distance. Without Redis there is none; what differs in the options of its middleware alone is asked
 * for what was wanted.
 *
 * @param {string} site
 * @param {number} latencyMs
 * @returns {readonly Load[]}
 */
function loadsOf(site, latencyMs) {
  const { usesRedis, options } = /** @type {import("./sites.mjs").SiteKind} */ (SITES[site]);
  if (!usesRedis) return latencyMs === 0 ? ["mixed", "reads"] : [];
  if (latencyMs === 0) return ["mixed", "reads", "calm"];
  if (options === undefined) return ["mixed", "calm"];
  return latencyMs === LATENCIES_MS[1] ? ["calm"] : [];
}

/**
 * @param {Running} running
 * @param {import("node:child_process").ChildProcess} loader
 * @param {typeof FULL} effort
 * @param {Map<string, Cell>} cells
 */
async function playRound({ site, latencyMs, loads, port, server, redis }, loader, effort, cells) {
  const { seconds, sessions } = effort;
  const { connections } = LOADS.reads;
  const share = SITES[site]?.store === "sessionmesh" ? WARM_UP : SHORT_WARM_UP;
  const amount = Math.max(connections, Math.ceil(share * sessions)); // autocannon wants one for each connection
  await ask(loader, { port, connections, seconds, amount, writeEvery: 0 });
  for (const load of loads) {
    const { connections, writeEvery, share } = LOADS[load];
    const key = `${site} ${load} ${latencyMs}`;
    const cell = cells.get(key) ?? newCell(site, load, latencyMs);
    cells.set(key, cell);
    const before = { server: await cpuOf(server), redis: await cpuOfRedis(redis) };
    const answered = await ask(loader, { port, connections, seconds: share * seconds, writeEvery });
    const after = { server: await cpuOf(server), redis: await cpuOfRedis(redis) };
    cell.perSecond.push(answered.perSecond);
    cell.p50Ms.push(answered.p50Ms);
    cell.p99Ms.push(answered.p99Ms);
    cell.cpuUsPerRequest.push((after.server - before.server) / answered.requests);
    cell.redisCpuUsPerRequest.push((after.redis - before.redis) / answered.requests);
    cell.failed += answered.failed;
  }
}

/**
 * @param {string} site
 * @param {Load} load
 * @param {number} latencyMs
 * @returns {Cell}
 */
function newCell(site, load, latencyMs) {
  return {
    site,
    load,
    latencyMs,
    perSecond: [],
    p50Ms: [],
    p99Ms: [],
    cpuUsPerRequest: [],
    redisCpuUsPerRequest: [],
    failed: 0,
  };
}

/**
 * A connection to a Redis at each distance, which nothing else uses; and by how much a proxy has to hold back what passes it.
 *
 * @param {import("node:child_process").ChildProcess} far
 * @param {(() => unknown)[]} stops
 * @returns {Promise<{ latencyMs: number, delayMs: number, client: Client, roundTripMs: number[] }[]>}
 */
async function openDistances(far, stops) {
  const redis = await startRedis();
  stops.push(() => redis.stop());
  const near = await connectNodeRedis(redis.url);
  stops.push(() => near.destroy());
  const distances = [];
  for (const latencyMs of LATENCIES_MS) {
    const { client, delayMs } =
      latencyMs === 0 ? { client: near, delayMs: 0 } : await calibrate(far, redis.port, near, latencyMs);
    if (client !== near) stops.push(() => client.destroy());
    distances.push({ latencyMs, delayMs, client, roundTripMs: [] });
  }
  return distances;
}

/** @param {import("node:child_process").ChildProcess} server */
async function cpuOf(server) {
  return (await ask(server, {})).cpuUs;
}

/** @param {Client | undefined} redis */
async function cpuOfRedis(redis) {
  if (redis === undefined) return 0;
  const cpu = await info(redis, "cpu");
  return 1e6 * (Number(cpu.get("used_cpu_user")) + Number(cpu.get("used_cpu_sys")));
}
