import { setTimeout as delay } from "node:timers/promises";
import { commandOf, until } from "../redis-cluster.mjs";
import { MAX_STALENESS_MS, nowMs } from "./settings.mjs";

/** @typedef {import("../cluster-topology.mjs").ClusterTopology} ClusterTopology */
/** @typedef {import("../../dist/testing/index.js").SeededRandom} SeededRandom */
/** @typedef {import("./record.mjs").Period} Period */
/** @typedef {import("./soak-node.mjs").SoakNode} SoakNode */

/** @typedef {import("./sessions.mjs").Sessions} Sessions */

/**
 * Where a fault happens: at the master of a slot. What was acknowledged before `replicatedAtMs` is with its replica.
 *
 * @typedef {{ topology: ClusterTopology, slot: number, sessions: Sessions, random: SeededRandom, replicatedAtMs: number }} Place
 */

/**
 * `cause` resolves when the fault is over, with the times in which that master may have acknowledged what its successor does not have.
 * `moves`: what is written to another replicated history then.
 *
 * @typedef {{ name: string, moves?: "slot" | "master", cause: (place: Place) => Promise<Period[]> }} ServerFault
 */

/** @type {[ServerFault, ...ServerFault[]]} */
const SERVER_FAULTS = [
  {
    name: "failover on demand",
    moves: "master",
    cause: harmless(({ topology, slot }) => topology.failover(slot)),
  },
  { name: "killed master", moves: "master", cause: killMaster },
  { name: "killed master with changes of its own", moves: "master", cause: killMasterAhead },
  { name: "suspended master", moves: "master", cause: suspendMaster },
  { name: "master suspended briefly", cause: harmless(hesitate) },
  { name: "moved slot", moves: "slot", cause: harmless(({ topology, slot }) => topology.moveSlot(slot)) },
  { name: "killed subscriptions", cause: telling("CLIENT", "KILL", "TYPE", "pubsub") },
  { name: "killed connections", cause: telling("CLIENT", "KILL", "TYPE", "normal") },
  { name: "forgotten scripts", cause: telling("SCRIPT", "FLUSH") },
];

const FORCED = ["killed master", "killed master with changes of its own", "suspended master"];

/**
 * Whether a master was lost by force, among faults that were caused or attempted.
 *
 * @param {Record<string, number>} done
 */
export function losesMaster(done) {
  return FORCED.some((name) => name in done || `attempted ${name}` in done);
}

/**
 * All of them, each once, in an order of the seed that begins with one by which a master is lost: a short soak has time for a few.
 *
 * @param {Pick<SeededRandom, "pick">} random
 */
export function eachFaultOnce(random) {
  const rest = [...SERVER_FAULTS];
  /** @type {ServerFault[]} */
  const order = [];
  const isFirst = (/** @type {ServerFault} */ { name }) => FORCED.includes(name);
  while (rest.length > 0) {
    const [next, ...others] = order.length === 0 ? rest.filter(isFirst) : rest;
    if (next === undefined) break;
    const chosen = random.pick([next, ...others]);
    order.push(...rest.splice(rest.indexOf(chosen), 1));
  }
  return order;
}

/** Causes faults of the servers, one after the other, and tells the record when each may have lost something. */
export class ServerFaults {
  #topology;
  #slots;
  #sessions;
  #record;
  #random;
  /** The history that each partition's master replicates. @type {string[]} */
  #histories = [];
  #replicatedAtMs = nowMs();
  #done;
  /** Those that were not caused yet. */
  #first;

  /**
   * @param {ClusterTopology} topology
   * @param {readonly number[]} slots of each partition
   * @param {Sessions} sessions
   * @param {import("./record.mjs").SoakRecord} record
   * @param {Record<string, number>} done counts them
   * @param {SeededRandom} random
   */
  constructor(topology, slots, sessions, record, done, random) {
    this.#topology = topology;
    this.#slots = slots;
    this.#sessions = sessions;
    this.#record = record;
    this.#done = done;
    this.#random = random;
    this.#first = eachFaultOnce(random);
  }

  /**
   * Waits until all is replicated, and makes sure that no other master was replaced: that happens by itself where machines are too slow.
   *
   * @param {readonly number[]} moved the partitions whose master should be another one
   */
  async check(moved = []) {
    const atMs = nowMs();
    /** @type {string[]} */
    let histories = [];
    await until(async () => {
      await this.#topology.replicated();
      histories = await Promise.all(this.#slots.map((slot) => this.#topology.historyOf(slot)));
    });
    for (const [partition, before] of this.#histories.entries()) {
      if (histories[partition] === before || moved.includes(partition)) continue;
      this.#record.lost(partition, { sinceMs: this.#replicatedAtMs, untilMs: nowMs() });
      this.#count("partition failed over by itself");
    }
    this.#histories = histories;
    this.#replicatedAtMs = atMs;
  }

  /** Causes one fault. Resolves when the servers are in order again. */
  async cause() {
    await this.check();
    const fault = this.#first.shift() ?? this.#random.pick(SERVER_FAULTS);
    const partition = this.#random.below(this.#slots.length);
    const all = [...this.#slots.keys()];
    const sharing = all.filter((other) => this.#histories[other] === this.#histories[partition]);
    const succeeded = await this.#try(fault, this.#slots[partition] ?? 0, sharing);
    try {
      await this.#topology.settled();
    } finally {
      this.#count(succeeded ? fault.name : `attempted ${fault.name}`);
      if (!succeeded) this.#lost(all, { sinceMs: this.#replicatedAtMs, untilMs: nowMs() });
    }
    const moved = fault.moves === "slot" ? [partition] : fault.moves === "master" ? sharing : [];
    await this.check(succeeded ? moved : all);
  }

  /**
   * Whether a fault could be caused: not where machines are too slow, and masters are replaced meanwhile that were only waited for.
   *
   * @param {ServerFault} fault
   * @param {number} slot
   * @param {readonly number[]} sharing the partitions with the same master
   */
  async #try({ cause }, slot, sharing) {
    try {
      const losses = await cause({
        topology: this.#topology,
        slot,
        sessions: this.#sessions,
        random: this.#random,
        replicatedAtMs: this.#replicatedAtMs,
      });
      for (const loss of losses) this.#lost(sharing, loss);
      return true;
    } catch {
      return false;
    }
  }

  /** @param {readonly number[]} partitions @param {Period} period */
  #lost(partitions, period) {
    for (const partition of partitions) this.#record.lost(partition, period);
  }

  /** @param {string} what */
  #count(what) {
    this.#done[what] = (this.#done[what] ?? 0) + 1;
  }
}

/**
 * Causes a fault of one of the nodes, and resolves when it is over. What it was.
 *
 * @param {ClusterTopology} topology
 * @param {readonly SoakNode[]} nodes
 * @param {readonly SoakNode[]} mortal those that may be killed
 * @param {SeededRandom} random
 */
export async function causeNodeFault(topology, nodes, mortal, random) {
  const chance = random.next();
  if (chance < 0.2) {
    await random.pick(/** @type {[SoakNode, ...SoakNode[]]} */ (mortal)).restart();
    return "killed node";
  }
  const node = random.pick(/** @type {[SoakNode, ...SoakNode[]]} */ (nodes));
  const ms = random.between(50, 2.5 * MAX_STALENESS_MS);
  if (chance < 0.4) {
    await node.suspend(ms);
    return "suspended node";
  }
  if (chance < 0.7) {
    await node.suspend(ms, () => killSubscriptions(topology));
    return "suspended node that loses its subscriptions";
  }
  node.tell({ kind: "block", ms });
  await delay(ms);
  return "blocked event loop";
}

/** @param {ClusterTopology} topology */
async function killSubscriptions(topology) {
  for (const master of await topology.masters()) {
    void commandOf(master, "CLIENT", "KILL", "TYPE", "pubsub").catch(() => {}); // it may be about to fail
  }
}

/**
 * A fault that loses nothing.
 *
 * @param {(place: Place) => Promise<unknown>} cause
 * @returns {ServerFault["cause"]}
 */
function harmless(cause) {
  return (place) => cause(place).then(() => []);
}

/** @param {...string} command */
function telling(...command) {
  return harmless(async ({ topology, slot }) => commandOf(await topology.masterOf(slot), ...command));
}

/** @param {Place} place */
async function killMaster({ topology, slot, replicatedAtMs }) {
  const old = await topology.killMaster(slot);
  const untilMs = nowMs();
  await topology.promoted(slot, old);
  return [{ sinceMs: replicatedAtMs, untilMs }];
}

/**
 * What it acknowledges last is lost for sure: its replica stands still, and has nothing of it in a socket.
 *
 * @param {Place} place
 */
async function killMasterAhead(place) {
  const { topology, slot, sessions, random } = place;
  const [master, replica] = [await topology.masterOf(slot), await topology.replicaOf(slot)];
  topology.suspend(replica);
  await commandOf(master, "CLIENT", "KILL", "TYPE", "replica");
  if (random.chance(0.5)) sessions.endAll();
  await delay(random.between(50, 400));
  await master.kill();
  const untilMs = nowMs();
  topology.resume(replica);
  await topology.promoted(slot, master);
  return [{ sinceMs: place.replicatedAtMs, untilMs }];
}

/**
 * When it goes on, it does not know of its successor at once.
 *
 * @param {Place} place
 */
async function suspendMaster({ topology, slot, replicatedAtMs }) {
  const old = await topology.suspendMaster(slot);
  const stoppedAtMs = nowMs();
  await topology.promoted(slot, old);
  const resumedAtMs = nowMs();
  topology.resume(old);
  await topology.demoted(old);
  return [
    { sinceMs: replicatedAtMs, untilMs: stoppedAtMs },
    { sinceMs: resumedAtMs, untilMs: nowMs() },
  ];
}

/**
 * For too short a time to be replaced.
 *
 * @param {Place} place
 */
async function hesitate({ topology, slot, random }) {
  const master = await topology.suspendMaster(slot);
  await delay(random.between(50, 400));
  topology.resume(master);
}
