import { NodeProcess } from "./node-process.mjs";
import { startRoundRobin } from "./round-robin.mjs";

/** @typedef {import("./node.mjs").NodeOptions} NodeOptions */

/** Three processes, A, B and C, that know each other only through Redis, and a load balancer in front of them. */
export class Cluster {
  /** @type {Awaited<ReturnType<typeof startRoundRobin>> | undefined} */
  #balancer;

  /**
   * Begins to start; `ready()` says when that is done, and `stop()` may be called any time.
   *
   * @param {Omit<NodeOptions, "name" | "client"> & { clients: [NodeOptions["client"], NodeOptions["client"], NodeOptions["client"]] }} options
   */
  constructor({ clients: [a, b, c], ...options }) {
    /** @type {readonly [NodeProcess, NodeProcess, NodeProcess]} */
    this.nodes = [
      new NodeProcess({ ...options, name: "A", client: a }),
      new NodeProcess({ ...options, name: "B", client: b }),
      new NodeProcess({ ...options, name: "C", client: c }),
    ];
  }

  async ready() {
    await Promise.all(this.nodes.map((node) => node.ready()));
    this.#balancer = await startRoundRobin(this.nodes);
  }

  /** Of the load balancer. */
  get url() {
    if (this.#balancer === undefined) throw new Error("The cluster is not ready.");
    return this.#balancer.url;
  }

  async stop() {
    this.#balancer?.stop();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
