import { CLOCK_METHODS, type Clock, systemClock } from "../clock.js";
import { Events, LOGGER_METHODS, type Logger } from "../events.js";
import {
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_PREFIX,
  DEFAULT_REMEMBER_MS,
  requireDelayMs,
  requireKnownOptions,
  requireMethods,
  requireName,
} from "../options.js";
import type { RedisClient } from "../redis/detect.js";
import { type Partitioned, partitionsOf } from "../redis/partitions.js";
import { type MembershipOptions, resolveMembership } from "./membership.js";
import { type CoherenceTarget, PartitionCoordinator } from "./partition-coordinator.js";
import {
  type CoordinatorEvents,
  type CoordinatorState,
  type CoordinatorStats,
  sumOfStats,
  worstOfStates,
} from "./report.js";

/** Which node this is, whom it listens to, and for how long it trusts what it heard. */
export interface ClusterCoordinatorOptions extends MembershipOptions {
  /** A client of `redis` or `ioredis`. The subscriptions use duplicates of it; beats go through the client itself. */
  client: RedisClient;
  /** What is told; for several partitions, what each of them tells. */
  target: CoherenceTarget | ((partition: number) => CoherenceTarget);
  /** What stands before an id in its Redis key. Default `"sess:"`. */
  prefix?: string;
  /** How long a beat may wait for its reply, in milliseconds. Default 1,000. */
  commandTimeoutMs?: number;
  /** How long a deletion is remembered, in milliseconds: not longer than its tombstone lives. Default ten minutes. */
  rememberDeletedMs?: number;
  /** How long a revoked user is remembered, in milliseconds: at least as long as the target may hold a session. Default ten minutes. */
  rememberUsersMs?: number;
  /** Told when the node can and cannot serve from memory. Default: nobody. */
  logger?: Logger;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
}

const OPTIONS = (
  "client target prefix nodeId channel subscribeTimeoutMs maxStalenessMs partitions pubsub invalidation commandTimeoutMs rememberDeletedMs " +
  "rememberUsersMs logger clock"
).split(" ");

/**
 * Keeps one node coherent with the others: one coordinator for each partition of the sessions. A single server has one partition; each of a
 * Redis Cluster has a lease of its own, so that the loss of a shard stops answers from memory for its partitions only.
 *
 * `ClusteredRedisStore` owns one; alone it keeps any other memory of sessions coherent.
 */
export class ClusterCoordinator extends Events<CoordinatorEvents> {
  readonly nodeId: string;
  /** Where nodes tell each other what changed; the channel of a partition has its hash tag in addition. */
  readonly channel: string;
  /** The coordinator of each partition. */
  readonly partitions: Partitioned<PartitionCoordinator>;
  /** The partitions that hold their lease. */
  readonly #held = new Set<PartitionCoordinator>();

  constructor(options: ClusterCoordinatorOptions) {
    super();
    requireKnownOptions("cluster.", options, OPTIONS);
    const {
      client,
      target,
      prefix = DEFAULT_PREFIX,
      commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS,
      rememberDeletedMs = DEFAULT_REMEMBER_MS,
      rememberUsersMs = DEFAULT_REMEMBER_MS,
      logger,
      clock = systemClock,
    } = options;
    const membership = resolveMembership(options);
    const { nodeId, channel, subscribeTimeoutMs, maxStalenessMs, partitions, pubsub, invalidation } =
      membership;
    requireName("prefix", prefix);
    requireDelayMs("commandTimeoutMs", commandTimeoutMs);
    requireDelayMs("rememberDeletedMs", rememberDeletedMs);
    requireDelayMs("rememberUsersMs", rememberUsersMs);
    requireMethods("clock", clock, CLOCK_METHODS);
    if (logger !== undefined) requireMethods("logger", logger, LOGGER_METHODS);
    this.nodeId = nodeId;
    this.channel = channel;
    const layout = { partitions, pubsub, clock, timeoutMs: commandTimeoutMs };
    const remembered = { rememberDeletedMs, rememberUsersMs };
    const bounds = { subscribeTimeoutMs, maxStalenessMs, invalidation, commandTimeoutMs, ...remembered };
    this.partitions = partitionsOf({ ...layout, client, prefix, channel }).map(
      ({ port, prefix, channel = "" }, partition) => {
        const ofPartition = typeof target === "function" ? target(partition) : target;
        return this.#heard(
          new PartitionCoordinator({
            ...bounds,
            port,
            prefix,
            channel,
            nodeId,
            clock,
            logger,
            target: ofPartition,
          }),
        );
      },
    );
  }

  /** Whether it was started and not closed. */
  get running(): boolean {
    return this.partitions.all.every(({ running }) => running);
  }

  /** Whether every partition has a subscription that has proved itself: every change from now on is told to the target, or it is flushed. */
  get ready(): boolean {
    return this.partitions.all.every(({ ready }) => ready);
  }

  /** Whether memory may answer for every partition, and for how long without another beat. */
  get lease(): { held: boolean; remainingMs: number } {
    const remainingMs = Math.min(...this.partitions.all.map(({ lease }) => lease.remainingMs));
    return { held: remainingMs > 0, remainingMs };
  }

  /** How the partition stands that stands worst; each says for itself in `partitions`. */
  get state(): CoordinatorState {
    return worstOfStates(this.partitions.all.map(({ state }) => state));
  }

  /** Counts since construction, of all partitions together. */
  stats(): CoordinatorStats {
    return sumOfStats(this.partitions.all.map((partition) => partition.stats()));
  }

  /**
   * Subscribes, and resolves when the first lease of each partition is held. Rejects with a `SubscribeTimeoutError` after
   * `subscribeTimeoutMs`, and goes on trying in the background then.
   */
  async start(): Promise<void> {
    await Promise.all(this.partitions.all.map((partition) => partition.start()));
  }

  /** Gives up all leases, closes the subscriptions, and leaves the registries: nobody has to wait for this node any more. */
  async close(): Promise<void> {
    await Promise.all(this.partitions.all.map((partition) => partition.close()));
  }

  /** Tells what a partition tells. `lease-held` when the last one holds its lease, `lease-lost` when the first one has lost it. */
  #heard(partition: PartitionCoordinator): PartitionCoordinator {
    partition.on("lease-held", () => {
      this.#held.add(partition);
      if (this.#held.size === this.partitions.all.length) this.announce("lease-held");
    });
    partition.on("lease-lost", (reason) => {
      const heldAll = this.#held.size === this.partitions.all.length;
      this.#held.delete(partition);
      if (heldAll) this.announce("lease-lost", reason);
    });
    partition.on("flush", (reason) => this.announce("flush", reason));
    partition.on("invalidated", (id) => this.tell("invalidated", id));
    partition.on("revoked", (id) => this.tell("revoked", id));
    partition.on("session-ended", (ended) => this.tell("session-ended", ended));
    return partition;
  }
}
