import type { Clock } from "../clock.js";
import { InvalidOptionError } from "../errors.js";
import { hashTags, slotOf } from "./cluster-slots.js";
import { clusterPortOf, portOf, type RedisClient } from "./detect.js";
import { Layout } from "./layout.js";
import type { PubSubMode, RedisPort } from "./port.js";

/** How the sessions of a Redis Cluster are split among its slots. The same on all nodes, and for ever. Without meaning on a single server. */
export interface PartitionOptions {
  /** Into how many partitions the sessions of a Redis Cluster are split: 1 to 256. Default 16. */
  partitions?: number;
  /**
   * How nodes tell each other what changed on a Redis Cluster: `"sharded"` (Redis 7: within the shard that holds the session) or `"plain"`, where
   * the servers are older or a proxy forbids that. Default `"sharded"`.
   */
  pubsub?: PubSubMode;
}

export interface PartitionsRequest extends Readonly<Required<PartitionOptions>> {
  readonly client: RedisClient;
  readonly prefix: string;
  readonly channel: string | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** The sessions that share one chain, one channel and one lease; on a Redis Cluster, one slot. */
export interface Partition {
  readonly port: RedisPort;
  /** What stands before an id in its keys. */
  readonly prefix: string;
  /** What stands before it in the keys of all partitions. */
  readonly commonPrefix: string;
  readonly channel: string | undefined;
}

/** One thing for each partition, found by a session's id. */
export class Partitioned<P> {
  readonly all: readonly P[];
  readonly #only: P | undefined;

  constructor(all: readonly P[]) {
    this.all = all;
    this.#only = all.length === 1 ? all[0] : undefined;
  }

  /** That of the partition which this session is in. On the hot path. */
  of(id: string): P {
    return this.#only ?? this.at(this.indexOf(id));
  }

  /** That of the partition with this number. */
  at(index: number): P {
    return this.all[index] as P;
  }

  /** The number of that partition: by the hash of the id. What is no id is refused by whoever is asked for it. */
  indexOf(id: string): number {
    return typeof id === "string" ? fnv1a(id) % this.all.length : 0;
  }

  /** The same ids by partition. */
  group(ids: readonly string[]): Map<P, string[]> {
    const groups = new Map<P, string[]>();
    for (const id of ids) {
      const group = groups.get(this.of(id));
      if (group === undefined) groups.set(this.of(id), [id]);
      else group.push(id);
    }
    return groups;
  }

  map<R>(make: (partition: P, index: number) => R): Partitioned<R> {
    return new Partitioned(this.all.map(make));
  }

  /** The sum of a number that each has. */
  sum(count: (partition: P) => number): number {
    return this.all.reduce((total, partition) => total + count(partition), 0);
  }
}

/**
 * FNV-1a of a text's UTF-16 code units, in 32 bits: https://datatracker.ietf.org/doc/html/draft-eastlake-fnv. A third of the time of the CRC16 by
 * which Redis places keys, and it allocates nothing.
 */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The partitions that a client's server or cluster has, and what must be found out before they are used. */
export function partitionsOf(request: PartitionsRequest): Partitioned<Partition> {
  const { client, prefix, channel, partitions, pubsub, clock, timeoutMs } = request;
  const cluster = clusterPortOf(client);
  if (cluster === undefined)
    return new Partitioned([{ port: portOf(client), prefix, commonPrefix: prefix, channel }]);
  requireNoBraces("prefix", prefix);
  if (channel !== undefined) requireNoBraces("channel", channel);
  const all = hashTags(partitions).map((tag) => ({
    port: cluster.slot(slotOf(tag), pubsub),
    prefix: `${prefix}{${tag}}`,
    commonPrefix: `${prefix}{`,
    channel: channel === undefined ? undefined : `${channel}{${tag}}`,
  }));
  const [first] = all as [Partition];
  const layout = new Layout({ ...first, prefix, partitions, pubsub, clock, timeoutMs });
  return new Partitioned(
    all.map((partition) => ({ ...partition, port: layout.guard(partition.port, partition.channel) })),
  );
}

function requireNoBraces(option: string, value: string): void {
  if (/[{}]/.test(value)) {
    throw new InvalidOptionError(
      option,
      "without braces on a Redis Cluster, where each partition adds its own",
      value,
    );
  }
}
