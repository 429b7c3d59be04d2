import { setTimeout as delay } from "node:timers/promises";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import { ExpressSessionStore } from "../../dist/adapters/express.js";
import { connectNodeRedis } from "../redis.mjs";
import { makeId, makeSession } from "../sessions.mjs";

const SESSIONS = 1_000;
/** Has no divisor in common with the number of sessions: all of them get their turn. */
const STRIDE = 607;
const TICK_MS = 5;
/** What connect-redis sends does not change with time. */
const SHORT_SECONDS = 3;

/**
 * How many commands a node sends to Redis in a second, by how many requests it answers, each of which reads and touches a session.
 *
 * @param {{ port: number, seconds: number, rates: readonly number[] }} options
 */
export async function run({ port, seconds, rates }) {
  const url = `redis://127.0.0.1:${port}`;
  const client = await connectNodeRedis(url);
  const results = [];
  for (const name of ["connect-redis", "sessionmesh"]) {
    const ours = name === "sessionmesh" ? new ExpressSessionStore({ client }) : undefined;
    await ours?.store.start();
    const store = ours ?? new ConnectRedisStore({ client, prefix: "connect-redis:" });
    const sessions = Array.from({ length: SESSIONS }, (_, n) => ({ id: makeId(n), data: makeSession(n) }));
    for (const { id, data } of sessions) await new Promise((resolve) => void store.set(id, data, resolve));
    let next = 0;
    /** @type {() => Promise<void>} */
    const request = () =>
      new Promise((resolve, reject) => {
        next = (next + STRIDE) % SESSIONS;
        const { id } = /** @type {(typeof sessions)[0]} */ (sessions[next]);
        const got = (/** @type {unknown} */ error, /** @type {any} */ data) => {
          if (error) reject(error);
          else void store.touch(id, data, () => resolve());
        };
        void store.get(id, got);
      });
    for (let n = 0; n < SESSIONS; n++) await request(); // the touch that follows a write is sent
    for (const wanted of rates) {
      let sent = 0;
      const counting = ours && (await connectNodeRedis(url)); // MONITOR knows what was sent from what scripts do; it is too slow for the other
      await counting?.monitor((line) => {
        if (!/^\S+ \[\d+ lua\]/.test(String(line))) sent++;
      });
      const before = await processed(client);
      const answered = await drive(request, wanted, ours ? seconds : Math.min(seconds, SHORT_SECONDS));
      if (ours === undefined) sent = (await processed(client)) - before;
      await delay(TICK_MS);
      counting?.destroy();
      results.push({
        name,
        wanted,
        perSecond: answered.requests / answered.seconds,
        commandsPerSecond: sent / answered.seconds,
      });
    }
    await ours?.store.close();
  }
  client.destroy();
  return results;
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
