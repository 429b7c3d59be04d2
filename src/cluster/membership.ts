import { randomUUID } from "node:crypto";
import {
  DEFAULT_CHANNEL,
  DEFAULT_INVALIDATION,
  DEFAULT_MAX_STALENESS_MS,
  DEFAULT_PARTITIONS,
  DEFAULT_PUBSUB,
  DEFAULT_SUBSCRIBE_TIMEOUT_MS,
  requireDelayMs,
  requireInvalidation,
  requireName,
  requirePartitions,
  requirePubSub,
} from "../options.js";
import type { PartitionOptions } from "../redis/partitions.js";

/** How nodes hear of changes: each of all, by Pub/Sub, or each of what it has read, by the server. */
export type Invalidation = "broadcast" | "tracking";

/** Which node of a cluster this is, and for how long it trusts what it heard from the others. */
export interface MembershipOptions extends PartitionOptions {
  /** Names this node; must differ from those of all others. Default a random UUID. */
  nodeId?: string;
  /** Where nodes tell each other what changed. Default `"session:cluster:invalidate"`. */
  channel?: string;
  /** How long `start()` waits for the first lease, in milliseconds. Default 5,000. */
  subscribeTimeoutMs?: number;
  /** The bound on staleness, in milliseconds: how long one beat allows answering from memory. Default 2,000. */
  maxStalenessMs?: number;
  /**
   * How this node hears of changes: `"broadcast"`: every node is told of every change; `"tracking"`: the server tells each node what becomes of the
   * sessions that it has read (CLIENT TRACKING), for which a client of node-redis is needed. Default `"broadcast"`.
   */
  invalidation?: Invalidation;
}

/** Resolves and checks them; an error names an option as one of `cluster`. */
export function resolveMembership({
  nodeId = randomUUID(),
  channel = DEFAULT_CHANNEL,
  subscribeTimeoutMs = DEFAULT_SUBSCRIBE_TIMEOUT_MS,
  maxStalenessMs = DEFAULT_MAX_STALENESS_MS,
  partitions = DEFAULT_PARTITIONS,
  pubsub = DEFAULT_PUBSUB,
  invalidation = DEFAULT_INVALIDATION,
}: MembershipOptions): Readonly<Required<MembershipOptions>> {
  requireName("cluster.nodeId", nodeId);
  requireName("cluster.channel", channel);
  requireDelayMs("cluster.subscribeTimeoutMs", subscribeTimeoutMs);
  requireDelayMs("cluster.maxStalenessMs", maxStalenessMs);
  requirePartitions("cluster.partitions", partitions);
  requirePubSub("cluster.pubsub", pubsub);
  requireInvalidation("cluster.invalidation", invalidation);
  return { nodeId, channel, subscribeTimeoutMs, maxStalenessMs, partitions, pubsub, invalidation };
}
