import { randomInt } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createClient } from "redis";
import { startRedis } from "./redis-server.mjs";

const SLOTS = 16_384;
const READY_TIMEOUT_MS = 20_000;
const POLL_INTERVAL_MS = 25;
const PORT_ATTEMPTS = 20;
/** Short, so that a failover takes two or three seconds; a replica fails over whatever its age, and stays with its master. */
const TIMES = ["--cluster-node-timeout", "1000", "--repl-ping-replica-period", "1"];
const REPLICAS = ["--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no"];
const SERVER_ARGS = ["--cluster-enabled", "yes", ...TIMES, ...REPLICAS, "--repl-diskless-sync-delay", "0"];
/** A duplicate costs next to nothing; a client with options of its own has all its commands built anew, for 50 ms. */
const TEMPLATE = createClient({ RESP: 2 });

const SECURE = ["--tls-cluster", "yes", "--tls-replication", "yes"];

/** @typedef {import("./redis-server.mjs").RedisServer} RedisServer */

/** A Redis Cluster of our own: processes on the loopback interface, masters with one replica each. */
export class RedisCluster {
  #directory;

  /**
   * @param {readonly RedisServer[]} nodes the masters first, then their replicas, in the same order
   * @param {string} directory
   */
  constructor(nodes, directory) {
    this.nodes = nodes;
    this.#directory = directory;
  }

  /** Ends all nodes, those that stand still included. */
  async stop() {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/**
 * Starts a Redis Cluster and resolves when every node finds it in order. A node that is restarted has its place again.
 *
 * @param {object} [options]
 * @param {number} [options.masters] how many share the slots, in ranges of the same size; each has a replica. Default 3
 * @param {readonly string[]} [options.args] more arguments for each server
 * @param {boolean} [options.keepsData] whether a server that is started again has what it had when it ended. Default: it is empty
 * @param {readonly string[]} [options.tls] those for TLS: then each has a port for it too, and they speak it with one another
 * @returns {Promise<RedisCluster>}
 * @throws {Error} when a server cannot be started, or the cluster is not in order within 20 seconds
 */
export async function startRedisCluster({ masters = 3, args = [], tls, keepsData = false } = {}) {
  // what a node knows of the others survives its restart, unlike its own directory
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-cluster-"));
  const starting = Array.from({ length: 2 * masters }, async (_, n) => {
    const own = keepsData ? await keptIn(join(directory, `${n}`)) : [];
    return startNode(join(directory, `${n}.conf`), [...own, ...args], tls);
  });
  const outcomes = await Promise.allSettled(starting);
  const nodes = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const cluster = new RedisCluster(nodes, directory);
  try {
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    await unite(nodes.slice(0, masters), nodes.slice(masters));
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/**
 * Sends one command to a node, over a connection of its own.
 *
 * @param {{ port: number }} node
 * @param {...string} command
 * @returns {Promise<unknown>}
 */
export async function commandOf({ port }, ...command) {
  const client = TEMPLATE.duplicate({ socket: { host: "127.0.0.1", port, reconnectStrategy: false } });
  client.on("error", () => {}); // told by what is awaited
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/**
 * Arguments for a server that keeps what it has in a directory.
 *
 * @param {string} directory
 */
async function keptIn(directory) {
  await mkdir(directory);
  return ["--dir", directory, "--appendonly", "yes"];
}

/**
 * @param {string} configFile
 * @param {readonly string[]} args
 * @param {readonly string[]} [tls]
 */
async function startNode(configFile, args, tls) {
  for (let attempt = 1; ; attempt++) {
    const [port, busPort] = [randomInt(10_000, 20_000), randomInt(10_000, 20_000)]; // why there: see `startRedis`
    const place = ["--cluster-port", `${busPort}`, "--cluster-config-file", configFile];
    const secure = tls ? [...SECURE, "--tls-port", `${randomInt(20_000, 32_000)}`, ...tls] : [];
    try {
      return await startRedis({ port, args: [...SERVER_ARGS, ...place, ...secure, ...args] });
    } catch (error) {
      const taken = error instanceof Error && error.message.includes("Address already in use");
      if (!taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * Makes one cluster of them.
 *
 * @param {readonly RedisServer[]} masters
 * @param {readonly RedisServer[]} replicas
 */
async function unite(masters, replicas) {
  const nodes = [...masters, ...replicas];
  const ids = await Promise.all(nodes.map((node) => commandOf(node, "CLUSTER", "MYID")));
  const ports = await Promise.all(nodes.map(clusterPortOf));
  const buses = await Promise.all(nodes.map((node) => settingOf(node, "cluster-port")));
  const share = Math.ceil(SLOTS / masters.length);
  await Promise.all(
    masters.map(async (master, n) => {
      const last = Math.min((n + 1) * share, SLOTS) - 1;
      await commandOf(master, "CLUSTER", "SET-CONFIG-EPOCH", `${n + 1}`);
      await commandOf(master, "CLUSTER", "ADDSLOTSRANGE", `${n * share}`, `${last}`);
    }),
  );
  // each meets all before it: faster than what they would tell one another
  for (const [n, node] of nodes.entries()) {
    const others = nodes.slice(0, n).map((_, other) => [ports[other] ?? "", buses[other] ?? ""]);
    await Promise.all(others.map((address) => commandOf(node, "CLUSTER", "MEET", "127.0.0.1", ...address)));
  }
  for (const [n, replica] of replicas.entries()) {
    // refused until it has met its master
    await until(() => commandOf(replica, "CLUSTER", "REPLICATE", String(ids[n])));
  }
  await until(async () => {
    for (const node of nodes) await requireInOrder(node, nodes.length);
    for (const replica of replicas) await requireLinked(replica);
  });
}

/**
 * The port by which the others call a node: with TLS, that for TLS.
 *
 * @param {RedisServer} node
 */
export async function clusterPortOf(node) {
  const tlsPort = await settingOf(node, "tls-port");
  return Number(tlsPort) > 0 ? tlsPort : `${node.port}`;
}

/**
 * @param {RedisServer} node
 * @param {string} name
 */
async function settingOf(node, name) {
  const reply = /** @type {string[]} */ (await commandOf(node, "CONFIG", "GET", name));
  return reply[1] ?? "";
}

/**
 * @param {RedisServer} node
 * @param {number} size
 */
async function requireInOrder(node, size) {
  const info = String(await commandOf(node, "CLUSTER", "INFO"));
  const inOrder = info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${size}\r`);
  if (!inOrder) throw new Error(`The node on port ${node.port} does not find the cluster in order:\n${info}`);
}

/** @param {RedisServer} replica */
async function requireLinked(replica) {
  const info = String(await commandOf(replica, "INFO", "replication"));
  if (!info.includes("master_link_status:up")) {
    throw new Error(`The replica on port ${replica.port} has no link:\n${info}`);
  }
}

/**
 * Waits until a condition holds, that is, until it neither throws nor answers `false`.
 *
 * @param {() => Promise<unknown>} condition
 * @param {number} [timeoutMs] default: 20 seconds
 * @throws what it threw last, when the time is over
 */
export async function until(condition, timeoutMs = READY_TIMEOUT_MS) {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      if ((await condition()) !== false) return;
      throw new Error(`Still false after ${timeoutMs} ms: ${condition}`);
    } catch (error) {
      if (performance.now() >= deadlineMs) throw error;
    }
    await delay(POLL_INTERVAL_MS);
  }
}
