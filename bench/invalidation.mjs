import { fork } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { ClusteredRedisStore } from "sessionmesh";
import { quantile } from "./harness.mjs";
import { connectNodeRedis, PREFIX, WIDE_BOUNDS } from "./redis.mjs";
import { makeData, makeId } from "./sessions.mjs";

/** How many sessions are changed, and then deleted. */
const SESSIONS = 500;

/**
 * How soon does another node, a process of its own, drop what this one has changed?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, quick }) {
  const client = await connectNodeRedis(redisUrl);
  const store = new ClusteredRedisStore({ client, prefix: PREFIX, ...WIDE_BOUNDS });
  await store.start();
  const other = new OtherNode(redisUrl);

  /** @type {Record<string, (id: string, n: number) => Promise<unknown>>} */
  const operations = {
    set: (id, n) => store.set(id, { ...makeData(n), changed: true }),
    delete: (id) => store.delete(id),
  };
  const rows = [];
  for (const [name, operation] of Object.entries(operations)) {
    /** @type {{ sinceCall: number[], sinceResolved: number[] }} */
    const delaysNs = { sinceCall: [], sinceResolved: [] };
    for (let n = 0; n < (quick ? 5 : SESSIONS); n++) {
      const id = `${name} ${makeId(n)}`; // what was deleted cannot be written again
      await store.set(id, makeData(n));
      await other.hold(id);
      const evicted = other.evicts(id);
      const calledAt = process.hrtime.bigint();
      await operation(id, n);
      const resolvedAt = process.hrtime.bigint();
      const evictedAt = await evicted;
      delaysNs.sinceCall.push(Number(evictedAt - calledAt));
      delaysNs.sinceResolved.push(Number(evictedAt - resolvedAt));
    }
    for (const [since, label] of /** @type {const} */ ([
      ["sinceCall", "called"],
      ["sinceResolved", "resolved"],
    ])) {
      const values = { p50: quantile(delaysNs[since], 0.5), p99: quantile(delaysNs[since], 0.99) };
      rows.push({ name: `from ${name} ${label}`, values });
    }
  }
  await store.clear();
  await store.close();
  client.destroy();
  other.stop();
  const columns = /** @type {const} */ ([
    { key: "p50", label: "p50", unit: "ns" },
    { key: "p99", label: "p99", unit: "ns" },
  ]);
  const note =
    "Both processes read the machine's monotonic clock. A negative time: evicted before the caller knew that it was done.";
  return [{ title: "Time until another node has evicted", columns, rows, note }];
}

/** The node in the other process. */
class OtherNode {
  #process;
  #events = new EventEmitter();
  #exited = new AbortController();

  /** @param {string} redisUrl */
  constructor(redisUrl) {
    const script = new URL("invalidation-node.mjs", import.meta.url);
    this.#process = fork(script, [redisUrl], { serialization: "advanced" });
    this.#process.on(
      "message",
      (/** @type {import("./invalidation-node.mjs").Report} */ { event, id, at }) => {
        this.#events.emit(`${event} ${id}`, at);
      },
    );
    this.#process.once("exit", () => this.#exited.abort());
  }

  /**
   * Makes it cache the session.
   *
   * @param {string} id
   */
  async hold(id) {
    const held = this.#next("held", id);
    this.#process.send(id);
    await held;
  }

  /**
   * The time, by `process.hrtime`, at which it evicts the session next.
   *
   * @param {string} id
   */
  evicts(id) {
    return this.#next("evicted", id);
  }

  stop() {
    this.#process.disconnect();
  }

  /**
   * @param {import("./invalidation-node.mjs").Report["event"]} event
   * @param {string} id
   * @returns {Promise<bigint>}
   */
  async #next(event, id) {
    const [at] = await once(this.#events, `${event} ${id}`, { signal: this.#exited.signal });
    return at;
  }
}
