/**
 * Runs a random history on real servers and judges every answer (`src/testing/history.ts`):
 *
 *     npm run history -- --seconds 60 --seed 42 --client ioredis
 *
 * Three nodes, each behind proxies of its own, read, change, delete and revoke the same few sessions, while connections are cut,
 * stalled and delayed, clients killed, scripts forgotten and the server paused. What happens when depends on the seed, and on the machine.
 * Exits with 1 if a promise was broken.
 */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { ClusteredRedisStore, SessionMeshError } from "sessionmesh";
import { History, TcpProxy } from "sessionmesh/testing";
import { INVALIDATION } from "./invalidation.mjs";
import { startRedis } from "./redis-server.mjs";

const NODES = 3;
const SESSIONS = 8;
const WORKERS_PER_NODE = 4;
const MAX_STALENESS_MS = 600;
const COMMAND_TIMEOUT_MS = 400;
/** What the process may need to tell of an answer; the bound itself has a margin for clocks. */
const TOLERANCE_MS = 25;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    client: { type: "string", default: "node-redis" },
    invalidation: { type: "string", default: "broadcast" },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
const invalidation = INVALIDATION[values.invalidation];
const isKnown = ["node-redis", "ioredis"].includes(values.client) && invalidation !== undefined;
if (!(seconds > 0) || !Number.isSafeInteger(seed) || !isKnown) {
  console.error(
    "Usage: npm run history -- [--seconds N] [--seed N] [--client node-redis|ioredis] [--invalidation broadcast|tracking|mixed]",
  );
  process.exit(2);
}

const random = randomNumbers(seed);
/** @template I @param {readonly I[]} items @returns {I} */
const pick = (items) => /** @type {I} */ (items[Math.floor(random() * items.length)]);
const nowMs = () => performance.now();

console.log(
  `seed ${seed}, ${seconds} s on ${values.client} by ${values.invalidation}, bound ${MAX_STALENESS_MS} ms`,
);
const redis = await startRedis();
const admin = await createClient({ url: redis.url }).connect();
const nodes = await Promise.all(Array.from({ length: NODES }, (_, n) => startNode(n)));
const history = new History({ maxStalenessMs: MAX_STALENESS_MS, toleranceMs: TOLERANCE_MS });
/** @type {string[]} */
const ids = [];
/** @type {Record<string, number>} */
const done = {};
const untilMs = nowMs() + seconds * 1_000;

const workers = nodes.flatMap(({ store }) => Array.from({ length: WORKERS_PER_NODE }, () => work(store)));
await Promise.all([...workers, ...nodes.map(({ store }) => watch(store)), causeFaults()]);
for (const { commands, messages } of nodes) for (const proxy of [commands, messages]) heal(proxy);
await Promise.all(nodes.map(({ store }) => store.close()));
for (const node of nodes) await node.stop();
admin.destroy();
await redis.stop();

const counts = Object.entries(done).sort(([a], [b]) => (a < b ? -1 : 1));
console.log(counts.map(([what, count]) => `${count} × ${what}`).join(", "));
console.log(
  `${history.reads} answers judged; the oldest had been replaced ${Math.round(history.worstStalenessMs)} ms before`,
);
for (const { promise, atMs, id, what } of history.violations.slice(0, 20)) {
  console.log(`${promise} broken at ${Math.round(atMs)} ms, session ${id.slice(0, 6)}: ${what}`);
}
console.log(`${history.violations.length} violations`);
process.exitCode = history.violations.length === 0 && history.reads > 0 ? 0 : 1;

/** @param {number} n */
async function startNode(n) {
  const commands = await TcpProxy.start({ targetPort: redis.port });
  const messages = await TcpProxy.start({ targetPort: redis.port });
  const client = values.client === "ioredis" ? new Redis({ port: commands.port }) : nodeRedis(commands.port);
  subscribeThrough(client, messages.port);
  client.on("error", () => {});
  const cluster = {
    nodeId: `node-${n}`,
    maxStalenessMs: MAX_STALENESS_MS,
    invalidation: invalidation?.[n] ?? "broadcast",
  };
  /** @type {ClusteredRedisStore<import("sessionmesh/testing").HistoryData>} */
  const store = new ClusteredRedisStore({
    client,
    cluster,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    localCache: n === 0 ? { ttlMs: MAX_STALENESS_MS + 100 } : {}, // it reads again what is in use
  });
  await store.start();
  const stop = async () => {
    if (client instanceof Redis) client.disconnect();
    else client.destroy();
    await Promise.all([commands.close(), messages.close()]);
  };
  return { store, commands, messages, stop };
}

/** @param {number} port */
function nodeRedis(port) {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => {});
  client.connect().catch(() => {});
  return client;
}

/**
 * The store subscribes through a duplicate of its client: it takes another way.
 *
 * @param {any} client
 * @param {number} port
 */
function subscribeThrough(client, port) {
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (/** @type {{ socket?: object }} */ overrides = {}) =>
    duplicate({ ...overrides, port, socket: { ...overrides.socket, port }, url: undefined });
}

/**
 * Looks at all that a node would answer from memory, without waiting for anything.
 *
 * @param {Store} store
 */
async function watch(store) {
  for (; nowMs() < untilMs; await delay(5)) {
    for (const id of ids) {
      const startedAtMs = nowMs();
      const session = store.peek(id);
      if (session) history.answered(id, session.data.n, { startedAtMs, endedAtMs: startedAtMs });
    }
  }
}

/**
 * One of those who use a node, one thing after the other.
 *
 * @param {Store} store
 */
async function work(store) {
  while (nowMs() < untilMs) {
    if (ids.length < SESSIONS) await attempt("create", () => create(store));
    const id = pick(ids);
    const chance = random();
    if (id === undefined) await delay(10);
    else if (chance < 0.72) await attempt("get", () => read(store, id, false));
    else if (chance < 0.78) await attempt("strong get", () => read(store, id, true));
    else if (chance < 0.99) await attempt("update", () => update(store, id));
    else if (chance < 0.995) await attempt("delete", () => end(store, id, false));
    else await attempt("revoke", () => end(store, id, true));
    await delay(random() * 4);
  }
}

/**
 * Redis may be out of reach, others may be faster, a session may be over: these are answers. Anything else is a defect.
 *
 * @param {string} what
 * @param {() => Promise<unknown>} operation
 */
async function attempt(what, operation) {
  try {
    await operation();
    done[what] = (done[what] ?? 0) + 1;
  } catch (error) {
    if (!(error instanceof SessionMeshError)) throw error;
    done[error.code] = (done[error.code] ?? 0) + 1;
  }
}

/** @typedef {ClusteredRedisStore<import("sessionmesh/testing").HistoryData>} Store */

/** @param {Store} store */
async function create(store) {
  const startedAtMs = nowMs();
  const { id } = await store.create({ n: 0 }, { user: pick(["ada", "grace"]) });
  history.changed(id, 0, { startedAtMs, endedAtMs: nowMs() });
  ids.push(id);
}

/** @param {Store} store @param {string} id @param {boolean} strong */
async function read(store, id, strong) {
  const startedAtMs = nowMs();
  const session = await store.get(id, strong ? { consistency: "strong" } : undefined);
  if (session) history.answered(id, session.data.n, { startedAtMs, endedAtMs: nowMs() }, { strong });
}

/** @param {Store} store @param {string} id */
async function update(store, id) {
  const startedAtMs = nowMs();
  const session = await store.update(id, ({ n }) => ({ n: n + 1 }));
  if (session) history.changed(id, session.data.n, { startedAtMs, endedAtMs: nowMs() });
}

/** @param {Store} store @param {string} id @param {boolean} revoked */
async function end(store, id, revoked) {
  const startedAtMs = nowMs();
  if (revoked) await store.revoke(id);
  else await store.delete(id);
  history.ended(id, { startedAtMs, endedAtMs: nowMs() }, { revoked });
  // who has read its id already goes on asking for a while
  await delay(random() * MAX_STALENESS_MS * 2);
  if (ids.includes(id)) ids.splice(ids.indexOf(id), 1);
}

async function causeFaults() {
  while (nowMs() < untilMs) {
    await delay(random() * 300);
    const node = pick(nodes);
    const proxy = pick([node.commands, node.messages]);
    const [what, cause] = pick(
      [
        ["cut", () => proxy.cut()],
        ["stall", () => stall(proxy, pick(["both", "toClient", "toServer"]))],
        ["isolation", () => isolate(node)],
        ["refuse", () => refuse(proxy)],
        ["delay", () => slow(proxy)],
        [
          "client kill",
          () => admin.sendCommand(["CLIENT", "KILL", "TYPE", pick(["normal", "pubsub"]), "SKIPME", "yes"]),
        ],
        ["script flush", () => admin.sendCommand(["SCRIPT", "FLUSH"])],
        [
          "pause of Redis",
          () => admin.sendCommand(["CLIENT", "PAUSE", String(Math.ceil(random() * 400)), "ALL"]),
        ],
        ["blocked event loop", () => block(random() * 300)],
      ].map((fault) => /** @type {[string, () => unknown]} */ (fault)),
    );
    await cause();
    done[`fault: ${what}`] = (done[`fault: ${what}`] ?? 0) + 1;
  }
}

/** @param {TcpProxy} proxy @param {"both" | "toClient" | "toServer"} direction */
async function stall(proxy, direction) {
  proxy.stall(direction);
  setTimeout(() => proxy.resume(), random() * MAX_STALENESS_MS * 3);
}

/**
 * Cuts a node off for longer than the bound, without any event on its side.
 *
 * @param {typeof nodes[0]} node
 */
async function isolate({ commands, messages }) {
  for (const way of [commands, messages]) way.stall();
  await delay(MAX_STALENESS_MS * (1.5 + 2 * random()));
  for (const way of [commands, messages]) way.resume();
}

/** @param {TcpProxy} proxy */
async function refuse(proxy) {
  proxy.refuse();
  proxy.cut();
  await delay(random() * MAX_STALENESS_MS);
  proxy.accept();
}

/** @param {TcpProxy} proxy */
async function slow(proxy) {
  proxy.delayMs = random() * COMMAND_TIMEOUT_MS;
  await delay(random() * MAX_STALENESS_MS);
  proxy.delayMs = 0;
}

/** @param {number} ms */
function block(ms) {
  const endMs = nowMs() + ms;
  while (nowMs() < endMs);
}

/** @param {TcpProxy} proxy */
function heal(proxy) {
  proxy.accept();
  proxy.resume();
  proxy.delayMs = 0;
}

/**
 * Mulberry32: the same numbers for the same seed, from 0 to 1.
 *
 * @param {number} state
 */
function randomNumbers(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
