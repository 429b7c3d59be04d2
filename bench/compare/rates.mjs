import { setTimeout as delay } from "node:timers/promises";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import { ExpressSessionStore } from "../../dist/adapters/express.js";
import { startRedis } from "../../scripts/redis-server.mjs";
import { connectNodeRedis } from "../redis.mjs";
import { makeCookie, makeId, makeSession } from "../sessions.mjs";
import { countCommands } from "./monitor.mjs";

const SESSIONS = 1_000;
/** Has no divisor in common with the number of sessions: all of them get their turn. */
const STRIDE = 607;
const TICK_MS = 5;
const SETTLE_MS = 50;

/**
 * How many commands a node sends to Redis in a second, by how many requests it answers, each of which reads and touches a session.
 *
 * @param {{ name: "connect-redis" | "sessionmesh", rate: number, seconds: number, rounds: number }} options
 * @returns {Promise<import("./figures.mjs").Commands["rates"][0]>}
 */
export async function run({ name, rate, seconds, rounds }) {
  const redis = await startRedis();
  const client = await connectNodeRedis(redis.url);
  const ours = name === "sessionmesh" ? new ExpressSessionStore({ client }) : undefined;
  await ours?.store.start();
  const store = ours ?? new ConnectRedisStore({ client });
  const ids = Array.from({ length: SESSIONS }, (_, n) => makeId(n));
  for (const [n, id] of ids.entries())
    await new Promise((resolve) => void store.set(id, makeSession(n), resolve));
  let next = 0;
  /** @type {() => Promise<void>} */
  const request = () =>
    new Promise((resolve, reject) => {
      next = (next + STRIDE) % SESSIONS;
      const id = /** @type {string} */ (ids[next]);
      const got = (/** @type {unknown} */ error, /** @type {any} */ data) => {
        if (error) return reject(error);
        // As express-session does: the life of the cookie begins anew with each request. With an end that stands still, a touch is
        // due or not by how the clock is rounded, and hundreds of them come in the first seconds of whatever is measured first.
        data.cookie = makeCookie();
        void store.touch(id, data, () => resolve());
      };
      void store.get(id, got);
    });
  for (let n = 0; n < SESSIONS; n++) await request(); // the touch that follows a write is sent
  const perSecond = [];
  const commandsPerSecond = [];
  for (let round = 0; round < rounds; round++) {
    const counting = ours && (await countCommands(client)); // too slow for the other, who has no scripts
    const before = await processed(client);
    const answered = await drive(request, rate, seconds);
    await delay(SETTLE_MS);
    const sent = counting?.stop() ?? (await processed(client)) - before - 1;
    perSecond.push(answered.requests / answered.seconds);
    commandsPerSecond.push(sent / answered.seconds);
  }
  await ours?.store.close();
  client.destroy();
  await redis.stop();
  return { name, wanted: rate, perSecond, commandsPerSecond };
}

/** @param {Awaited<ReturnType<typeof connectNodeRedis>>} client */
async function processed(client) {
  return Number(/total_commands_processed:(\d+)/.exec(await client.info("stats"))?.[1]);
}

/**
 * Makes requests at a rate, or as many as the machine can if that is less.
 *
 * @param {() => Promise<void>} request
 * @param {number} wanted per second
 * @param {number} seconds
 */
async function drive(request, wanted, seconds) {
  const startedAt = performance.now();
  let requests = 0;
  for (let elapsedMs = 0; elapsedMs < seconds * 1_000; elapsedMs = performance.now() - startedAt) {
    const due = Math.min((elapsedMs / 1_000) * wanted - requests, (wanted * TICK_MS * 4) / 1_000);
    const begun = Array.from({ length: Math.max(0, Math.floor(due)) }, request);
    requests += begun.length;
    await Promise.all([delay(TICK_MS), ...begun]);
  }
  return { requests, seconds: (performance.now() - startedAt) / 1_000 };
}
