/**
 * Runs a random history on real servers and judges every answer (`src/testing/history.ts`):
 *
 *     npm run history -- --seconds 60 --seed 42 --client ioredis
 *
 * Three nodes, each behind proxies of its own and one in a process of its own, read, change, delete and revoke the same few sessions, and save
 * them too late, while connections are cut, stalled and delayed, clients killed, scripts forgotten, the server paused and started again
 * empty, event loops blocked and the process stopped. What happens when depends on the seed, and on the machine.
 * Exits with 1 if a promise was broken.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createClient } from "redis";
import { History, TcpProxy } from "sessionmesh/testing";
import { startNode } from "./history/node.mjs";
import { nowMs, use } from "./history/users.mjs";
import { INVALIDATION } from "./invalidation.mjs";
import { startRedis } from "./redis-server.mjs";

/** The last one is a process of its own. */
const NODES = 3;
const MAX_STALENESS_MS = 600;
const COMMAND_TIMEOUT_MS = 400;
/** What the process may need to tell of an answer; the bound itself has a margin for clocks. */
const TOLERANCE_MS = 25;
/** How often Redis starts anew in a minute: after that, what was acknowledged before binds nobody. */
const RESTARTS_PER_MINUTE = 6;

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

console.log(
  `seed ${seed}, ${seconds} s on ${values.client} by ${values.invalidation}, bound ${MAX_STALENESS_MS} ms`,
);
const redis = await startRedis();
const admin = createClient({ url: redis.url });
admin.on("error", () => {}); // it comes back when Redis does
await admin.connect();
const history = new History({ maxStalenessMs: MAX_STALENESS_MS, toleranceMs: TOLERANCE_MS });
/** @type {string[]} */
let ids = [];
/** The sessions that are known to be over. @type {Set<string>} */
const ended = new Set();
/** When the process was last stopped. */
let stoppedAtMs = Number.POSITIVE_INFINITY;
let lostAtMs = Number.NEGATIVE_INFINITY;
/** @type {Record<string, number>} */
const done = {};
const ways = await Promise.all(Array.from({ length: NODES }, openWays));
const nodes = await Promise.all(ways.slice(0, -1).map((way, n) => startNode(optionsOf(way, n))));
const child = await startProcess(optionsOf(/** @type {typeof ways[0]} */ (ways.at(-1)), NODES - 1));
const untilMs = nowMs() + seconds * 1_000;

const used = nodes.map(({ store }) =>
  use({
    store,
    ids: () => ids,
    hasEnded: (id) => ended.has(id),
    tell,
    random,
    boundMs: MAX_STALENESS_MS,
    isOver: () => nowMs() >= untilMs,
  }),
);
await Promise.all([...used, causeFaults(), restartRedis(), stopProcess()]);
for (const { commands, messages } of ways) for (const proxy of [commands, messages]) heal(proxy);
child.send({ over: true });
await Promise.all([once(child, "exit"), ...nodes.map(({ store }) => store.close())]);
for (const { disconnect } of nodes) disconnect();
for (const { commands, messages } of ways) await Promise.all([commands.close(), messages.close()]);
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

async function openWays() {
  const [commands, messages] = await Promise.all([
    TcpProxy.start({ targetPort: redis.port }),
    TcpProxy.start({ targetPort: redis.port }),
  ]);
  return { commands, messages };
}

/** @param {typeof ways[0]} way @param {number} n */
function optionsOf({ commands, messages }, n) {
  return {
    nodeId: `node-${n}`,
    client: values.client,
    commandsPort: commands.port,
    messagesPort: messages.port,
    boundMs: MAX_STALENESS_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    invalidation: invalidation?.[n] ?? "broadcast",
    ...(n === 0 && { cacheTtlMs: MAX_STALENESS_MS + 100 }), // it reads again what is in use
  };
}

/** @param {ReturnType<typeof optionsOf>} options */
async function startProcess(options) {
  const script = fileURLToPath(new URL("history/process.mjs", import.meta.url));
  const child = fork(script, [JSON.stringify(options)]);
  await once(child, "message");
  child.on("message", (told) => tell(/** @type {import("./history/users.mjs").Told} */ (told), true));
  return child;
}

/**
 * Tells the judge. An answer that was on its way in a process when that was stopped counts as given when that began, since nobody can
 * tell.
 *
 * @param {import("./history/users.mjs").Told} told
 */
function tell(told, fromProcess = false) {
  if (told.kind === "done") done[told.what] = (done[told.what] ?? 0) + 1;
  else if (told.kind === "created") {
    if (told.startedAtMs > lostAtMs) share([...ids, told.id]);
  } else if (told.kind === "left") share(ids.filter((id) => id !== told.id));
  else if (told.kind === "changed") history.changed(told.id, told.n, told);
  else if (told.kind === "deleted" || told.kind === "revoked") {
    history.ended(told.id, told, { revoked: told.kind === "revoked" });
    if (history.hasEnded(told.id)) ended.add(told.id);
    child.send({ ended: [...ended] });
  } else if (told.kind === "answered" || told.kind === "answered strongly") {
    const { startedAtMs, endedAtMs } = told;
    const wasStopped = fromProcess && startedAtMs < stoppedAtMs && endedAtMs > stoppedAtMs;
    const span = { startedAtMs, endedAtMs: wasStopped ? stoppedAtMs : endedAtMs };
    history.answered(told.id, told.n, span, { strong: told.kind === "answered strongly" });
  }
}

/** @param {string[]} now */
function share(now) {
  ids = now;
  child.send({ ids });
}

/** Redis ends, and is back empty: all that it had acknowledged is lost. */
async function restartRedis() {
  const everyMs = 60_000 / RESTARTS_PER_MINUTE;
  for (;;) {
    await delay(everyMs * (0.5 + random() / 2));
    if (nowMs() > untilMs - 2_000) return;
    await redis.kill();
    await delay(random() * MAX_STALENESS_MS);
    await redis.restart();
    lostAtMs = nowMs();
    history.lost(Number.NEGATIVE_INFINITY, lostAtMs);
    ended.clear();
    share([]);
    child.send({ ended: [] });
    count("restart of Redis");
  }
}

/** The process stands still, for longer than the bound now and then. */
async function stopProcess() {
  while (nowMs() < untilMs) {
    await delay(500 + random() * 2_500);
    stoppedAtMs = nowMs();
    child.kill("SIGSTOP");
    await delay(random() * 2 * MAX_STALENESS_MS);
    child.kill("SIGCONT");
    count("stopped process");
  }
}

/** @param {string} fault */
function count(fault) {
  done[`fault: ${fault}`] = (done[`fault: ${fault}`] ?? 0) + 1;
}

async function causeFaults() {
  while (nowMs() < untilMs) {
    await delay(random() * 300);
    const way = pick(ways);
    const proxy = pick([way.commands, way.messages]);
    const [what, cause] = pick(
      [
        ["cut", () => proxy.cut()],
        ["stall", () => stall(proxy, pick(["both", "toClient", "toServer"]))],
        ["isolation", () => isolate(way)],
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
        ["blocked event loops", () => block(random() * 300)],
        ["blocked event loop", () => child.send({ blockMs: random() * 2 * MAX_STALENESS_MS })],
      ].map((fault) => /** @type {[string, () => unknown]} */ (fault)),
    );
    await Promise.resolve(cause()).catch(() => {}); // Redis may be away
    count(what);
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
 * @param {typeof ways[0]} way
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
