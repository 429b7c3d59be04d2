import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { startRedis } from "../../scripts/redis-server.mjs";
import { quantile } from "../harness.mjs";
import { connectNodeRedis, info } from "../redis.mjs";
import { SITES } from "./sites.mjs";

/** Latency that is added between an application and Redis, there and back, in milliseconds. */
const LATENCIES_MS = [0, 0.5, 2];
const PINGS = 200;
/** How many requests of each session come first, untimed. */
const WARM_UP = 1.2;

/**
 * What is asked of each application. "calm": one visitor after the other, which shows how long a request takes; otherwise as many at
 * a time as keep the application busy.
 */
const LOADS = {
  mixed: { connections: 32, writeEvery: 20, onlyNear: false, share: 1 },
  reads: { connections: 32, writeEvery: 0, onlyNear: true, share: 1 },
  calm: { connections: 1, writeEvery: 0, onlyNear: false, share: 0.6 },
};

const FULL = {
  sessions: 1_000,
  rounds: 5,
  seconds: 1.3,
  countSeconds: 33,
  countOthersSeconds: 4,
};
const QUICK = {
  sessions: 32,
  rounds: 1,
  seconds: 0.2,
  countSeconds: 0.3,
  countOthersSeconds: 0.3,
};

/**
 * @typedef {object} Cell one application under one load, by round
 * @property {string} site
 * @property {keyof typeof LOADS} load
 * @property {number} latencyMs
 * @property {number[]} perSecond
 * @property {number[]} p50Ms
 * @property {number[]} p99Ms
 * @property {number[]} cpuUsPerRequest of the application
 * @property {number[]} redisCpuUsPerRequest
 * @property {number} failed
 *
 * @typedef {object} Http
 * @property {typeof FULL} effort
 * @property {boolean} pinned whether the application had a core of its own
 * @property {{ key: string, stack: string, store: string, configuration: string }[]} sites
 * @property {{ latencyMs: number, roundTripMs: number }[]} roundTrips as measured
 * @property {Cell[]} cells
 * @property {{ site: string, load: keyof typeof LOADS, requests: number, commands: number }[]} commands
 *
 * @typedef {object} Running
 * @property {string} site
 * @property {number} latencyMs
 * @property {number} port
 * @property {import("node:child_process").ChildProcess} server
 * @property {Awaited<ReturnType<typeof connectNodeRedis>>} [redis]
 */

/**
 * @param {{ quick: boolean }} options
 * @returns {Promise<Http>}
 */
export async function run({ quick }) {
  const effort = quick ? QUICK : FULL;
  const stops = /** @type {(() => unknown)[]} */ ([]);
  try {
    const start = async (/** @type {string} */ script, /** @type {string[]} */ args = []) => {
      const child = fork(new URL(script, import.meta.url), args);
      stops.push(() => child.kill());
      const [first] = await once(child, "message");
      return { child, first };
    };
    const { child: loader } = await start("http-load.mjs");
    const { child: far } = await start("far-redis.mjs");
    const pinned = await pin(1, [process.pid, loader.pid, far.pid]);
    /** @type {Running[]} */
    const running = [];
    for (const [site, { usesRedis, onlyNear }] of Object.entries(SITES)) {
      for (const latencyMs of LATENCIES_MS) {
        if (latencyMs > 0 && (!usesRedis || onlyNear || quick)) continue;
        const redis = usesRedis ? await startRedis() : undefined; // of its own: what it is asked is this application's
        if (redis !== undefined) stops.push(() => redis.stop());
        const redisPort =
          redis && latencyMs > 0 ? (await ask(far, { port: redis.port, latencyMs })).port : redis?.port;
        const { child: server, first } = await start("http-server.mjs", [
          site,
          `redis://127.0.0.1:${redisPort}`,
        ]);
        if (pinned) await pin(0, [server.pid]);
        const client = redis && (await connectNodeRedis(redis.url));
        if (client !== undefined) stops.push(() => client.destroy());
        running.push({ site, latencyMs, port: first.port, server, ...(client && { redis: client }) });
        await ask(loader, { port: first.port, logins: effort.sessions });
      }
    }
    const roundTrips = await measureRoundTrips(far, stops);
    const cells = await measureCells(running, loader, effort);
    const commands = await countAll(running, loader, effort);
    const sites = Object.entries(SITES).map(([key, { stack, store, configuration }]) => ({
      key,
      stack,
      store,
      configuration,
    }));
    return { effort, pinned, sites, roundTrips, cells, commands };
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/**
 * @param {readonly Running[]} running
 * @param {import("node:child_process").ChildProcess} loader
 * @param {typeof FULL} effort
 */
async function measureCells(running, loader, { rounds, seconds, sessions }) {
  /** @type {Map<string, Cell>} */
  const cells = new Map();
  for (let round = 0; round < rounds; round++) {
    for (const { site, latencyMs, port, server, redis } of running) {
      // Each comes back after a minute, when copies in memory have gone: they are read again first.
      const { connections } = LOADS.reads;
      await ask(loader, { port, connections, seconds, amount: Math.ceil(WARM_UP * sessions), writeEvery: 0 });
      for (const [load, { connections, writeEvery, onlyNear, share }] of Object.entries(LOADS)) {
        if (onlyNear && latencyMs > 0) continue;
        const name = /** @type {keyof typeof LOADS} */ (load);
        const key = `${site} ${load} ${latencyMs}`;
        const cell = cells.get(key) ?? newCell(site, name, latencyMs);
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
  }
  return [...cells.values()];
}

/**
 * @param {string} site
 * @param {keyof typeof LOADS} load
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
 * Counts what each application sends to Redis, over longer than a copy stays in memory.
 *
 * @param {readonly Running[]} running
 * @param {import("node:child_process").ChildProcess} loader
 * @param {typeof FULL} effort
 */
async function countAll(running, loader, { countSeconds, countOthersSeconds }) {
  const commands = [];
  for (const { site, latencyMs, port, redis } of running) {
    if (latencyMs > 0 || redis === undefined) continue;
    const seconds = site.includes("Sessionmesh") ? countSeconds : countOthersSeconds;
    const { connections } = LOADS.reads;
    for (const load of /** @type {const} */ (["reads", "mixed"])) {
      const { writeEvery } = LOADS[load];
      await ask(loader, { port, connections, seconds: countOthersSeconds / 4, writeEvery }); // brings into memory what is kept there
      let sent = 0;
      const monitor = redis.duplicate();
      await monitor.connect();
      await monitor.monitor((line) => {
        if (!/^\S+ \[\d+ lua\]/.test(String(line))) sent++; // what a script does inside of the server was not sent
      });
      const { requests } = await ask(loader, {
        port,
        connections,
        seconds: load === "mixed" ? countOthersSeconds : seconds,
        writeEvery,
      });
      await delay(50);
      monitor.destroy();
      commands.push({ site, load, requests, commands: sent });
    }
  }
  return commands;
}

/**
 * What a round trip takes through each proxy, without anything else.
 *
 * @param {import("node:child_process").ChildProcess} far
 * @param {(() => unknown)[]} stops
 */
async function measureRoundTrips(far, stops) {
  const redis = await startRedis();
  stops.push(() => redis.stop());
  const roundTrips = [];
  for (const latencyMs of LATENCIES_MS) {
    const port = latencyMs === 0 ? redis.port : (await ask(far, { port: redis.port, latencyMs })).port;
    const client = await connectNodeRedis(`redis://127.0.0.1:${port}`);
    const timesMs = [];
    for (let n = 0; n < PINGS; n++) {
      const startedAt = performance.now();
      await client.ping();
      timesMs.push(performance.now() - startedAt);
    }
    client.destroy();
    roundTrips.push({ latencyMs, roundTripMs: quantile(timesMs, 0.5) });
  }
  return roundTrips;
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {object} message
 * @returns {Promise<any>} what it answers
 */
async function ask(child, message) {
  const ended = new AbortController();
  const onExit = () => ended.abort(new Error("a process of the comparison has ended"));
  child.once("exit", onExit);
  const answer = once(child, "message", { signal: ended.signal });
  child.send(message);
  const [first] = await answer;
  child.off("exit", onExit);
  return first;
}

/** @param {import("node:child_process").ChildProcess} server */
async function cpuOf(server) {
  return (await ask(server, {})).cpuUs;
}

/** @param {Running["redis"]} redis */
async function cpuOfRedis(redis) {
  if (redis === undefined) return 0;
  const cpu = await info(redis, "cpu");
  return 1e6 * (Number(cpu.get("used_cpu_user")) + Number(cpu.get("used_cpu_sys")));
}

/**
 * Keeps processes, and those that they start, on one core, where the system can.
 *
 * @param {number} core
 * @param {readonly (number | undefined)[]} pids
 * @returns {Promise<boolean>} whether it could
 */
async function pin(core, pids) {
  if (process.platform !== "linux" || (core > 0 && cpus().length < 2)) return false;
  try {
    for (const pid of pids) await promisify(execFile)("taskset", ["-acp", `${core}`, `${pid}`]);
    return true;
  } catch {
    return false;
  }
}
