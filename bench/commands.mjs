import { setTimeout as delay } from "node:timers/promises";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import { ClusteredRedisStore } from "sessionmesh";
import { ExpressSessionStore } from "sessionmesh/express";
import { connectNodeRedis, info, PREFIX } from "./redis.mjs";
import { makeCookie, makeId, makeSession } from "./sessions.mjs";

const NODES = 3;
/** Sessions in use, each asking about once a second: pages, and what they fetch. */
const SESSIONS = 200;
const REQUESTS_PER_SECOND = 200;
const DURATION_S = 60;
/** Of all requests, those that change the session; the others only read it. */
const CHANGING = 0.05;
/** Of all requests, those that log out, and in again. */
const LEAVING = 0.005;
/** How much faster than the machine's the stores' clock runs: a minute of traffic, beats and expiry included, in a quarter of it. */
const SPEED = 4;
/** As long as the bound on staleness allows: by the fast clock, Redis and the machine are slow. */
const COMMAND_TIMEOUT_MS = 1_900;
const TICK_MS = 5;

/**
 * @typedef {Awaited<ReturnType<typeof connectNodeRedis>>} Client
 * @typedef {import("./sessions.mjs").StoredSession} StoredSession
 *
 * @typedef {object} MiddlewareStore what express-session calls of a store
 * @property {(id: string) => Promise<any>} get
 * @property {(id: string, session: any) => Promise<unknown>} set
 * @property {(id: string, session: any) => Promise<unknown>} touch
 * @property {(id: string) => Promise<unknown>} destroy
 */

/**
 * How many commands does Redis get for the same requests?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, quick }) {
  const durationS = quick ? 1 : DURATION_S;
  const clock = clockOfSpeed(quick ? 1 : SPEED);
  const observer = await connectNodeRedis(redisUrl);
  const clients = await Promise.all(Array.from({ length: NODES }, () => connectNodeRedis(redisUrl)));

  const theirs = clients.map(
    (client) => new ConnectRedisStore({ client, prefix: `${PREFIX}connect-redis:` }),
  );
  const traffic = { requests: durationS * REQUESTS_PER_SECOND, clock };
  const theirCommands = ["get", "set", "expire", "del"];
  const connectRedis = await observe(observer, theirs, theirCommands, traffic);

  /** @type {ClusteredRedisStore<StoredSession>[]} */
  const stores = clients.map(
    (client) =>
      new ClusteredRedisStore({ client, prefix: PREFIX, clock, commandTimeoutMs: COMMAND_TIMEOUT_MS }),
  );
  await Promise.all(stores.map((store) => store.start()));
  /** @type {MiddlewareStore[]} */
  const ours = stores.map((store) => new ExpressSessionStore({ store }));
  const sessionmesh = await observe(observer, ours, ["evalsha", "eval"], traffic);
  const stats = stores.map((store) => store.cacheStats());
  const hits = stats.reduce((sum, { hits }) => sum + hits, 0);
  const lookups = stats.reduce((sum, { hits, misses }) => sum + hits + misses, 0);

  await stores[0]?.clear();
  for (const store of stores) await store.close();
  for (const client of [observer, ...clients]) client.destroy();
  const columns = /** @type {const} */ ([
    { key: "sent", label: "sent", unit: "count" },
    { key: "executed", label: "with those in scripts", unit: "count" },
    { key: "cpuNs", label: "CPU time of Redis", unit: "ns" },
    { key: "hitRate", label: "reads from memory", unit: "percent" },
  ]);
  const rows = [
    { name: "connect-redis", values: { ...connectRedis, hitRate: 0 } },
    { name: "ExpressSessionStore", values: { ...sessionmesh, hitRate: hits / lookups } },
  ];
  const note =
    `${NODES} nodes, ${SESSIONS} sessions, ${REQUESTS_PER_SECOND} requests a second for ${durationS} s, each on any node: ` +
    `${100 * CHANGING} % save changed data, ${100 * LEAVING} % log out and in, the others touch. Beats and the cold start included.`;
  return [{ title: "Redis commands per 1,000 requests", columns, rows, note }];
}

/**
 * Serves requests by these nodes and counts what Redis does, per 1,000 of them.
 *
 * @param {Client} observer
 * @param {readonly MiddlewareStore[]} nodes
 * @param {readonly string[]} commands that the nodes send
 * @param {{ requests: number, clock: import("sessionmesh").Clock }} traffic
 */
async function observe(observer, nodes, commands, { requests, clock }) {
  const users = Array.from({ length: SESSIONS }, () => makeId(logins++));
  for (const id of users) await nodes[0]?.set(id, makeSession(0));
  const before = await counters(observer, commands);
  const random = randomNumbers();
  /** @type {Promise<void>[]} */
  const served = [];
  const startedAtMs = clock.now();
  while (served.length < requests) {
    const elapsedS = (clock.now() - startedAtMs) / 1_000;
    const due = Math.min(requests, Math.floor(elapsedS * REQUESTS_PER_SECOND));
    while (served.length < due) {
      const node = /** @type {MiddlewareStore} */ (nodes[Math.floor(random() * nodes.length)]);
      served.push(serve(node, users, Math.floor(random() * users.length), random()));
    }
    await delay(TICK_MS);
  }
  await Promise.all(served);
  const after = await counters(observer, commands);
  const perThousand = (/** @type {keyof typeof after} */ key) =>
    ((after[key] - before[key]) * 1_000) / requests;
  return { sent: perThousand("sent"), executed: perThousand("executed"), cpuNs: perThousand("cpuNs") };
}

let logins = 0;

/**
 * One request, as express-session with `resave: false` and a cookie with `maxAge` turns it into calls of its store.
 *
 * @param {MiddlewareStore} node
 * @param {string[]} users the session id of each
 * @param {number} user
 * @param {number} dice what the request does, from 0 to 1
 */
async function serve(node, users, user, dice) {
  const id = /** @type {string} */ (users[user]);
  const session = await node.get(id);
  if (!session || dice < LEAVING) {
    const newId = makeId(logins++);
    users[user] = newId;
    await node.destroy(id);
    await node.set(newId, makeSession(0));
  } else if (dice < LEAVING + CHANGING)
    await node.set(id, { ...session, cookie: makeCookie(), changes: dice });
  else await node.touch(id, { ...session, cookie: makeCookie() });
}

/**
 * What the server has done since its start.
 *
 * @param {Client} observer
 * @param {readonly string[]} commands those that the store itself sends; others run inside its scripts
 */
async function counters(observer, commands) {
  const counts = await info(observer, "all");
  const seconds = Number(counts.get("used_cpu_user")) + Number(counts.get("used_cpu_sys"));
  const calls = commands.map((name) => /calls=(\d+)/.exec(counts.get(`cmdstat_${name}`) ?? "")?.[1]);
  return {
    sent: calls.reduce((sum, count) => sum + Number(count ?? 0), 0),
    executed: Number(counts.get("total_commands_processed")),
    cpuNs: seconds * 1e9,
  };
}

/**
 * A clock for the stores that runs so many times faster than the machine's.
 *
 * @param {number} speed
 * @returns {import("sessionmesh").Clock}
 */
function clockOfSpeed(speed) {
  const startMs = Date.now();
  return {
    now: () => performance.now() * speed,
    wallNow: () => startMs + performance.now() * speed,
    schedule(callback, delayMs) {
      const timer = setTimeout(callback, delayMs / speed).unref();
      return { cancel: () => clearTimeout(timer) };
    },
    random: () => Math.random(),
  };
}

/** The same sequence for all: Lehmer's generator, from 0 to 1. */
function randomNumbers() {
  let state = 42;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
