import { randomUUID } from "node:crypto";
import { type Clock, systemClock, type Timer } from "../clock.js";
import { StoreClosedError, SubscribeTimeoutError } from "../errors.js";
import { Events, type Logger } from "../events.js";
import {
  DEFAULT_CHANNEL,
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_MAX_STALENESS_MS,
  DEFAULT_PREFIX,
  DEFAULT_SUBSCRIBE_TIMEOUT_MS,
  requireDelayMs,
  requireKnownOptions,
  requireName,
} from "../options.js";
import { RedisCommands } from "../redis/commands.js";
import { portOf, type RedisClient } from "../redis/detect.js";
import type { RedisPort, Subscription } from "../redis/port.js";
import { BEAT } from "../redis/scripts/beat.js";
import { chainKey } from "../redis/session-table.js";
import { newTag } from "../session/record.js";
import { Chain } from "./chain.js";
import { Lease } from "./lease.js";
import { type BeatMessage, type ChangeMessage, decodeMessage, type Unreadable } from "./message.js";

/** What a node's memory does when something changed elsewhere. Called synchronously, in the order in which Redis ran the writes. */
export interface CoherenceTarget {
  /** The session was written: whatever is held of it is outdated, unless it is the write `tag` itself. */
  changed(id: string, tag: string): void;
  /** The session was deleted. */
  deleted(id: string): void;
  /** Anything may have changed. */
  flush(): void;
}

export interface ClusterCoordinatorOptions {
  /** A client of `redis` or `ioredis`. The subscription uses a duplicate of it; beats go through the client itself. */
  client: RedisClient;
  /** What is told. */
  target: CoherenceTarget;
  /** What stands before an id in its Redis key. Default `"sess:"`. */
  prefix?: string;
  /** Names this node; must differ from those of all others. Default a random UUID. */
  nodeId?: string;
  /** Where nodes tell each other what changed. Default `"session:cluster:invalidate"`. */
  channel?: string;
  /** How long `start()` waits for the first lease, in milliseconds. Default 5,000. */
  subscribeTimeoutMs?: number;
  /** The bound on staleness: how long one beat allows serving from memory, in milliseconds. Default 2,000. */
  maxStalenessMs?: number;
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

export interface CoordinatorEvents {
  /** The first beat came back on a new subscription: memory may answer from now on. */
  "lease-held": [];
  /** The subscription was lost: memory may not answer until the next `lease-held`. With the reason, for people. */
  "lease-lost": [reason: string];
  /** All that was cached is dropped. */
  flush: [reason: FlushReason];
}

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
/** How many beats may be published and not come back before the subscription is taken for stalled. */
const MAX_UNHEARD_BEATS = 3;
/** The wait before a lost subscription is opened again: from here, doubled each time, with full jitter. */
const FIRST_RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 2_000;

/** One beat on its way. */
interface Beat {
  readonly sentAtMs: number;
  published: boolean;
}

/** One subscription, from the attempt to open it to its loss. Beats belong to it: one that was sent before it proves nothing about it. */
interface Connection {
  readonly beats: Map<string, Beat>;
  readonly abort: AbortController;
  subscription: Subscription | undefined;
}

/**
 * Keeps one node coherent with the others: holds the subscription, the lease and the chain, and tells the cache what to drop.
 * The argument why this bounds staleness is in `docs/internals/protocol.md`.
 *
 * `ClusteredRedisStore` owns one; alone it keeps any other memory of sessions coherent.
 */
export class ClusterCoordinator extends Events<CoordinatorEvents> {
  readonly nodeId: string;
  readonly channel: string;
  readonly #port: RedisPort;
  readonly #commands: RedisCommands;
  readonly #target: CoherenceTarget;
  readonly #prefix: string;
  readonly #subscribeTimeoutMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  readonly #lease: Lease;
  readonly #chain = new Chain();
  readonly #waiting = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
  #phase: "idle" | "running" | "closed" = "idle";
  #connection: Connection | undefined;
  #timer: Timer | undefined;
  #failures = 0;
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
      nodeId = randomUUID(),
      channel = DEFAULT_CHANNEL,
      subscribeTimeoutMs = DEFAULT_SUBSCRIBE_TIMEOUT_MS,
      maxStalenessMs = DEFAULT_MAX_STALENESS_MS,
      commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS,
      logger,
      clock = systemClock,
    } = options;
    requireName("prefix", prefix);
    requireName("cluster.nodeId", nodeId);
    requireName("cluster.channel", channel);
    requireDelayMs("cluster.subscribeTimeoutMs", subscribeTimeoutMs);
    requireDelayMs("cluster.maxStalenessMs", maxStalenessMs);
    requireDelayMs("commandTimeoutMs", commandTimeoutMs);
    this.nodeId = nodeId;
    this.channel = channel;
    this.#port = portOf(client);
    this.#commands = new RedisCommands({
      port: this.#port,
      clock,
      timeoutMs: commandTimeoutMs,
      maxPending: BEATS_PER_LEASE * 4,
    });
    this.#target = target;
    this.#prefix = prefix;
    this.#subscribeTimeoutMs = subscribeTimeoutMs;
    this.#clock = clock;
    this.#logger = logger;
    this.#lease = new Lease(maxStalenessMs);
  }

  /** Whether it was started and not closed. */
  get running(): boolean {
    return this.#phase === "running";
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
  start(): Promise<void> {
    if (this.#phase === "closed") return Promise.reject(new StoreClosedError());
    if (this.#phase === "idle") {
      this.#phase = "running";
      this.#connect();
    }
    if (this.#lease.status === "ready") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: () => {
          timer.cancel();
          resolve();
        },
        reject: (error: Error) => {
          timer.cancel();
          reject(error);
        },
      };
      const timer = this.#clock.schedule(() => {
        this.#waiting.delete(waiter);
        const cause = this.#lastFailure === undefined ? undefined : new Error(this.#lastFailure);
        reject(new SubscribeTimeoutError(this.channel, this.#subscribeTimeoutMs, { cause }));
      }, this.#subscribeTimeoutMs);
      this.#waiting.add(waiter);
    });
  }

  /** Gives up the lease and closes the subscription. */
  async close(): Promise<void> {
    if (this.#phase === "closed") return;
    this.#phase = "closed";
    this.#timer?.cancel();
    this.#disconnect();
    this.#flush("closed");
    for (const waiter of this.#waiting) waiter.reject(new StoreClosedError());
    this.#waiting.clear();
  }

  #connect(): void {
    const connection: Connection = {
      beats: new Map(),
      abort: new AbortController(),
      subscription: undefined,
    };
    this.#connection = connection;
    const giveUp = () =>
      connection.abort.abort(new Error(`not subscribed within ${this.#subscribeTimeoutMs} ms`));
    this.#timer = this.#clock.schedule(giveUp, this.#subscribeTimeoutMs);
    const privateChannel = this.#privateChannel();
    const request = {
      channels: [this.channel, privateChannel],
      onMessage: (channel: string, message: string) => {
        if (this.#connection === connection) this.#receive(connection, channel === privateChannel, message);
      },
      onClose: (reason: string) => this.#lost(connection, reason),
      signal: connection.abort.signal,
    };
    this.#port.subscribe(request).then(
      (subscription) => {
        if (this.#connection !== connection) return subscription.close();
        connection.subscription = subscription;
        this.#stats.subscriptions++;
        this.#lease.subscribed();
        this.#tick(connection);
      },
      (error: Error) => this.#lost(connection, error.message),
    );
  }

  /** The subscription is gone: nothing that is held may be served, and a new one is needed. */
  #lost(connection: Connection, reason: string): void {
    if (this.#connection !== connection) return;
    this.#timer?.cancel();
    const held = this.#lease.status === "ready";
    this.#disconnect();
    this.#lastFailure = reason;
    if (held) {
      this.#flush("subscription-lost");
      this.#logger?.warn(`sessionmesh: subscription lost (${reason}); reading from Redis until it is back`);
      this.announce("lease-lost", reason);
    }
    const backoffMs = Math.min(MAX_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** this.#failures++);
    this.#timer = this.#clock.schedule(() => this.#connect(), backoffMs * (0.5 + Math.random() / 2));
  }

  #disconnect(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#lease.lost();
    connection?.subscription?.close();
    connection?.abort.abort();
  }

  /** Runs four times in a lease: looks after the beats that are out, and sends the next one. */
  #tick(connection: Connection): void {
    if (this.#connection !== connection) return;
    const unheard = [...connection.beats.values()].filter((beat) => beat.published).length;
    if (unheard >= MAX_UNHEARD_BEATS) {
      this.#lost(connection, "stalled: beats are published and do not arrive");
      return;
    }
    this.#beat(connection);
    const jitter = 0.9 + Math.random() / 5;
    this.#timer?.cancel();
    this.#timer = this.#clock.schedule(
      () => this.#tick(connection),
      (this.#lease.durationMs / BEATS_PER_LEASE) * jitter,
    );
  }

  #beat(connection: Connection): void {
    const nonce = newTag();
    const beat: Beat = { sentAtMs: this.#clock.now(), published: false };
    connection.beats.set(nonce, beat);
    this.#stats.beatsSent++;
    this.#commands.run(BEAT, [chainKey(this.channel)], [nonce, newTag(), this.#privateChannel()]).then(
      (receivers) => {
        beat.published = true;
        if (Number(receivers) === 0)
          this.#lost(connection, "the server knows of no subscription of this node");
      },
      (error: Error) => {
        connection.beats.delete(nonce);
        this.#stats.beatsFailed++;
        this.#lastFailure = error.message;
        this.#logger?.debug(`sessionmesh: beat failed: ${error.message}`);
      },
    );
  }

  #receive(connection: Connection, isPrivate: boolean, text: string): void {
    const message = decodeMessage(text);
    if (message.kind === "unreadable") this.#skip(message.reason);
    else if (message.kind !== "Beat") this.#change(message);
    else if (isPrivate) this.#beatReturned(connection, message);
    else this.#skip("malformed");
  }

  #beatReturned(connection: Connection, { nonce, head }: BeatMessage): void {
    const beat = connection.beats.get(nonce);
    if (beat === undefined) return; // given up already, or another node with the same id
    connection.beats.delete(nonce);
    this.#stats.beatsReturned++;
    const unbroken = this.#chain.confirm(head);
    if (this.#lease.beatReturned(beat.sentAtMs)) {
      this.#failures = 0;
      this.#flush("lease-held"); // whatever is on its way was asked for before we could hear of changes
      this.#logger?.info("sessionmesh: lease held; reading from memory");
      for (const waiter of this.#waiting) waiter.resolve();
      this.#waiting.clear();
      this.announce("lease-held");
    } else if (!unbroken) this.#chainBroke();
  }

  #change({ kind, previous, tag, nodeId, key }: ChangeMessage): void {
    if (this.#lease.status !== "ready") return; // nothing is held, and entering `ready` fences all that is on its way
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

  /** Counts a message that says nothing to this node. Only a newer version's can be a change; if any other was one, the chain will tell. */
  #skip(reason: Unreadable["reason"]): void {
    this.#stats.skipped[reason]++;
    if (reason === "newer" && this.#lease.status === "ready") this.#flush("message-unreadable");
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
