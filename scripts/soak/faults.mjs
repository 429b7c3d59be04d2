import { setTimeout as delay } from "node:timers/promises";
import { commandOf, until } from "../redis-cluster.mjs";
import { MAX_STALENESS_MS, nowMs } from "./settings.mjs";

/** What replication may be behind when a master was replaced that nobody replaced on purpose. */
const MAX_LAG_MS = 1_500;

/** @typedef {import("../cluster-topology.mjs").ClusterTopology} ClusterTopology */
/** @typedef {import("../../dist/testing/simulation/random.js").SeededRandom} SeededRandom */
/** @typedef {import("./soak-node.mjs").SoakNode} SoakNode */

/**
 * A fault of the master of one slot. `loses`: what it acknowledged lately may be lost. `moves`: what has another master then, and loses nothing.
 *
 * @typedef {{ name: string, loses: boolean, moves?: "slot" | "master", cause: (topology: ClusterTopology, slot: number, random: SeededRandom) => Promise<unknown> }} ServerFault
 */

/** @type {[ServerFault, ...ServerFault[]]} */
const SERVER_FAULTS = [
  {
    name: "failover on demand",
    loses: false,
    moves: "master",
    cause: (topology, slot) => topology.failover(slot),
  },
  { name: "killed master", loses: true, cause: killMaster },
  { name: "suspended master", loses: true, cause: suspendMaster },
  { name: "master suspended briefly", loses: false, cause: hesitate },
  { name: "moved slot", loses: false, moves: "slot", cause: (topology, slot) => topology.moveSlot(slot) },
  {
    name: "killed subscriptions",
    loses: false,
    cause: (topology, slot) => killClients("pubsub", topology, slot),
  },
  {
    name: "killed connections",
    loses: false,
    cause: (topology, slot) => killClients("normal", topology, slot),
  },
  { name: "forgotten scripts", loses: false, cause: forgetScripts },
];

/** Causes faults of the servers, one after the other, and tells the record what each may have lost. */
export class ServerFaults {
  #topology;
  #slots;
  #record;
  #random;
  /** When each slot was last known to have the master that it should have. */
  #inOrderAtMs = nowMs();
  /** @type {number[]} */
  #masters = [];
  /** @type {Record<string, number>} */
  done = {};

  /**
   * @param {ClusterTopology} topology
   * @param {readonly number[]} slots of each partition
   * @param {import("./record.mjs").SoakRecord} record
   * @param {SeededRandom} random
   */
  constructor(topology, slots, record, random) {
    this.#topology = topology;
    this.#slots = slots;
    this.#record = record;
    this.#random = random;
  }

  get #all() {
    return [...this.#slots.keys()];
  }

  /** Makes sure that nothing but these faults has changed a master: that happens, too, where machines are too slow. */
  async check() {
    await this.#compare(() => false);
  }

  /** Causes one fault. Resolves when the servers are in order again. */
  async cause() {
    await this.check();
    const fault = this.#random.pick(SERVER_FAULTS);
    const partition = this.#random.below(this.#slots.length);
    const random = this.#random.fork(fault.name);
    const sharing = this.#all.filter((other) => this.#masters[other] === this.#masters[partition]);
    const sinceMs = nowMs();
    const succeeded = await this.#try(fault, this.#slots[partition] ?? 0, random);
    await this.#topology.settled();
    const lost = !succeeded ? this.#all : fault.loses ? sharing : [];
    for (const partition of lost) this.#record.lost(partition, { sinceMs, untilMs: nowMs() });
    const name = succeeded ? fault.name : `attempted ${fault.name}`;
    this.done[name] = (this.done[name] ?? 0) + 1;
    const moved = fault.moves === "slot" ? [partition] : fault.moves === "master" ? sharing : [];
    await this.#compare((partition) => lost.includes(partition) || moved.includes(partition));
  }

  /**
   * Whether a fault could be caused: not where machines are too slow, and masters are replaced meanwhile that were only waited for.
   *
   * @param {ServerFault} fault
   * @param {number} slot
   * @param {SeededRandom} random
   */
  async #try({ loses, cause }, slot, random) {
    try {
      if (loses) await this.#topology.replicated(slot);
      await cause(this.#topology, slot, random);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {(partition: number) => boolean} isExpected */
  async #compare(isExpected) {
    const atMs = nowMs();
    /** @type {number[]} */
    let masters = [];
    await until(async () => {
      masters = [];
      for (const slot of this.#slots) masters.push((await this.#topology.masterOf(slot)).port);
    });
    for (const [partition, before] of this.#masters.entries()) {
      if (masters[partition] === before || isExpected(partition)) continue;
      this.#record.lost(partition, { sinceMs: this.#inOrderAtMs - MAX_LAG_MS, untilMs: nowMs() });
      this.done["failover by itself"] = (this.done["failover by itself"] ?? 0) + 1;
    }
    this.#masters = masters;
    this.#inOrderAtMs = atMs;
  }
}

/**
 * Causes a fault of one of the nodes, and resolves when it is over. What it was.
 *
 * @param {readonly SoakNode[]} nodes
 * @param {readonly SoakNode[]} mortal those that may be killed
 * @param {SeededRandom} random
 */
export async function causeNodeFault(nodes, mortal, random) {
  const chance = random.next();
  if (chance < 0.3) {
    await random.pick(/** @type {[SoakNode, ...SoakNode[]]} */ (mortal)).restart();
    return "killed node";
  }
  const node = random.pick(/** @type {[SoakNode, ...SoakNode[]]} */ (nodes));
  if (chance < 0.75) {
    await node.suspend(random.between(50, 2.5 * MAX_STALENESS_MS));
    return "suspended node";
  }
  const ms = random.between(20, 0.8 * MAX_STALENESS_MS);
  node.tell({ kind: "block", ms });
  await delay(ms);
  return "blocked event loop";
}

/** @param {ClusterTopology} topology @param {number} slot */
async function killMaster(topology, slot) {
  const old = await topology.killMaster(slot);
  await topology.promoted(slot, old);
}

/** @param {ClusterTopology} topology @param {number} slot */
async function suspendMaster(topology, slot) {
  const old = await topology.suspendMaster(slot);
  await topology.promoted(slot, old);
  topology.resume(old);
}

/**
 * For too short a time to be replaced.
 *
 * @param {ClusterTopology} topology
 * @param {number} slot
 * @param {SeededRandom} random
 */
async function hesitate(topology, slot, random) {
  const master = await topology.suspendMaster(slot);
  await delay(random.between(50, 400));
  topology.resume(master);
}

/**
 * @param {"normal" | "pubsub"} type
 * @param {ClusterTopology} topology
 * @param {number} slot
 */
async function killClients(type, topology, slot) {
  await commandOf(await topology.masterOf(slot), "CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
}

/** @param {ClusterTopology} topology @param {number} slot */
async function forgetScripts(topology, slot) {
  await commandOf(await topology.masterOf(slot), "SCRIPT", "FLUSH");
}
