import { randomUUID } from "node:crypto";
import {
  DEFAULT_CHANNEL,
  DEFAULT_MAX_STALENESS_MS,
  DEFAULT_PARTITIONS,
  DEFAULT_PUBSUB,
  DEFAULT_SUBSCRIBE_TIMEOUT_MS,
  requireDelayMs,
  requireName,
  requirePartitions,
  requirePubSub,
} from "../options.js";
import type { PartitionOptions } from "../redis/partitions.js";

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
}

/** Resolves and checks them; an error names an option as one of `cluster`. */
export function resolveMembership({
  nodeId = randomUUID(),
  channel = DEFAULT_CHANNEL,
  subscribeTimeoutMs = DEFAULT_SUBSCRIBE_TIMEOUT_MS,
  maxStalenessMs = DEFAULT_MAX_STALENESS_MS,
  partitions = DEFAULT_PARTITIONS,
  pubsub = DEFAULT_PUBSUB,
}: MembershipOptions): Readonly<Required<MembershipOptions>> {
  requireName("cluster.nodeId", nodeId);
  requireName("cluster.channel", channel);
  requireDelayMs("cluster.subscribeTimeoutMs", subscribeTimeoutMs);
  requireDelayMs("cluster.maxStalenessMs", maxStalenessMs);
  requirePartitions("cluster.partitions", partitions);
  requirePubSub("cluster.pubsub", pubsub);
  return { nodeId, channel, subscribeTimeoutMs, maxStalenessMs, partitions, pubsub };
}
