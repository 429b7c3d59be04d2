import type { Clock } from "../clock.js";
import { InvalidOptionError, StoreClosedError, SubscribeTimeoutError } from "../errors.js";
import { Events, type Logger } from "../events.js";
import { RedisCommands } from "../redis/commands.js";
import type { RedisPort, Subscription, TrackedSubscription, TrackingRequest } from "../redis/port.js";
import { BEAT } from "../redis/scripts/beat.js";
import { LEAVE } from "../redis/scripts/leave.js";
import { type AcknowledgementRequest, metaKey, type Registry } from "../redis/session-table.js";
import { newTag } from "../session/record.js";
import { Acknowledgements } from "./acknowledgements.js";
import { Chain } from "./chain.js";
import { Heartbeat } from "./heartbeat.js";
import { Lease, outlastingMs } from "./lease.js";
import type { Invalidation } from "./membership.js";
import {
  type BeatMessage,
  type ChangeMessage,
  type DeletedMessage,
  decodeMessage,
  encodeAcknowledgement,
  type Unreadable,
  type UserRevokedMessage,
} from "./message.js";
import { OwedAcknowledgements } from "./owed.js";
import { Repetition } from "./repetition.js";
import type { CoordinatorEvents, CoordinatorState, CoordinatorStats, FlushReason } from "./report.js";
import { Revocations } from "./revocations.js";
import { Subscriber } from "./subscriber.js";

/** What a node's memory does when something changed. Called synchronously, in the order in which Redis ran the writes. */
export interface CoherenceTarget {
  /** The session was written: whatever is held of it is outdated, unless it is the write `tag` itself. */
  changed(id: string, tag: string): void;
  /** The session was deleted: nothing that is held of it, or on its way, may be handed out any more. */
  deleted(id: string): void;
  /** Anything may have changed. `subscription-lost`: nothing is known to have changed, but nothing would be heard of it. */
  flush(reason: FlushReason): void;
  /** Deletes again what a server may have lost. How many sessions had come back. Default: nothing is done. */
  reassert?(ids: readonly string[], users: readonly [user: string, generation: number][]): Promise<number>;
}

/** What one partition's coordinator needs: checked by `ClusterCoordinator`. */
export interface PartitionCoordinatorOptions {
  readonly port: RedisPort;
  readonly target: CoherenceTarget;
  /** What stands before an id in the keys of the partition. */
  readonly prefix: string;
  readonly channel: string;
  readonly nodeId: string;
  readonly subscribeTimeoutMs: number;
  readonly maxStalenessMs: number;
  readonly invalidation: Invalidation;
  readonly commandTimeoutMs: number;
  readonly rememberDeletedMs: number;
  readonly rememberUsersMs: number;
  readonly logger: Logger | undefined;
  readonly clock: Clock;
}

type MaybeTracked = Subscription & Partial<TrackedSubscription>;

/** The tag of a write that nobody made: of a change of which nothing else is known. */
const UNKNOWN_WRITE = "?";

/** Beats, acknowledgements and the like that may wait for Redis at a time. */
const MAX_PENDING = 1_000;

/** A revocation of this node that waits for the others. */
export interface RevocationRequest extends AcknowledgementRequest {
  /** Waits until no node can answer with what Redis has just deleted. Rejects with a `StoreClosedError` when this node is closed. */
  acknowledged(registry: Registry): Promise<{ acknowledged: boolean; nodes: number }>;
  /** Nobody waits any more. */
  close(): void;
}

/**
 * Keeps what one node holds of one partition coherent with the others: holds the subscription, and feeds what it hears to the state machines
 * beside it (`Lease`, `Chain`, `Beats`, `Revocations`, `Acknowledgement`), and what follows from it to the target. Why this bounds
 * staleness is argued in `docs/internals/protocol.md`.
 */
export class PartitionCoordinator extends Events<CoordinatorEvents> {
  readonly nodeId: string;
  readonly channel: string;
  /** Whether only what was read by the `reader` is kept up to date. */
  readonly tracks: boolean;
  readonly #commands: RedisCommands;
  readonly #subscriber: Subscriber<MaybeTracked>;
  readonly #target: CoherenceTarget;
  readonly #prefix: string;
  readonly #subscribeTimeoutMs: number;
  readonly #clock: Clock;
  readonly #logger: Logger | undefined;
  readonly #lease: Lease;
  readonly #chain = new Chain();
  readonly #heartbeat: Heartbeat;
  readonly #revocations: Revocations;
  readonly #acknowledgements: Acknowledgements;
  readonly #owed: OwedAcknowledgements;
  readonly #repetition: Repetition;
  #phase: "idle" | "running" | "closed" = "idle";
  /** Whether the last thing told was `lease-held`. */
  #held = false;
  /** When the last lease ends or ended, by the wall clock. */
  #lastLeaseWallMs = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;
  #histories = 0;
  #lastFailure: string | undefined;
  #lastBreak: CoordinatorState["lastBreak"];
  readonly #stats = {
    subscriptions: 0,
    beatsReturned: 0,
    changesReceived: 0,
    changesEchoed: 0,
    keysInvalidated: 0,
    acknowledgementsSent: 0,
    skipped: { foreign: 0, newer: 0, malformed: 0 },
    chainBreaks: 0,
    flushes: 0,
    reasserted: 0,
  };

  constructor(options: PartitionCoordinatorOptions) {
    super();
    const { port, target, prefix, channel, nodeId, clock, logger, invalidation } = options;
    const { subscribeTimeoutMs, maxStalenessMs, commandTimeoutMs, rememberDeletedMs, rememberUsersMs } =
      options;
    this.nodeId = nodeId;
    this.channel = channel;
    this.tracks = invalidation === "tracking";
    this.#target = target;
    this.#prefix = prefix;
    this.#subscribeTimeoutMs = subscribeTimeoutMs;
    this.#clock = clock;
    this.#logger = logger;
    this.#lease = new Lease(maxStalenessMs);
    this.#revocations = new Revocations({ sessionMs: rememberDeletedMs, userMs: rememberUsersMs });
    this.#commands = new RedisCommands({ port, clock, timeoutMs: commandTimeoutMs, maxPending: MAX_PENDING });
    this.#acknowledgements = new Acknowledgements(nodeId, outlastingMs(maxStalenessMs), clock);
    this.#owed = new OwedAcknowledgements((replyChannel, requests) =>
      this.#commands.publish(replyChannel, encodeAcknowledgement({ nodeId, requests })),
    );
    this.#repetition = new Repetition({
      clock,
      repeat: async ({ ids, users }) => {
        const count = (await target.reassert?.(ids, users)) ?? 0;
        this.#stats.reasserted += count;
      },
      failed: ({ message }) => logger?.warn(`sessionmesh: revocations could not be repeated yet: ${message}`),
    });
    // for so long every change must be told; the lease that a beat extends is over before
    const listensMs = this.tracks ? "" : String(2 * maxStalenessMs);
    this.#heartbeat = new Heartbeat({
      clock,
      lease: this.#lease,
      send: (nonce) => this.#run(BEAT, [nonce, newTag(), this.#privateChannel, nodeId, listensMs]),
      onDead: (reason) => this.#subscriber.replace(reason),
      onLapsed: () => this.#leaseLost(`no beat came back for ${maxStalenessMs} ms`),
      onFailed: (error) => this.#beatFailed(error),
    });
    this.#subscriber = new Subscriber({
      subscribe: this.tracks ? trackingOf(port) : port.subscribe.bind(port),
      clock,
      channels: [channel, this.#privateChannel],
      attemptTimeoutMs: subscribeTimeoutMs,
      onOpen: () => this.#opened(),
      onMessage: (message) => this.#receive(message),
      onInvalidated: (key) => this.#invalidated(key),
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

  /**
   * For how long the last lease has been over, in milliseconds; negative while it runs, `Infinity` if there was none. By the clock that
   * says more: the monotonic one of a suspended machine may have stood still.
   */
  get leaseOverForMs(): number {
    const { lastUntilMs } = this.#lease;
    return Math.max(this.#clock.now() - lastUntilMs, this.#clock.wallNow() - this.#lastLeaseWallMs);
  }

  /** How it stands. */
  get state(): CoordinatorState {
    const nowMs = this.#clock.now();
    return {
      status: this.#lease.status,
      leaseRemainingMs: this.lease.remainingMs,
      registrationRemainingMs: Math.max(0, this.#lease.registeredUntilMs - nowMs),
      lastBreak: this.#lastBreak,
    };
  }

  /** Counts since construction. */
  stats(): CoordinatorStats {
    return {
      ...this.#stats,
      skipped: { ...this.#stats.skipped },
      beatsSent: this.#heartbeat.sent,
      beatsFailed: this.#heartbeat.failed,
      revocations: { ...this.#acknowledgements.outcomes },
    };
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

  /** Gives up both leases, closes the subscription, and leaves the registry: nobody has to wait for this node any more. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#phase = "closed";
    const wasRegistered = this.#heartbeat.sent > 0;
    this.#subscriber.close();
    this.#down();
    this.#lease.left();
    this.#flush("closed");
    this.#acknowledgements.close();
    this.#repetition.close();
    await this.#heartbeat.settled();
    // who cannot say goodbye is taken out by the first revocation that waited for it in vain
    if (wasRegistered) await this.#run(LEAVE, [this.nodeId, "*"]).catch(() => {});
  }

  /** By what sessions are read that may be kept, while memory may answer; `undefined`: by the application's connection, or none may be. */
  get reader(): TrackedSubscription | undefined {
    const { subscription } = this.#subscriber;
    const mayTrack = this.tracks && this.lease.held;
    return mayTrack && subscription?.send ? (subscription as TrackedSubscription) : undefined;
  }

  /** Which registration runs, by which this node may hand out what it reads from Redis; `undefined` if none does. */
  get registration(): number | undefined {
    return this.#lease.registrationAt(this.#clock.now());
  }

  /** Sends a beat, for a registration. Rejects with a `StoreUnavailableError` if Redis does not take it. */
  async register(): Promise<number> {
    if (this.#phase === "closed") throw new StoreClosedError(); // else it would be in the registry again
    await this.#heartbeat.register();
    return this.registration ?? Number.NaN; // none: it lapsed at once, and equals no other
  }

  /** Whether the registration that ran when something was asked for still runs: otherwise the reply must not be handed out. */
  isRegistered(registration: number): boolean {
    return this.registration === registration;
  }

  /** How often this node could not be sure that it goes on from the same history. */
  get histories(): number {
    return this.#histories;
  }

  /** Whether a session is known to be over, whatever a reply says. */
  isRevoked(id: string, user: string | undefined, generation: number): boolean {
    return this.#revocations.has(id, this.#clock.now()) || this.#revocations.hasUser(user, generation);
  }

  /** Whether a session of this user is known to be over: the part that copies must be asked for, too. */
  isUserRevoked(user: string | undefined, generation: number): boolean {
    return this.#revocations.hasUser(user, generation);
  }

  /** Drops a session that is known to be over, and remembers that. */
  forget(id: string): void {
    this.#revocations.add(id, this.#clock.now());
    this.#target.deleted(id);
  }

  /** Likewise for all sessions of a user with an earlier generation. */
  forgetUser(user: string, generation: number): void {
    if (!this.#revocations.addUser(user, generation, this.#clock.now())) this.#flush("user-forgotten");
  }

  /** What a revocation of this node asks the others to acknowledge. It must be closed. */
  newRequest(): RevocationRequest {
    const request = this.#acknowledgements.open();
    return {
      request,
      replyChannel: this.#privateChannel,
      acknowledged: (registry) => this.#acknowledged(request, registry),
      close: () => this.#acknowledgements.drop(request),
    };
  }

  async #acknowledged(request: string, registry: Registry) {
    const { outcome, nodes, silent } = await this.#acknowledgements.wait(request, registry);
    // who was silent for longer than any lease lasts is taken out, unless it has sent another beat since
    if (outcome === "outlasted" && silent.length > 0) this.#run(LEAVE, silent.flat()).catch(() => {});
    return { acknowledged: outcome === "acknowledged", nodes };
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
    this.#heartbeat.start();
  }

  /** The subscription is gone: nothing that is held may be served until another one has proved itself. */
  #lost(reason: string): void {
    this.#lastFailure = reason;
    const wasReady = this.ready;
    this.#down();
    if (!wasReady) return;
    this.#broke("subscription-lost", reason);
    this.#logger?.warn(`sessionmesh: subscription lost (${reason}); reading from Redis until it is back`);
    this.#leaseLost(reason);
  }

  #down(): void {
    this.#heartbeat.stop();
    this.#lease.lost();
    this.#acknowledgements.desynced();
  }

  #beatFailed({ message }: Error): void {
    this.#lastFailure = message;
    this.#logger?.debug(`sessionmesh: beat failed: ${message}`);
  }

  #receive(text: string): void {
    const message = decodeMessage(text);
    if (message.kind === "unreadable") this.#skip(message.reason);
    else if (message.kind === "Beat") this.#beatReturned(message);
    else if (message.kind === "Acknowledgement") {
      for (const request of message.requests) this.#acknowledgements.acknowledged(request, message.nodeId);
    } else this.#change(message);
  }

  #beatReturned({ nonce, head }: BeatMessage): void {
    const sentAtMs = this.#heartbeat.returned(nonce);
    if (sentAtMs === undefined) return; // given up already, or of another node with the same id
    const nowMs = this.#clock.now();
    this.#stats.beatsReturned++;
    const unbroken = this.#chain.confirm(head);
    const entered = this.#lease.beatReturned(sentAtMs, nowMs);
    this.#lastLeaseWallMs = this.#clock.wallNow() + this.#lease.lastUntilMs - nowMs;
    if (entered) {
      this.#subscriber.confirm();
      this.#flush("lease-held"); // whatever is on its way was asked for before this node could hear of changes
      this.#resynced(unbroken);
    } else if (!unbroken) this.#chainBroke();
    else this.#repetition.begin();
    if (this.#held || nowMs >= this.#lease.untilMs) return;
    this.#held = true;
    this.#logger?.info("sessionmesh: lease held; reading from memory");
    this.tell("lease-held");
  }

  #change(message: ChangeMessage): void {
    if (!this.ready) {
      this.#changeWhileSyncing(message);
      return;
    }
    const { kind, previous, tag, nodeId, key } = message;
    const unbroken = this.#chain.follow(previous, tag);
    if (!unbroken) this.#chainBroke();
    if (nodeId === this.nodeId) this.#stats.changesEchoed++;
    else this.#stats.changesReceived++;
    if (kind === "CacheClear" ? !this.#prefix.startsWith(key) : !this.#isOurs(message)) {
      this.#stats.skipped.foreign++;
      if (kind === "SessionDeleted" || kind === "UserRevoked") this.#acknowledge(message);
    } else if (kind === "CacheClear") {
      this.#flush("cleared");
      this.tell("session-ended", { reason: "cleared" });
    } else if (kind === "SessionInvalidated") {
      const id = key.slice(this.#prefix.length);
      this.#target.changed(id, tag);
      if (nodeId !== this.nodeId) this.tell("invalidated", id);
    } else this.#ended(message, unbroken);
  }

  /** The server says that what was read of a session is outdated; or of all, when it forgot what was read. */
  #invalidated(key: string | undefined): void {
    if (key === undefined) this.#flush("keys-invalidated");
    if (!key?.startsWith(this.#prefix)) return; // of something else that a script looked at
    this.#stats.keysInvalidated++;
    const id = key.slice(this.#prefix.length);
    this.#target.changed(id, UNKNOWN_WRITE);
    this.tell("invalidated", id);
  }

  /**
   * Nothing may be served yet, and entering `ready` fences all that is on its way; but a revocation is one from its first message on, and
   * what was set aside for an outage is not kept against better knowledge.
   */
  #changeWhileSyncing(message: ChangeMessage): void {
    const { kind, key } = message;
    if (kind === "CacheClear") {
      if (this.#prefix.startsWith(key)) this.#flush("cleared");
    } else if (kind === "SessionInvalidated") {
      if (this.#isOurs(message)) this.#target.changed(key.slice(this.#prefix.length), message.tag);
    } else if (this.#isOurs(message)) this.#ended(message, false);
    else this.#acknowledge(message);
  }

  #isOurs({ kind, key }: ChangeMessage): boolean {
    return kind === "UserRevoked" ? key === this.#prefix : key.startsWith(this.#prefix);
  }

  /** Drops what is held, and says so only then. */
  #ended(message: DeletedMessage | UserRevokedMessage, unbroken: boolean): void {
    if (message.kind === "UserRevoked") this.forgetUser(message.user, message.generation);
    else this.forget(message.key.slice(this.#prefix.length));
    if (unbroken && message.nodeId === this.nodeId) this.#acknowledgements.echoed(message.request);
    this.#acknowledge(message);
    if (message.kind === "UserRevoked") {
      this.tell("session-ended", { reason: "user-revoked", user: message.user });
      return;
    }
    const id = message.key.slice(this.#prefix.length);
    if (message.reason === "revoked") this.tell("revoked", id);
    this.tell("session-ended", { reason: message.reason, id });
  }

  #acknowledge({ request, replyChannel, nodeId }: DeletedMessage | UserRevokedMessage): void {
    if (request === "" || replyChannel === "" || nodeId === this.nodeId) return;
    this.#stats.acknowledgementsSent++;
    this.#owed.add(replyChannel, request);
  }

  /** Counts a message that says nothing to this node. A newer node's may tell of a change; if any other did, the chain will show it. */
  #skip(reason: Unreadable["reason"]): void {
    this.#stats.skipped[reason]++;
    if (reason === "newer" && this.ready) this.#broke("message-unreadable", "a message of a newer version");
  }

  #chainBroke(): void {
    this.#stats.chainBreaks++;
    this.#broke("message-missed", "a message was missed");
    this.#resynced(false);
  }

  #broke(flushReason: FlushReason, reason: string): void {
    this.#lastBreak = { reason, atMs: this.#clock.wallNow() };
    this.#flush(flushReason);
  }

  /** From here on nothing is missed; but what was missed may have been a change of history, which may have lost revocations. */
  #resynced(unbroken: boolean): void {
    this.#acknowledgements.synced(this.#clock.now());
    this.#histories++;
    if (!unbroken) {
      const ids = this.#revocations.sessions(this.#clock.now());
      this.#repetition.owe({ ids, users: this.#revocations.users() });
    }
    this.#repetition.begin();
  }

  #leaseLost(reason: string): void {
    if (!this.#held) return;
    this.#held = false;
    this.tell("lease-lost", reason);
  }

  #flush(reason: FlushReason): void {
    this.#stats.flushes++;
    this.#target.flush(reason);
    this.tell("flush", reason);
  }

  #run(script: typeof BEAT, args: string[]) {
    return this.#commands.run(script, [metaKey(this.channel)], args);
  }

  get #privateChannel(): string {
    return `${this.channel}:${this.nodeId}`;
  }
}

/** How a port tracks what is read. Throws if it cannot. */
function trackingOf(port: RedisPort): (request: TrackingRequest) => Promise<MaybeTracked> {
  if (port.track !== undefined) return port.track.bind(port);
  const rule = '"broadcast" with this client: only those of node-redis can track';
  throw new InvalidOptionError("cluster.invalidation", rule, "tracking");
}
