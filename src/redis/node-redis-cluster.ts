import { ClusterNode, type ClusterNodes } from "./cluster-node.js";
import { type NodeRedisClient, NodeRedisPort } from "./node-redis.js";

/** What we call of a cluster client of node-redis (versions 5 and 6), made by `createCluster()`. */
export interface NodeRedisClusterClient {
  readonly slots: readonly { readonly master: NodeRedisClusterNode }[];
  readonly masters: readonly NodeRedisClusterNode[];
  readonly nodeByAddress: ReadonlyMap<string, NodeRedisClusterNode>;
  nodeClient(node: NodeRedisClusterNode): Promise<NodeRedisClient>;
  readonly isOpen: boolean;
  /**
   * Asks a node for the table of slots, with the options of the client that it is given, and then others. Internal to node-redis, but
   * typed and the same in both versions, which have different names for what it takes.
   */
  readonly _slots: { rediscover(startWith: never): Promise<void> };
  readonly _options: { readonly rootNodes: readonly object[] };
  readonly _keyPrefix?: unknown;
}

/** What we use of a node as a cluster client of node-redis keeps it. */
interface NodeRedisClusterNode {
  readonly address: string;
  /** Whether its connection began as that of a replica. */
  readonly readonly: boolean;
  readonly client?: NodeRedisClusterNodeClient | undefined;
}

interface NodeRedisClusterNodeClient extends NodeRedisClient {
  on(event: string, listener: () => void): unknown;
}

const ignore = () => {};

/** The nodes that a cluster client of node-redis knows. */
export class NodeRedisNodes implements ClusterNodes {
  readonly canTrack = true;
  readonly #cluster: NodeRedisClusterClient;
  readonly #nodes = new WeakMap<NodeRedisClient, ClusterNode>();
  /** The trials whether a node answers that are not over: one that stands still is not asked again and again. */
  readonly #trials = new Map<NodeRedisClient, Promise<NodeRedisClient>>();

  constructor(cluster: NodeRedisClusterClient) {
    this.#cluster = cluster;
  }

  get isClosed(): boolean {
    return !this.#cluster.isOpen;
  }

  master(slot: number): ClusterNode | undefined {
    return this.#connected(this.#cluster.slots[slot]?.master);
  }

  at(address: string): ClusterNode | undefined {
    return this.#connected(this.#cluster.nodeByAddress.get(address));
  }

  /**
   * Version 5 learns a new table only from a node that says `MOVED`, version 6 also when a connection is away for five seconds. It is
   * asked of a node that answers: a search that began at one which stands still would not end, and no other could begin.
   */
  async refresh(): Promise<void> {
    const { masters, _slots, _options } = this.#cluster;
    if (masters.length === 0) return; // it has not connected yet
    const clients = masters.flatMap(({ client }) => (client?.isReady ? client : []));
    const startWith = clients.length > 0 ? await Promise.any(clients.map((c) => this.#tried(c))) : undefined;
    const options = (startWith?.options ?? _options.rootNodes[0]) as NodeRedisClient["options"];
    // copied, for node-redis changes what it is given here
    await _slots.rediscover({ options: { ...options, socket: { ...options?.socket } } } as never);
  }

  #connected(node: NodeRedisClusterNode | undefined): ClusterNode | undefined {
    if (node === undefined) return undefined;
    const { client } = node;
    if (client?.isReady) return this.#nodes.get(client) ?? this.#added(node, client);
    if (client === undefined) this.#cluster.nodeClient(node).catch(ignore);
    return undefined;
  }

  #added({ address, readonly }: NodeRedisClusterNode, client: NodeRedisClusterNodeClient): ClusterNode {
    const node = new ClusterNode(address, new NodeRedisPort(client));
    this.#nodes.set(client, node);
    if (readonly) neverFromReplica(client);
    return node;
  }

  #tried(client: NodeRedisClient): Promise<NodeRedisClient> {
    const running = this.#trials.get(client);
    if (running) return running;
    const trial = client.sendCommand(["PING"]).then(() => client);
    this.#trials.set(client, trial);
    trial.catch(ignore).finally(() => this.#trials.delete(client));
    return trial;
  }
}

/**
 * Takes back what a client told its server as long as that was a replica. It is a master now, but when it is none any more it must
 * refuse our reads, and not answer them with what is old.
 */
function neverFromReplica(client: NodeRedisClusterNodeClient): void {
  const takeBack = () => client.sendCommand(["READWRITE"]).catch(ignore);
  client.on("ready", takeBack);
  takeBack();
}
