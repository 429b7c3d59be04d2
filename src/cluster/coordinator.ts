import { CLOCK_METHODS, type Clock, systemClock, type Timer } from "../clock.js";
import { StoreClosedError, SubscribeTimeoutError } from "../errors.js";
import { Events, LOGGER_METHODS, type Logger } from "../events.js";
import {
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_PREFIX,
  requireDelayMs,
  requireKnownOptions,
  requireMethods,
  requireName,
} from "../options.js";
import { RedisCommands } from "../redis/commands.js";
import { portOf, type RedisClient } from "../redis/detect.js";
import { BEAT } from "../redis/scripts/beat.js";
import { chainKey } from "../redis/session-table.js";
import { newTag } from "../session/record.js";
import { Beats } from "./beats.js";
import { Chain } from "./chain.js";
import { Lease } from "./lease.js";
import { type MembershipOptions, resolveMembership } from "./membership.js";
import { type BeatMessage, type ChangeMessage, decodeMessage, type Unreadable } from "./message.js";
import { Subscriber } from "./subscriber.js";

/** What a node's memory does when something changed. Called synchronously, in the order in which Redis ran the writes. */
export interface CoherenceTarget {
  /** The session was written: whatever is held of it is outdated, unless it is the write `tag` itself. */
  changed(id: string, tag: string): void;
  /** The session was deleted. */
  deleted(id: string): void;
  /** Anything may have changed. */
  flush(): void;
}

/** Which node this is, whom it listens to, and for how long it trusts what it heard. */
export interface ClusterCoordinatorOptions extends MembershipOptions {
  /** A client of `redis` or `ioredis`. The subscription uses a duplicate of it; beats go through the client itself. */
  client: RedisClient;
  /** What is told. */
  target: CoherenceTarget;
  /** What stands before an id in its Redis key. Default `"sess:"`. */
  prefix?: string;
  /** How long a beat may wait for its reply, in milliseconds. Default 1,000. */
  commandTimeoutMs?: number;
  /** Told when the node can and cannot serve from memory. Default: nobody. */
  logger?: Logger;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
}

const OPTIONS =
  "client target prefix nodeId channel subscribeTimeoutMs maxStalenessMs commandTimeoutMs logger clock".split(
    " ",
  );

/** Why all of a node's memory was dropped. */
export type FlushReason =
  | "lease-held"
  | "subscription-lost"
  | "message-missed"
  | "message-unreadable"
  | "cleared"
  | "closed";

/** What a `ClusterCoordinator` tells, with what its listeners receive. */
export interface CoordinatorEvents {
  /** The first beat came back on a new subscription: memory may answer from now on. */
  "lease-held": [];
  /** The subscription was lost: memory may not answer until the next `lease-held`. With the reason, for people. */
  "lease-lost": [reason: string];
  /** All that was cached is dropped. */
  flush: [reason: FlushReason];
}

/** What a `ClusterCoordinator` has sent, heard and dropped. */
export interface CoordinatorStats {
  /** Subscriptions that were opened. */
  subscriptions: number;
  beatsSent: number;
  /** Beats that came back, each renewing the lease. */
  beatsReturned: number;
  /** Beats that Redis refused or did not answer in time. */
  beatsFailed: number;
  /** Changes that other nodes told. */
  changesReceived: number;
  /** This node's own changes that came back: they keep the chain, and cost no copy. */
  changesEchoed: number;
  /** Messages that were skipped, by reason; those of a store with another prefix count as foreign. */
  skipped: Record<Unreadable["reason"], number>;
  /** Gaps found in the chain of writes. */
  chainBreaks: number;
  flushes: number;
}

/** Beats per lease: three may be lost before the lease is. */
const BEATS_PER_LEASE = 4;
/** Beats that may wait for Redis at a time. */
const MAX_PENDING_BEATS = 2 * BEATS_PER_LEASE;

/**
 * Keeps one node coherent with the others: holds the subscription, the lease and the chain, and tells the cache what to drop.
 * Why this bounds staleness is argued in `docs/internals/protocol.md`.
 *
 * `ClusteredRedisStore` owns one; alone it keeps any other memory of sessions coherent.
 */
export class ClusterCoordinator extends Events<CoordinatorEvents> {
  readonly nodeId: string;
  readonly channel: string;
  readonly #commands: RedisCommands;
  readonly #subscriber: Subscriber;
  readonly #target: CoherenceTarget;
  readonly #prefix: string;
  readonly #subscribeTimeoutMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  readonly #lease: Lease;
  readonly #chain = new Chain();
  readonly #beats = new Beats();
  #phase: "idle" | "running" | "closed" = "idle";
  #nextBeat: Timer | undefined;
  #lastFailure: string | undefined;
  readonly #stats: CoordinatorStats = {
    subscriptions: 0,
    beatsSent: 0,
    beatsReturned: 0,
    beatsFailed: 0,
    changesReceived: 0,
    changesEchoed: 0,
    skipped: { foreign: 0, newer: 0, malformed: 0 },
    chainBreaks: 0,
    flushes: 0,
  };

  constructor(options: ClusterCoordinatorOptions) {
    super();
    requireKnownOptions("cluster.", options, OPTIONS);
    const {
      client,
      target,
      prefix = DEFAULT_PREFIX,
      commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS,
      logger,
      clock = systemClock,
    } = options;
    const { nodeId, channel, subscribeTimeoutMs, maxStalenessMs } = resolveMembership(options);
    requireName("prefix", prefix);
    requireDelayMs("commandTimeoutMs", commandTimeoutMs);
    requireMethods("clock", clock, CLOCK_METHODS);
    if (logger !== undefined) requireMethods("logger", logger, LOGGER_METHODS);
    const port = portOf(client);
    this.nodeId = nodeId;
    this.channel = channel;
    this.#target = target;
    this.#prefix = prefix;
    this.#subscribeTimeoutMs = subscribeTimeoutMs;
    this.#clock = clock;
    this.#logger = logger;
    this.#lease = new Lease(maxStalenessMs);
    this.#commands = new RedisCommands({
      port,
      clock,
      timeoutMs: commandTimeoutMs,
      maxPending: MAX_PENDING_BEATS,
    });
    this.#subscriber = new Subscriber({
      port,
      clock,
      channels: [channel, this.#privateChannel()],
      attemptTimeoutMs: subscribeTimeoutMs,
      onOpen: () => this.#opened(),
      onMessage: (message) => this.#receive(message),
      onLost: (reason) => this.#lost(reason),
    });
  }

  /** Whether it was started and not closed. */
  get running(): boolean {
    return this.#phase === "running";
  }

  /** Whether a subscription stands that has proved itself: every change from now on is told to the target, or it is flushed. */
  get ready(): boolean {
    return this.#lease.status === "ready";
  }

  /** Whether memory may answer, and for how long without another beat. */
  get lease(): { held: boolean; remainingMs: number } {
    const remainingMs = Math.max(0, this.#lease.untilMs - this.#clock.now());
    return { held: remainingMs > 0, remainingMs };
  }

  /** The same for the hot path: memory may answer while the monotonic clock is before this. */
  get leaseUntilMs(): number {
    return this.#lease.untilMs;
  }

  /** Counts since construction. */
  stats(): CoordinatorStats {
    return { ...this.#stats, skipped: { ...this.#stats.skipped } };
  }

  /**
   * Subscribes, and resolves when the first lease is held. Rejects with a `SubscribeTimeoutError` after `subscribeTimeoutMs`, and
   * goes on trying in the background then.
   */
  async start(): Promise<void> {
    if (this.#phase === "closed") throw new StoreClosedError();
    if (this.#phase === "idle") {
      this.#phase = "running";
      this.#subscriber.open();
    }
    if (!this.ready) await this.#firstLease();
  }

  /** Gives up the lease and closes the subscription. */
  async close(): Promise<void> {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#subscriber.close();
    this.#down();
    this.#flush("closed");
  }

  /** Resolves at the next flush that begins a lease. Rejects when the time is over or the coordinator closed. */
  #firstLease(): Promise<void> {
    return new Promise((resolve, reject) => {
      const onFlush = (reason: FlushReason) => {
        if (reason === "lease-held") settle(resolve);
        if (reason === "closed") settle(() => reject(new StoreClosedError()));
      };
      const settle = (outcome: () => void) => {
        timer.cancel();
        this.off("flush", onFlush);
        outcome();
      };
      const timer = this.#clock.schedule(() => {
        const cause = this.#lastFailure;
        const error = new SubscribeTimeoutError(this.channel, this.#subscribeTimeoutMs, { cause });
        this.#logger?.warn(`sessionmesh: ${error.message}`);
        settle(() => reject(error));
      }, this.#subscribeTimeoutMs);
      this.on("flush", onFlush);
    });
  }

  #opened(): void {
    this.#stats.subscriptions++;
    this.#lease.subscribed();
    this.#beat();
  }

  /** The subscription is gone: nothing that is held may be served until another one has proved itself. */
  #lost(reason: string): void {
    this.#lastFailure = reason;
    const wasReady = this.ready;
    this.#down();
    if (!wasReady) return;
    this.#flush("subscription-lost");
    this.#logger?.warn(`sessionmesh: subscription lost (${reason}); reading from Redis until it is back`);
    this.announce("lease-lost", reason);
  }

  #down(): void {
    this.#nextBeat?.cancel();
    this.#lease.lost();
    this.#beats.clear();
  }

  /** Sends a beat, and sees to the next one. */
  #beat(): void {
    if (this.#beats.stalled) {
      this.#subscriber.replace("stalled: beats are published and do not come back");
      return;
    }
    const nonce = this.#beats.send(this.#clock.now());
    this.#stats.beatsSent++;
    this.#commands.run(BEAT, [chainKey(this.channel)], [nonce, newTag(), this.#privateChannel()]).then(
      (receivers) => {
        if (!this.#beats.published(nonce)) return;
        if (Number(receivers) === 0)
          this.#subscriber.replace("the server knows of no subscription of this node");
      },
      (error: Error) => {
        this.#beats.failed(nonce);
        this.#stats.beatsFailed++;
        this.#lastFailure = error.message;
        this.#logger?.debug(`sessionmesh: beat failed: ${error.message}`);
      },
    );
    const intervalMs = (this.#lease.durationMs / BEATS_PER_LEASE) * (0.9 + Math.random() / 5);
    this.#nextBeat = this.#clock.schedule(() => this.#beat(), intervalMs);
  }

  #receive(text: string): void {
    const message = decodeMessage(text);
    if (message.kind === "unreadable") this.#skip(message.reason);
    else if (message.kind === "Beat") this.#beatReturned(message);
    else this.#change(message);
  }

  #beatReturned({ nonce, head }: BeatMessage): void {
    const sentAtMs = this.#beats.returned(nonce);
    if (sentAtMs === undefined) return; // given up already, or of another node with the same id
    this.#stats.beatsReturned++;
    const unbroken = this.#chain.confirm(head);
    if (this.#lease.beatReturned(sentAtMs)) {
      this.#subscriber.confirm();
      this.#flush("lease-held"); // whatever is on its way was asked for before this node could hear of changes
      this.#logger?.info("sessionmesh: lease held; reading from memory");
      this.announce("lease-held");
    } else if (!unbroken) this.#chainBroke();
  }

  #change({ kind, previous, tag, nodeId, key }: ChangeMessage): void {
    if (!this.ready) return; // nothing is held, and entering `ready` fences all that is on its way
    if (!this.#chain.follow(previous, tag)) this.#chainBroke();
    if (nodeId === this.nodeId) this.#stats.changesEchoed++;
    else this.#stats.changesReceived++;
    if (kind === "CacheClear") {
      if (this.#prefix.startsWith(key)) this.#flush("cleared");
      else this.#stats.skipped.foreign++;
    } else if (!key.startsWith(this.#prefix)) this.#stats.skipped.foreign++;
    else if (kind === "SessionDeleted") this.#target.deleted(key.slice(this.#prefix.length));
    else this.#target.changed(key.slice(this.#prefix.length), tag);
  }

  /** Counts a message that says nothing to this node. A newer node's may tell of a change; if any other did, the chain will show it. */
  #skip(reason: Unreadable["reason"]): void {
    this.#stats.skipped[reason]++;
    if (reason === "newer" && this.ready) this.#flush("message-unreadable");
  }

  #chainBroke(): void {
    this.#stats.chainBreaks++;
    this.#flush("message-missed");
  }

  #flush(reason: FlushReason): void {
    this.#stats.flushes++;
    this.#target.flush();
    this.announce("flush", reason);
  }

  #privateChannel(): string {
    return `${this.channel}:${this.nodeId}`;
  }
}
