import { invalidationTimes, logInVisitors, planRequests, send } from "./load.mjs";

/** @typedef {import("./cluster.mjs").Cluster} Cluster */
/** @typedef {import("./demo-redis.mjs").DemoRedis} DemoRedis */
/** @typedef {import("./node.mjs").NodeOptions["store"]} StoreName */

/** The commands that nodes send with each store. */
export const SENT = { sessionmesh: ["evalsha", "eval"], "connect-redis": ["get", "set", "expire", "del"] };

/** A cluster on one of the two stores, under a load that comes in parts; counts what that takes. */
export class Contender {
  #store;
  #cluster;
  #redis;
  #visitors;
  #requests;

  /** Requests so far. */
  requests = 0;
  /** @type {import("./visitor.mjs").Read[]} */
  reads = [];
  /** @type {number[]} */
  invalidationMs = [];
  /** Commands that the nodes sent. */
  sent = 0;
  /** Commands that Redis executed for them: those inside scripts as well. */
  executed = 0;
  /** How often nodes looked into their memory for a session, and how often they found it. */
  lookups = 0;
  hits = 0;
  /** Beats that nodes sent; they are among the commands. */
  beats = 0;

  /**
   * @param {StoreName} store
   * @param {Cluster} cluster
   * @param {DemoRedis} redis
   */
  static async enter(store, cluster, redis) {
    return new Contender(store, cluster, redis, await logInVisitors(cluster));
  }

  /**
   * @param {StoreName} store
   * @param {Cluster} cluster
   * @param {DemoRedis} redis
   * @param {import("./visitor.mjs").Visitor[]} visitors
   */
  constructor(store, cluster, redis, visitors) {
    this.#store = store;
    this.#cluster = cluster;
    this.#redis = redis;
    this.#visitors = visitors;
    this.#requests = planRequests(visitors);
  }

  /**
   * Sends one of `parts` parts of the requests through the load balancer and counts what that took; then times some changes.
   *
   * @param {number} part
   * @param {number} parts
   */
  async play(part, parts) {
    /** @type {<T>(items: readonly T[]) => T[]} */
    const share = (items) => items.slice((items.length * part) / parts, (items.length * (part + 1)) / parts);
    const requests = share(this.#requests);
    const before = await this.#counts();
    this.reads.push(...(await send(this.#cluster, requests)));
    const after = await this.#counts();
    this.requests += requests.length;
    this.sent += after.sent - before.sent;
    this.executed += after.executed - before.executed;
    this.lookups += after.lookups - before.lookups;
    this.hits += after.hits - before.hits;
    this.beats += after.beats - before.beats;
    this.invalidationMs.push(...(await invalidationTimes(this.#cluster.nodes, share(this.#visitors))));
  }

  /** What Redis and the nodes have counted since they started. */
  async #counts() {
    const calls = await this.#redis.commandCalls();
    const nodes = await Promise.all(this.#cluster.nodes.map((node) => node.state()));
    const sent = sum(SENT[this.#store].map((command) => calls.get(command) ?? 0));
    return {
      sent,
      // The scripts of sessionmesh run further commands. connect-redis has none; what else there is are beats of the other cluster.
      executed: this.#store === "sessionmesh" ? sum(calls.values()) : sent,
      lookups: sum(nodes.map(({ cache }) => (cache?.hits ?? 0) + (cache?.misses ?? 0))),
      hits: sum(nodes.map(({ cache }) => cache?.hits ?? 0)),
      beats: sum(nodes.map(({ beats }) => beats ?? 0)),
    };
  }
}

/** @param {Iterable<number>} numbers */
function sum(numbers) {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
