import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { ClusteredRedisStore } from "sessionmesh";
import { quantile } from "./harness.mjs";
import { connectNodeRedis, PREFIX } from "./redis.mjs";
import { makeData } from "./sessions.mjs";

const OTHER_NODES = 2;
/** How many sessions are deleted, and how many revoked. */
const SESSIONS = 500;
/** How often a node is killed, and a session revoked right after. */
const DEATHS = 3;
/** With the usual bound; after it the registry is trusted. */
const BOUND_MS = 2_000;

/**
 * How long does `revoke()` take until every node has said that it dropped its copy, beside a plain `delete()`?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, quick }) {
  const client = await connectNodeRedis(redisUrl);
  const maxStalenessMs = quick ? 200 : BOUND_MS;
  const cluster = { channel: "bench:revocation", maxStalenessMs };
  const options = { prefix: PREFIX, cluster, commandTimeoutMs: maxStalenessMs / 2 };
  const store = new ClusteredRedisStore({ client, ...options });
  await store.start();
  const startOther = () => OtherNode.start(redisUrl, options);
  const others = await Promise.all(Array.from({ length: OTHER_NODES }, startOther));
  await delay(maxStalenessMs * 2.2);

  /** @type {Record<"delete" | "revoke", number[]>} */
  const timesNs = { delete: [], revoke: [] };
  for (let n = 0; n < (quick ? 5 : SESSIONS); n++) {
    for (const name of /** @type {const} */ (["delete", "revoke"])) {
      const { id } = await store.create(makeData(n));
      await Promise.all(others.map((other) => other.hold(id)));
      const calledAt = process.hrtime.bigint();
      const outcome = await store[name](id);
      timesNs[name].push(Number(process.hrtime.bigint() - calledAt));
      if (typeof outcome === "object" && !outcome.acknowledged) throw new Error("a healthy node was silent");
    }
  }
  /** @type {number[]} */
  const deathsNs = [];
  for (let n = 0; n < (quick ? 1 : DEATHS); n++) {
    const doomed = await startOther();
    const { id } = await store.create(makeData(n));
    await doomed.hold(id);
    await doomed.kill();
    const { waitedMs } = await store.revoke(id);
    deathsNs.push(waitedMs * 1e6);
  }
  await store.clear();
  await store.close();
  client.destroy();
  for (const other of others) await other.stop();

  const p50 = quantile(timesNs.delete, 0.5);
  const met = quantile(timesNs.revoke, 0.5) <= 3 * p50;
  const rows = [
    row("delete", timesNs.delete, p50),
    { ...row("revoke", timesNs.revoke, p50), goal: { text: "p50 ≤ 3 ×", met } },
    row("revoke, the first after a node was killed", deathsNs, p50),
  ];
  const columns = /** @type {const} */ ([
    { key: "p50", label: "p50", unit: "ns" },
    { key: "p99", label: "p99", unit: "ns" },
    { key: "ratio", label: "of delete's p50", unit: "ratio" },
  ]);
  const note = `${OTHER_NODES} other nodes, each a process that holds a copy. Bound: ${maxStalenessMs} ms.`;
  return [{ title: "Time until a session is certainly over", columns, rows, note }];
}

/**
 * @param {string} name
 * @param {readonly number[]} timesNs
 * @param {number} baseNs
 */
function row(name, timesNs, baseNs) {
  const p50 = quantile(timesNs, 0.5);
  return { name, values: { p50, p99: quantile(timesNs, 0.99), ratio: p50 / baseNs } };
}

/** A node in another process: `revocation-node.mjs`. */
class OtherNode {
  #process;

  /**
   * @param {string} redisUrl
   * @param {object} options
   */
  static async start(redisUrl, options) {
    const node = new OtherNode(redisUrl, options);
    await once(node.#process, "message");
    return node;
  }

  /**
   * @param {string} redisUrl
   * @param {object} options
   */
  constructor(redisUrl, options) {
    const script = new URL("revocation-node.mjs", import.meta.url);
    this.#process = fork(script, [redisUrl, JSON.stringify(options)]);
  }

  /**
   * Makes it cache the session.
   *
   * @param {string} id
   */
  async hold(id) {
    const held = once(this.#process, "message");
    this.#process.send(id);
    await held;
  }

  async kill() {
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  async stop() {
    const exited = once(this.#process, "exit");
    this.#process.disconnect();
    await exited;
  }
}
