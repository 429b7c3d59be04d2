import { commandOf, until } from "./redis-cluster.mjs";

const AGREED_MS = 30_000;
/** After which a replica does not go on with a failover on demand that found no majority: masters vote for none soon after another one. */
const FAILOVER_MS = 5_000;
const KEYS_AT_ONCE = 100;

/** @typedef {import("./redis-server.mjs").RedisServer} RedisServer */

/**
 * What a node says of itself.
 *
 * @typedef {object} Self
 * @property {RedisServer} node
 * @property {string} id
 * @property {boolean} isMaster
 * @property {string} masterId the node that it copies; `-`: none
 * @property {number} epoch
 * @property {readonly (readonly [first: number, last: number])[]} slots
 */

/** A Redis Cluster whose masters fail over, end, stand still and hand slots on. */
export class ClusterTopology {
  #cluster;
  /** @type {Set<RedisServer>} */
  #suspended = new Set();

  /** @param {import("./redis-cluster.mjs").RedisCluster} cluster */
  constructor(cluster) {
    this.#cluster = cluster;
  }

  /**
   * What a client is told of the nodes: all of them.
   *
   * @returns {number[]}
   */
  get ports() {
    return this.nodes.map(({ port }) => port);
  }

  /**
   * All nodes, those that have ended or stand still included.
   *
   * @returns {readonly RedisServer[]}
   */
  get nodes() {
    return this.#cluster.nodes;
  }

  /** The masters that answer. */
  async masters() {
    return (await this.#selves()).filter(({ isMaster }) => isMaster).map(({ node }) => node);
  }

  /**
   * The master of a slot. Throws while it has none.
   *
   * @param {number} slot
   */
  async masterOf(slot) {
    return (await this.#ownerOf(slot)).node;
  }

  /**
   * Which history the master of a slot replicates: another one after each failover, and after each restart of a master.
   *
   * @param {number} slot
   */
  async historyOf(slot) {
    return replicationOf(await this.masterOf(slot), "master_replid");
  }

  /**
   * The replica of that master.
   *
   * @param {number} slot
   */
  async replicaOf(slot) {
    const { id } = await this.#ownerOf(slot);
    const replica = (await this.#selves()).find(({ masterId }) => masterId === id);
    if (replica === undefined) throw new Error(`The master of slot ${slot} has no replica.`);
    return replica.node;
  }

  /** Resolves when each replica has all that its master has now. */
  async replicated() {
    const selves = await this.#selves();
    const replicas = selves.filter(({ isMaster }) => !isMaster);
    await Promise.all(
      replicas.map(async ({ node, masterId }) => {
        const master = selves.find(({ id }) => id === masterId);
        if (master === undefined) throw new Error(`The master of the node on port ${node.port} is away.`);
        const offset = Number(await replicationOf(master.node, "master_repl_offset"));
        await until(async () => Number(await replicationOf(node, "slave_repl_offset")) >= offset, AGREED_MS);
      }),
    );
  }

  /**
   * Makes the replica of a slot its master, without losing anything; resolves when all nodes say so. The old master.
   *
   * @param {number} slot
   */
  async failover(slot) {
    const old = await this.masterOf(slot);
    const replica = await this.replicaOf(slot);
    let askedAtMs = Number.NEGATIVE_INFINITY;
    await until(async () => {
      if ((await this.masterOf(slot)) !== old) return true;
      if (performance.now() - askedAtMs > FAILOVER_MS) {
        askedAtMs = performance.now();
        await commandOf(replica, "CLUSTER", "FAILOVER");
      }
      return false;
    }, AGREED_MS);
    await this.promoted(slot, old);
    return old;
  }

  /**
   * Ends the master of a slot as a crash would. What it was. Its replica is its successor some seconds later: `promoted()`.
   *
   * @param {number} slot
   */
  async killMaster(slot) {
    const old = await this.masterOf(slot);
    await old.kill();
    return old;
  }

  /**
   * Lets the master of a slot stand still, with all of its connections. What it was.
   *
   * @param {number} slot
   */
  async suspendMaster(slot) {
    const old = await this.masterOf(slot);
    this.suspend(old);
    return old;
  }

  /**
   * Lets a node stand still, with all of its connections.
   *
   * @param {RedisServer} node
   */
  suspend(node) {
    this.#suspended.add(node);
    process.kill(node.pid, "SIGSTOP");
  }

  /**
   * Lets a node go on that stood still.
   *
   * @param {RedisServer} node
   */
  resume(node) {
    if (this.#suspended.delete(node)) process.kill(node.pid, "SIGCONT");
  }

  /**
   * Resolves when a node knows that it is no master any more.
   *
   * @param {RedisServer} node
   */
  async demoted(node) {
    await until(async () => (await replicationOf(node, "role")) === "slave", AGREED_MS);
  }

  /**
   * Resolves when another node is the master of a slot, and all that answer say so.
   *
   * @param {number} slot
   * @param {RedisServer} old
   */
  async promoted(slot, old) {
    await until(async () => (await this.masterOf(slot)) !== old && (await this.#agree(slot)), AGREED_MS);
  }

  /** Starts or resumes all nodes that are not there; resolves when all are, find the cluster in order, and have their copies. */
  async settled() {
    for (const node of this.#suspended) this.resume(node);
    await until(async () => {
      for (const node of this.nodes) {
        if (!node.isRunning) await node.restart();
        if (!String(await commandOf(node, "CLUSTER", "INFO")).includes("cluster_state:ok")) return false;
        const isReplica = (await replicationOf(node, "role")) === "slave";
        if (isReplica && (await replicationOf(node, "master_link_status")) !== "up") return false;
      }
      return (await this.masters()).length * 2 === this.nodes.length && (await this.#agree(0));
    }, AGREED_MS);
  }

  /**
   * Moves a slot with its keys to another master; resolves when all nodes say so. The new one.
   *
   * @param {number} slot
   * @param {() => Promise<unknown>} [between] runs when the slot is being moved, and none of its keys has been
   */
  async moveSlot(slot, between = async () => {}) {
    const source = await this.#ownerOf(slot);
    const target = (await this.#selves()).find(({ isMaster, id }) => isMaster && id !== source.id);
    if (target === undefined) throw new Error(`There is no other master for slot ${slot}.`);
    await commandOf(target.node, "CLUSTER", "SETSLOT", `${slot}`, "IMPORTING", source.id);
    await commandOf(source.node, "CLUSTER", "SETSLOT", `${slot}`, "MIGRATING", target.id);
    await between();
    await moveKeys(slot, source.node, target.node);
    const others = (await this.masters()).filter((node) => node !== source.node && node !== target.node);
    for (const node of [target.node, source.node, ...others]) {
      await commandOf(node, "CLUSTER", "SETSLOT", `${slot}`, "NODE", target.id);
    }
    await this.promoted(slot, source.node);
    return target.node;
  }

  /** Ends all nodes. */
  async stop() {
    await this.#cluster.stop();
  }

  /** @param {number} slot */
  async #ownerOf(slot) {
    const owners = (await this.#selves())
      .filter(
        ({ isMaster, slots }) => isMaster && slots.some(([first, last]) => first <= slot && slot <= last),
      )
      .sort((a, b) => b.epoch - a.epoch);
    if (owners[0] === undefined) throw new Error(`Slot ${slot} has no master.`);
    return owners[0];
  }

  /**
   * Whether all nodes that answer name the same master of a slot, and find the cluster in order.
   *
   * @param {number} slot
   */
  async #agree(slot) {
    const { node: owner } = await this.#ownerOf(slot);
    for (const { node } of await this.#selves()) {
      const info = String(await commandOf(node, "CLUSTER", "INFO"));
      const reply = await commandOf(node, "CLUSTER", "SLOTS");
      const ranges = /** @type {[number, number, [string, number]][]} */ (reply);
      const range = ranges.find(([first, last]) => first <= slot && slot <= last);
      if (!info.includes("cluster_state:ok") || range?.[2][1] !== owner.port) return false;
    }
    return true;
  }

  async #selves() {
    const nodes = this.nodes.filter((node) => !this.#suspended.has(node));
    const selves = await Promise.all(nodes.map((node) => selfOf(node).catch(() => [])));
    return selves.flat();
  }
}

/**
 * Reads the line of `CLUSTER NODES` that a node writes about itself: id, address, flags, master, two times, epoch, link, slots.
 *
 * @param {RedisServer} node
 * @returns {Promise<Self>}
 */
async function selfOf(node) {
  const lines = String(await commandOf(node, "CLUSTER", "NODES")).split("\n");
  const line = lines.find((text) => text.includes("myself")) ?? "";
  const [id = "", , flags = "", masterId = "", , , epoch, , ...ranges] = line.split(" ");
  const slots = ranges.flatMap((range) => {
    const [first = "", last = first] = range.split("-");
    if (range.startsWith("[")) return []; // one that is being moved
    return [/** @type {[number, number]} */ ([Number(first), Number(last)])];
  });
  return { node, id, isMaster: flags.includes("master"), masterId, epoch: Number(epoch), slots };
}

/**
 * What a server says of its replication; offsets are in bytes.
 *
 * @param {RedisServer} node
 * @param {"role" | "master_link_status" | "master_replid" | "master_repl_offset" | "slave_repl_offset"} field
 */
async function replicationOf(node, field) {
  const info = String(await commandOf(node, "INFO", "replication"));
  const [, value] = new RegExp(`^${field}:(\\w+)`, "m").exec(info) ?? [];
  if (value === undefined) throw new Error(`The node on port ${node.port} has no ${field}:\n${info}`);
  return value;
}

/**
 * @param {number} slot
 * @param {RedisServer} source
 * @param {RedisServer} target
 */
async function moveKeys(slot, source, target) {
  for (;;) {
    const keys = await commandOf(source, "CLUSTER", "GETKEYSINSLOT", `${slot}`, `${KEYS_AT_ONCE}`);
    if (/** @type {string[]} */ (keys).length === 0) return;
    const to = ["127.0.0.1", `${target.port}`, "", "0", "5000"];
    await commandOf(source, "MIGRATE", ...to, "KEYS", .../** @type {string[]} */ (keys));
  }
}
