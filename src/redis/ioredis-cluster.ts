import { ClusterNode, type ClusterNodes } from "./cluster-node.js";
import { type IoredisClient, IoredisPort } from "./ioredis.js";

/** What we call of a `Cluster` of ioredis (versions 5 and 6). */
export interface IoredisClusterClient {
  /** The addresses of the nodes of each slot, the master's first. */
  readonly slots: readonly (readonly string[])[];
  readonly isCluster: boolean;
  readonly status: string;
  connect(): Promise<void>;
  nodes(): IoredisClusterNode[];
  refreshSlotsCache(callback: () => void): void;
  readonly options: {
    readonly keyPrefix?: string | undefined;
    readonly redisOptions?: { readonly keyPrefix?: string | undefined } | undefined;
    readonly natMap?: NatMap | undefined;
  };
}

interface IoredisClusterNode extends IoredisClient {
  connect(): Promise<unknown>;
  readonly options: { readonly host?: string; readonly port?: number; readonly keyPrefix?: unknown };
}

interface NatAddress {
  readonly host: string;
  readonly port: number;
}

type NatMap = Readonly<Record<string, NatAddress>> | ((address: string) => NatAddress | null);

const ignore = () => {};

/** The nodes that a `Cluster` of ioredis knows. */
export class IoredisNodes implements ClusterNodes {
  readonly canTrack = false;
  readonly #cluster: IoredisClusterClient;
  /** By the address at which the client connects to it. */
  readonly #clients = new Map<string, IoredisClusterNode>();
  readonly #nodes = new WeakMap<IoredisClusterNode, ClusterNode>();

  constructor(cluster: IoredisClusterClient) {
    this.#cluster = cluster;
  }

  get isClosed(): boolean {
    return this.#cluster.status === "end";
  }

  master(slot: number): ClusterNode | undefined {
    const cluster = this.#cluster;
    if (cluster.status === "wait") cluster.connect().catch(ignore); // it was told to connect only when it is used
    const address = cluster.slots[slot]?.[0];
    return address === undefined ? undefined : this.#connected(address);
  }

  at(address: string): ClusterNode | undefined {
    const { natMap } = this.#cluster.options;
    const mapped = typeof natMap === "function" ? natMap(address) : natMap?.[address];
    return this.#connected(mapped ? `${mapped.host}:${mapped.port}` : address);
  }

  /** ioredis learns a new table when a node says `MOVED`, or at intervals if it was told so. */
  refresh(): Promise<void> {
    const cluster = this.#cluster;
    return new Promise((resolve) => {
      if (cluster.status === "ready") cluster.refreshSlotsCache(() => resolve());
      else resolve();
    });
  }

  #connected(address: string): ClusterNode | undefined {
    const client = this.#clients.get(address);
    if (client?.status === "ready") return this.#nodeOf(address, client);
    this.#clients.clear();
    for (const other of this.#cluster.nodes()) {
      this.#clients.set(`${other.options.host}:${other.options.port}`, other);
    }
    const found = this.#clients.get(address);
    if (found?.status === "ready") return this.#nodeOf(address, found);
    if (found?.status === "wait") found.connect().catch(ignore);
    return undefined;
  }

  #nodeOf(address: string, client: IoredisClusterNode): ClusterNode {
    let node = this.#nodes.get(client);
    if (node === undefined) {
      node = new ClusterNode(address, new IoredisPort(client));
      this.#nodes.set(client, node);
    }
    return node;
  }
}
