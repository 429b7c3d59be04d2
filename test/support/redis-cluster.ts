import { afterAll, beforeAll } from "vitest";
import { commandOf, type RedisCluster, startRedisCluster } from "../../scripts/redis-cluster.mjs";
import { eventually } from "./eventually.js";
import type { RedisServer } from "./redis-server.js";

const AGREED = { timeoutMs: 30_000 };
const KEYS_AT_ONCE = 100;

/** What a node says of itself. */
interface Self {
  readonly node: RedisServer;
  readonly id: string;
  readonly isMaster: boolean;
  /** The node that it copies; `-`: none. */
  readonly masterId: string;
  readonly epoch: number;
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** The Redis Cluster of a test: three masters with a replica each. */
export class ClusterTopology {
  readonly #cluster: RedisCluster;
  readonly #suspended = new Set<RedisServer>();

  constructor(cluster: RedisCluster) {
    this.#cluster = cluster;
  }

  /** What a client is told of the nodes: all of them. */
  get ports(): number[] {
    return this.nodes.map(({ port }) => port);
  }

  /** All nodes, those that have ended or stand still included. */
  get nodes(): readonly RedisServer[] {
    return this.#cluster.nodes;
  }

  /** The masters that answer. */
  async masters(): Promise<RedisServer[]> {
    return (await this.#selves()).filter(({ isMaster }) => isMaster).map(({ node }) => node);
  }

  /** The master of a slot. Throws while it has none. */
  async masterOf(slot: number): Promise<RedisServer> {
    return (await this.#ownerOf(slot)).node;
  }

  /** The replica of that master. */
  async replicaOf(slot: number): Promise<RedisServer> {
    const { id } = await this.#ownerOf(slot);
    const replica = (await this.#selves()).find(({ masterId }) => masterId === id);
    if (replica === undefined) throw new Error(`The master of slot ${slot} has no replica.`);
    return replica.node;
  }

  /** Makes the replica of a slot its master, without losing anything; resolves when all nodes say so. The old master. */
  async failover(slot: number): Promise<RedisServer> {
    const old = await this.masterOf(slot);
    await commandOf(await this.replicaOf(slot), "CLUSTER", "FAILOVER");
    await this.promoted(slot, old);
    return old;
  }

  /** Ends the master of a slot as a crash would. What it was. Its replica is its successor some seconds later: `promoted()`. */
  async killMaster(slot: number): Promise<RedisServer> {
    const old = await this.masterOf(slot);
    await old.kill();
    return old;
  }

  /** Lets the master of a slot stand still, with all of its connections. What it was. */
  async suspendMaster(slot: number): Promise<RedisServer> {
    const old = await this.masterOf(slot);
    this.#suspended.add(old);
    process.kill(old.pid, "SIGSTOP");
    return old;
  }

  /** Lets a node go on that stood still. */
  resume(node: RedisServer): void {
    if (this.#suspended.delete(node)) process.kill(node.pid, "SIGCONT");
  }

  /** Resolves when another node is the master of a slot, and all that answer say so. */
  async promoted(slot: number, old: RedisServer): Promise<void> {
    await eventually(async () => (await this.masterOf(slot)) !== old && (await this.#agree(slot)), AGREED);
  }

  /** Starts or resumes all nodes that are not there; resolves when all are, find the cluster in order, and have their copies. */
  async settled(): Promise<void> {
    for (const node of this.#suspended) this.resume(node);
    for (const node of this.nodes) {
      await commandOf(node, "PING").catch(() => node.restart());
    }
    await eventually(async () => {
      for (const node of this.nodes) {
        if (!String(await commandOf(node, "CLUSTER", "INFO")).includes("cluster_state:ok")) return false;
        const replication = String(await commandOf(node, "INFO", "replication"));
        if (replication.includes("role:slave") && !replication.includes("master_link_status:up"))
          return false;
      }
      return (await this.masters()).length * 2 === this.nodes.length && (await this.#agree(0));
    }, AGREED);
  }

  /**
   * Moves a slot with its keys to another master; resolves when all nodes say so. The new one.
   *
   * @param between runs when the slot is being moved, and none of its keys has been
   */
  async moveSlot(slot: number, between: () => Promise<unknown> = async () => {}): Promise<RedisServer> {
    const source = await this.#ownerOf(slot);
    const target = (await this.#selves()).find(({ isMaster, id }) => isMaster && id !== source.id) as Self;
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
  async stop(): Promise<void> {
    await this.#cluster.stop();
  }

  async #ownerOf(slot: number): Promise<Self> {
    const owners = (await this.#selves())
      .filter(
        ({ isMaster, slots }) => isMaster && slots.some(([first, last]) => first <= slot && slot <= last),
      )
      .sort((a, b) => b.epoch - a.epoch);
    if (owners[0] === undefined) throw new Error(`Slot ${slot} has no master.`);
    return owners[0];
  }

  /** Whether all nodes that answer name the same master of a slot, and find the cluster in order. */
  async #agree(slot: number): Promise<boolean> {
    const { node: owner } = await this.#ownerOf(slot);
    for (const { node } of await this.#selves()) {
      const info = String(await commandOf(node, "CLUSTER", "INFO"));
      const ranges = (await commandOf(node, "CLUSTER", "SLOTS")) as [number, number, [string, number]][];
      const range = ranges.find(([first, last]) => first <= slot && slot <= last);
      if (!info.includes("cluster_state:ok") || range?.[2][1] !== owner.port) return false;
    }
    return true;
  }

  async #selves(): Promise<Self[]> {
    const nodes = this.nodes.filter((node) => !this.#suspended.has(node));
    const selves = await Promise.all(nodes.map((node) => selfOf(node).catch(() => [])));
    return selves.flat();
  }
}

/** Reads the line of `CLUSTER NODES` that a node writes about itself: id, address, flags, master, two times, epoch, link, slots. */
async function selfOf(node: RedisServer): Promise<Self> {
  const lines = String(await commandOf(node, "CLUSTER", "NODES")).split("\n");
  const line = lines.find((text) => text.includes("myself")) ?? "";
  const [id = "", , flags = "", masterId = "", , , epoch, , ...ranges] = line.split(" ");
  const slots = ranges.flatMap((range): [number, number][] => {
    const [first = "", last = first] = range.split("-");
    return range.startsWith("[") ? [] : [[Number(first), Number(last)]]; // in brackets: one that is being moved
  });
  return { node, id, isMaster: flags.includes("master"), masterId, epoch: Number(epoch), slots };
}

async function moveKeys(slot: number, source: RedisServer, target: RedisServer): Promise<void> {
  for (;;) {
    const keys = await commandOf(source, "CLUSTER", "GETKEYSINSLOT", `${slot}`, `${KEYS_AT_ONCE}`);
    if ((keys as string[]).length === 0) return;
    const to = ["127.0.0.1", `${target.port}`, "", "0", "5000"];
    await commandOf(source, "MIGRATE", ...to, "KEYS", ...(keys as string[]));
  }
}

/** Gives the tests of one file a Redis Cluster of their own. */
export function useRedisCluster(options?: Parameters<typeof startRedisCluster>[0]): {
  readonly topology: ClusterTopology;
} {
  let topology: ClusterTopology | undefined;
  beforeAll(async () => {
    topology = new ClusterTopology(await startRedisCluster(options));
  }, 60_000);
  afterAll(() => topology?.stop());
  return {
    get topology() {
      if (topology === undefined)
        throw new Error("The cluster of useRedisCluster() runs only while tests run.");
      return topology;
    },
  };
}
