import type { Flight } from "../cache/loads.js";
import { type CacheStats, LocalCache, type LocalCacheOptions } from "../cache/local-cache.js";
import { type Clock, systemClock } from "../clock.js";
import { ClusterCoordinator } from "../cluster/coordinator.js";
import { type MembershipOptions, resolveMembership } from "../cluster/membership.js";
import type { PartitionCoordinator } from "../cluster/partition-coordinator.js";
import type { SessionEnded } from "../cluster/report.js";
import {
  InvalidOptionError,
  SessionConflictError,
  SessionRevokedError,
  StoreUnavailableError,
} from "../errors.js";
import { Events, type Logger } from "../events.js";
import {
  DEFAULT_CACHE_TTL_MS,
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_PREFIX,
  DEFAULT_REMEMBER_MS,
  DEFAULT_TOMBSTONE_TTL_MS,
  requireBoolean,
  requireKnownOptions,
} from "../options.js";
import type { BreakerState } from "../redis/breaker.js";
import { Moved } from "../redis/moved.js";
import type { Partitioned } from "../redis/partitions.js";
import { hashForLog, newSessionId, type Session } from "../session/session.js";
import type { Snapshot } from "../session/snapshot.js";
import { follow, nothing, refuse } from "./aliases.js";
import {
  checkDeleteOptions,
  checkLifeOptions,
  checkReadOptions,
  checkRotation,
  requireUser,
  resolveLife,
} from "./call-options.js";
import { Endings } from "./endings.js";
import { NearCache } from "./near-cache.js";
import { type OnOutage, type OutageOptions, resolveOutageOptions } from "./outage-policy.js";
import { countMatching, deleteMatching, findMatching } from "./queries.js";
import { type Loaded, RedisStore, type RedisStoreEvents, type RedisStoreOptions } from "./redis-store.js";
import { REFRESH_DELAY, Refreshes } from "./refreshes.js";
import type {
  Change,
  CreateOptions,
  DeleteOptions,
  KeyValueStore,
  LifeOptions,
  Predicate,
  ReadOptions,
  Revocation,
  RevokeOptions,
  RotateOptions,
  WriteOptions,
} from "./store.js";
import { Touches } from "./touches.js";
import { Updates } from "./updates.js";

/** How the nodes of a `ClusteredRedisStore` find and trust each other. */
export interface ClusterOptions extends MembershipOptions {
  /** `false`: a local cache without Pub/Sub, where staleness is bounded by `localCache.ttlMs` alone. Default `true`. */
  enabled?: boolean;
}

/** What a node keeps in memory. */
export interface NodeCacheOptions extends Omit<LocalCacheOptions, "clock"> {
  /** `false`: nothing is kept, every read goes to Redis. Default `true`. */
  enabled?: boolean;
  /**
   * Whether copies that are asked for in the last fifth of their time are read again in the background, many in one command, so that whoever is there all
   * the time never waits for Redis. Default `true`.
   */
  refreshAhead?: boolean;
}

/** Where a `ClusteredRedisStore` keeps its sessions, how it stays coherent, and what it holds in memory. */
export interface ClusteredRedisStoreOptions<T>
  extends Omit<
      RedisStoreOptions<T>,
      "channel" | "nodeId" | "maxStalenessMs" | "partitions" | "pubsub" | "invalidation"
    >,
    OutageOptions {
  /** How nodes stay coherent. */
  cluster?: ClusterOptions;
  /** What each node keeps in memory. */
  localCache?: NodeCacheOptions;
  /** Told when the node can and cannot serve from memory. Default: nobody. */
  logger?: Logger;
}

const OPTIONS = (
  "client prefix ttlMs codec legacy commandTimeoutMs maxPendingCommands maxConcurrentLoads breaker onOutage outageGraceMs " +
  "tombstoneTtlMs durability maxSessionsPerUser clock cluster localCache logger"
).split(" ");
const CLUSTER_OPTIONS =
  "enabled nodeId channel subscribeTimeoutMs maxStalenessMs partitions pubsub invalidation".split(" ");
const CACHE_OPTIONS = "enabled refreshAhead ttlMs maxEntries maxBytes".split(" ");

/** What a `ClusteredRedisStore` tells. */
export interface StoreEvents extends RedisStoreEvents {
  /**
   * A session ended on some node, this one included. Not told for what was missed: after a `flush` of the coordinator, any may have ended. Never told
   * by a store without a coordinator, which hears of nothing: with `localCache.enabled: false` or `cluster.enabled: false`.
   */
  "session-ended": [ended: SessionEnded];
  /** A conditional write of this node was refused: somebody else was faster. */
  conflict: [id: string];
  /** A write of this node was refused: the session is over. */
  "resurrection-blocked": [id: string];
}

/** What a node's coherence has prevented. Counts since construction. */
export interface StoreStats {
  /** Conditional writes that were refused, since somebody else was faster. */
  conflicts: number;
  /** Writes that were refused, since the session was over. */
  resurrectionsBlocked: number;
  /** Reads during which something happened to the session: their results were not cached, unless they were just that change. */
  fencedReads: number;
  /** Writes likewise. */
  fencedWrites: number;
  /** Replies that came after their time was over, and were not used. */
  lateReplies: number;
  /** Records that could not be read. */
  corruptRecords: number;
  /** Scripts that were sent again after a failure that might pass. */
  repetitions: number;
  /** How the circuit breaker stands now; `"closed"` if there is none. */
  breaker: BreakerState["kind"];
  /** How often it has opened, after a trial that failed included. */
  breakerOpened: number;
  /** Reads that were answered with a copy since Redis could not be asked: `onOutage: "serve-cached"`. */
  servedInOutage: number;
  /** Deletions that Redis has not confirmed yet, now: they are sent again. */
  deletionsPending: number;
  /** Deletions that are not sent again any more: too many waited, none could succeed, their sessions are over, or the store was closed. */
  deletionsGivenUp: number;
  /** Copies that were read again before their time was over, since they were asked for. */
  refreshes: number;
}

/** How often a read is tried while this node's registration lapses. */
const MAX_LOADS = 2;
/**
 * Sessions in Redis, read from the memory of this node, and coherent with all other nodes.
 *
 * - **Read**: from memory while this node holds its lease; otherwise from Redis, one load per session however many wait, then cached.
 * - **Write, delete**: in Redis at once, in the same atomic step told to the nodes; then here.
 * - No node answers with a value that was replaced more than `cluster.maxStalenessMs` ago.
 *
 * @example
 * const store = new ClusteredRedisStore<{ userId: number }>({ client });
 * await store.start();
 * const session = await store.create({ userId: 42 });
 * await store.get(session.id); // from memory
 */
export class ClusteredRedisStore<T = unknown> extends Events<StoreEvents> implements KeyValueStore<T> {
  readonly ttlMs: number;
  /** The store behind the cache. */
  readonly redisStore: RedisStore<T>;
  /** What this node holds in memory. */
  readonly localCache: LocalCache<Loaded<T>>;
  /** What a read does when Redis cannot be asked. */
  readonly onOutage: OnOutage;
  /** What keeps this node coherent; `undefined` if there is nothing to keep: no cache, or `cluster.enabled: false`. */
  readonly coordinator: ClusterCoordinator | undefined;
  readonly #clock: Clock;
  /** What is held of each partition's sessions. */
  readonly #memories: Partitioned<NearCache<T>>;
  readonly #touches = new Touches();
  readonly #refreshes: Refreshes;
  readonly #updates: Updates<T>;
  readonly #outageGraceMs: number;
  readonly #endings: Endings<T>;
  readonly #registering = new Map<PartitionCoordinator, Promise<number>>();
  #conflicts = 0;
  #resurrectionsBlocked = 0;
  #servedInOutage = 0;

  constructor(options: ClusteredRedisStoreOptions<T>) {
    super();
    requireKnownOptions("", options, OPTIONS);
    const { cluster = {}, localCache = {}, logger, onOutage, outageGraceMs, ...redis } = options;
    requireKnownOptions("cluster.", cluster, CLUSTER_OPTIONS);
    requireKnownOptions("localCache.", localCache, CACHE_OPTIONS);
    const { enabled: clusterEnabled = true } = cluster;
    const { enabled: cacheEnabled = true, refreshAhead = true, ...limits } = localCache;
    const { ttlMs: cacheTtlMs = DEFAULT_CACHE_TTL_MS } = limits;
    const { client, prefix = DEFAULT_PREFIX, clock = systemClock } = redis;
    const { commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS, tombstoneTtlMs = DEFAULT_TOMBSTONE_TTL_MS } =
      redis;
    requireBoolean("cluster.enabled", clusterEnabled);
    requireBoolean("localCache.enabled", cacheEnabled);
    requireBoolean("localCache.refreshAhead", refreshAhead);
    const membership = resolveMembership(cluster);
    const { nodeId, channel, maxStalenessMs, partitions, pubsub, invalidation } = membership;
    this.#clock = clock;
    this.#updates = new Updates(this, clock);
    this.localCache = new LocalCache({ ...limits, clock });
    this.redisStore = new RedisStore({
      ...redis,
      maxStalenessMs,
      channel: clusterEnabled ? channel : null,
      nodeId,
      partitions,
      pubsub,
      invalidation,
    });
    const memoryOptions = {
      localCache: this.localCache,
      enabled: cacheEnabled,
      ttlMs: cacheTtlMs,
      refreshAhead,
      clock,
    };
    this.#memories = this.redisStore.partitions.map(() => new NearCache(memoryOptions));
    const delayMs = cacheTtlMs * REFRESH_DELAY;
    this.#refreshes = new Refreshes({ clock, delayMs, refresh: (id) => this.#refresh(id) });
    this.localCache.onAging = (id) => this.#refreshes.add(id);
    this.ttlMs = this.redisStore.ttlMs;
    this.redisStore.on("breaker-opened", (reason) => this.tell("breaker-opened", reason));
    this.redisStore.on("breaker-closed", () => this.tell("breaker-closed"));
    const outage = resolveOutageOptions({
      ...(onOutage !== undefined && { onOutage }),
      ...(outageGraceMs !== undefined && { outageGraceMs }),
    });
    this.onOutage = outage.onOutage;
    this.#outageGraceMs = outage.outageGraceMs;
    this.#endings = new Endings({
      redisStore: this.redisStore,
      memories: this.#memories,
      clock,
      tombstoneTtlMs,
      gaveUp: (count) =>
        logger?.warn(
          `Deletions that are not sent again any more: ${count}. Their sessions may live until they end.`,
        ),
      refused: (id, error) => this.#refused(id, error),
    });
    if (!clusterEnabled || !cacheEnabled) return;
    if (commandTimeoutMs >= maxStalenessMs) {
      // otherwise a reply could be served that was read longer ago than the bound
      throw new InvalidOptionError(
        "commandTimeoutMs",
        `less than cluster.maxStalenessMs (${maxStalenessMs})`,
        commandTimeoutMs,
      );
    }
    this.coordinator = new ClusterCoordinator({
      ...membership,
      client,
      prefix,
      commandTimeoutMs,
      clock,
      target: (partition) => {
        const memory = this.#memories.at(partition);
        return {
          changed: (id, tag) => memory.changed(id, tag),
          deleted: (id) => memory.deleted(id),
          flush: (reason) => memory.flush(reason),
          reassert: (ids, users) => this.#endings.reassert(partition, ids, users),
        };
      },
      rememberDeletedMs: Math.min(DEFAULT_REMEMBER_MS, tombstoneTtlMs),
      rememberUsersMs: Math.max(DEFAULT_REMEMBER_MS, cacheTtlMs + outage.outageGraceMs), // for as long as a copy is there
      ...(logger && { logger }),
    });
    this.coordinator.on("session-ended", (ended) => this.tell("session-ended", ended));
    for (const [partition, memory] of this.#memories.all.entries()) {
      memory.coordinator = this.coordinator.partitions.at(partition);
      memory.coordinator.on("lease-held", () => {
        this.redisStore.answered(partition);
        this.#endings.pending.hurry();
      });
    }
  }

  /** Resolves when this node holds its first lease; see `ClusterCoordinator.start()`. Until then reads go to Redis. */
  async start(): Promise<void> {
    await Promise.all([this.redisStore.start(), this.coordinator?.start()]);
  }

  get(id: string, options?: ReadOptions): Promise<Session<T> | undefined> {
    if (options !== undefined) return this.#getAsAsked(id, options);
    const held = this.#memories.of(id).lookUp(id);
    if (held !== undefined) return held.answer;
    return this.#read(id, this.onOutage);
  }

  async #getAsAsked(id: string, options: ReadOptions): Promise<Session<T> | undefined> {
    checkReadOptions(options);
    if (options.consistency !== "strong") {
      return this.#memories.of(id).lookUp(id)?.answer ?? this.#read(id, options.onOutage ?? this.onOutage);
    }
    const read = (id: string) =>
      this.#memories.of(id).loads.read(id, (flight) => this.#load(id, flight, this.localCache.peek(id)));
    return this.#follow(id, read, nothing);
  }

  peek(id: string): Session<T> | undefined {
    return this.#memories.of(id).peek(id)?.session;
  }

  create(data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    return this.add(newSessionId(), data, options);
  }

  async set(id: string, data: T | Snapshot<T>, options: WriteOptions = {}): Promise<Session<T>> {
    const save = (id: string, throughAlias: boolean) =>
      this.#write(id, options, () => this.redisStore.save(id, data, options, throughAlias));
    const saved = await this.#follow(id, save, refuse);
    if (saved.id !== id && options.ifRevision === undefined) this.#endings.pending.take(id); // it was rotated, and lives on
    return saved;
  }

  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined> {
    return this.#updates.update(id, change, options);
  }

  /**
   * Sent to Redis only if the session might otherwise end too early: a touch grants a tenth more than its TTL, so for a tenth of the
   * TTL all others, on every node that knows of it, have nothing to do. Simultaneous touches of a session are one.
   */
  async touch(id: string, options?: LifeOptions): Promise<boolean> {
    checkLifeOptions(options);
    const { ttlMs, expiresAtMs } = resolveLife(options, this.#clock.wallNow());
    const nowMs = this.#clock.now();
    const memory = this.#memories.of(id);
    const held = memory.peek(id, nowMs);
    const grantedMs = ttlMs ?? held?.ttlMs;
    if (
      held === undefined ||
      grantedMs === undefined ||
      (nowMs + grantedMs > held.aliveUntilMs && !held.isFinal)
    ) {
      const extend = (id: string, throughAlias: boolean) =>
        this.#touches.join(id, grantedMs, () =>
          this.#extend(id, options, throughAlias ? this.#memories.of(id).peek(id) : held),
        );
      return (await this.#follow(id, extend, nothing)) === true;
    }
    const endMs = expiresAtMs ?? this.#clock.wallNow() + grantedMs;
    if (endMs > held.session.expiresAtMs && !held.isFinal)
      memory.prolong(held, { ...held, expiresAtMs: endMs });
    return true;
  }

  async delete(id: string, options: DeleteOptions = {}): Promise<boolean> {
    checkDeleteOptions(options);
    return this.#endings.delete(id, options);
  }

  /** Every node drops its copy as after `delete()`. Who reads under the old id then asks Redis where it leads, and may have that in memory. */
  async rotate(id: string, newId: string, options: RotateOptions): Promise<boolean> {
    checkRotation(id, newId, options);
    const { graceMs, follow = true, deletion } = options;
    const rotate = (id: string, throughAlias: boolean) =>
      throughAlias && !follow
        ? Promise.resolve(false)
        : this.#endings.rotate({ id, newId, graceMs, throughAlias, deletion });
    return (await this.#follow(id, rotate, nothing)) === true;
  }

  add(id: string, data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    return this.#write(id, options, () => this.redisStore.insert(id, data, options));
  }

  async take(id: string): Promise<Session<T> | undefined> {
    try {
      const taken = await this.redisStore.take(id);
      if (taken !== undefined) this.#drop(taken.id); // the id may have been rotated
      return taken;
    } finally {
      this.#drop(id); // also if it failed: it may have been carried out
    }
  }

  increment(id: string, ttlMs: number): Promise<number> {
    return this.redisStore.increment(id, ttlMs);
  }

  /**
   * Deletes the session, and resolves when no node can answer with it any more: when each has said so, about two round trips on a healthy
   * network, and a little more than `cluster.maxStalenessMs` otherwise; longer only if the server loses the deletion meanwhile.
   */
  revoke(id: string, options: RevokeOptions = {}): Promise<Revocation> {
    return this.#endings.revoke(id, options);
  }

  async revokeUser(user: string, options: RevokeOptions = {}): Promise<Revocation> {
    requireUser(user);
    return this.#endings.revokeUser(user, options);
  }

  sessionsOf(user: string): AsyncGenerator<Session<T>> {
    return this.#notOver(this.redisStore.loadOf(user));
  }

  async clear(): Promise<number> {
    try {
      return await this.redisStore.clear();
    } finally {
      for (const memory of this.#memories.all) memory.flush("cleared");
    }
  }

  size(): Promise<number> {
    return this.redisStore.size();
  }

  ids(): AsyncGenerator<string> {
    return this.redisStore.ids();
  }

  all(): AsyncGenerator<Session<T>> {
    return this.#notOver(this.redisStore.loadAll());
  }

  /** The sessions of a list that did not end while it was on its way. */
  async *#notOver(list: AsyncIterable<Loaded<T>>): AsyncGenerator<Session<T>> {
    for await (const loaded of list) if (!this.#isOver(loaded)) yield loaded.session;
  }

  find(predicate: Predicate<T>): Promise<Session<T>[]> {
    return findMatching(this.all(), predicate);
  }

  count(predicate: Predicate<T>): Promise<number> {
    return countMatching(this.all(), predicate);
  }

  deleteWhere(predicate: Predicate<T>): Promise<number> {
    return deleteMatching(this, this.#clock, predicate);
  }

  /** What this node's coherence has prevented, and what it cost. */
  stats(): StoreStats {
    return {
      conflicts: this.#conflicts,
      resurrectionsBlocked: this.#resurrectionsBlocked,
      fencedReads: this.#memories.sum(({ loads }) => loads.fencedReads),
      fencedWrites: this.#memories.sum(({ loads }) => loads.fencedWrites),
      lateReplies: this.redisStore.lateReplies,
      corruptRecords: this.redisStore.corruptRecords,
      repetitions: this.redisStore.repetitions,
      breaker: this.redisStore.breaker,
      breakerOpened: this.redisStore.breakerOpened,
      servedInOutage: this.#servedInOutage,
      deletionsPending: this.#endings.pending.size,
      deletionsGivenUp: this.#endings.pending.givenUp,
      refreshes: this.#refreshes.count,
    };
  }

  /** Hits, misses, evictions and size of this node's cache. */
  cacheStats(): CacheStats {
    return this.localCache.stats();
  }

  /** Drops this node's copy of a session; `false` if it had none. The session itself stays. */
  evictFromCache(id: string): boolean {
    return this.localCache.delete(id);
  }

  healthy(): Promise<boolean> {
    return this.redisStore.healthy();
  }

  async close(): Promise<void> {
    this.#endings.pending.close();
    this.#refreshes.close();
    await this.redisStore.close();
    await this.coordinator?.close();
    for (const memory of this.#memories.all) memory.flush("closed");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Does something under an id, or under that which it was rotated to. What was held under a rotated id is dropped. */
  #follow<R, L>(
    id: string,
    attempt: (id: string, throughAlias: boolean) => Promise<R>,
    lost: (moved: Moved) => L,
  ): Promise<R | L> {
    const attemptOrDrop = (id: string, throughAlias: boolean) =>
      attempt(id, throughAlias).catch((error: unknown) => {
        if (error instanceof Moved) this.#drop(id);
        throw error;
      });
    return follow([id], attemptOrDrop, lost);
  }

  /** Reads a session from Redis, and answers with a copy if Redis cannot be asked and the caller wants one. */
  #read(id: string, onOutage: OnOutage): Promise<Session<T> | undefined> {
    const loaded = this.#follow(id, (id, throughAlias) => this.#join(id, throughAlias), nothing);
    if (onOutage === "fail") return loaded;
    return loaded.catch((error) => {
      const held =
        error instanceof StoreUnavailableError
          ? this.#memories.of(id).inOutage(id, this.#outageGraceMs)
          : undefined;
      if (held === undefined) throw error;
      this.#servedInOutage++;
      return held.session;
    });
  }

  /** Joins the load that is on its way, or sends one; what an alias leads to may be in memory. */
  async #join(id: string, throughAlias: boolean): Promise<Session<T> | undefined> {
    const memory = this.#memories.of(id);
    const held = throughAlias ? memory.lookUp(id) : undefined;
    return held?.answer ?? memory.loads.load(id, (flight) => this.#load(id, flight));
  }

  /** Reads a session again while the copy is served; one that is unchanged moves no data. */
  #refresh(id: string): Promise<unknown> {
    const { loads } = this.#memories.of(id);
    const read = (id: string) => loads.load(id, (flight) => this.#load(id, flight, this.localCache.peek(id)));
    return this.#follow(id, read, nothing);
  }

  /**
   * Reads a session for whoever waits for it. A reply may be handed out only if this node was registered all the while: otherwise a
   * revocation that came in between did not wait for it. If the session ended on the way, it may have been rotated: then a new
   * read, sent after that, says where it is.
   */
  async #load(
    id: string,
    flight: Flight,
    known?: Loaded<T>,
    isSecond = false,
  ): Promise<Session<T> | undefined> {
    const memory = this.#memories.of(id);
    const { coordinator } = memory;
    for (let attempt = 1; attempt <= MAX_LOADS; attempt++) {
      const registration =
        coordinator && (coordinator.registration ?? (await this.#register(id, coordinator)));
      const reader = coordinator?.reader;
      if (coordinator?.tracks && reader === undefined) flight.ground(); // nobody would tell what becomes of it
      const loaded = await this.redisStore.load(id, known, reader);
      if (loaded !== undefined && flight.ended && !isSecond) {
        return memory.loads.read(id, (second) => this.#load(id, second, undefined, true));
      }
      if (loaded === undefined || flight.ended || memory.isOver(loaded)) {
        this.localCache.delete(id);
        return undefined;
      }
      if (registration === undefined || coordinator?.isRegistered(registration)) {
        if (!this.#keep(loaded, flight)) this.localCache.delete(id); // what is left for an outage may be older
        return loaded.session;
      }
    }
    throw new StoreUnavailableError("this node's registration lapsed while it read");
  }

  /** All who wait for a registration wait for the same beat: to the circuit breaker it is one command. */
  #register(id: string, coordinator: PartitionCoordinator): Promise<number> {
    const registering =
      this.#registering.get(coordinator) ??
      this.redisStore
        .guard(id, () => coordinator.register())
        .finally(() => this.#registering.delete(coordinator));
    this.#registering.set(coordinator, registering);
    return registering;
  }

  async #write(id: string, options: WriteOptions, write: () => Promise<Loaded<T>>): Promise<Session<T>> {
    const pending = options.ifRevision === undefined ? this.#endings.pending.take(id) : undefined;
    const session = await this.#writeOne(id, write).catch((error) => {
      const isDone = error instanceof SessionRevokedError && !this.redisStore.isDurable; // replicas may be without it
      if (pending !== undefined && !isDone) this.#endings.pending.putBack(id, pending);
      throw error;
    });
    const { user } = options;
    if (user === undefined) return session;
    await this.#endings.limit(session, user).catch((error) => this.tell("limit-failed", user, error)); // the session was written
    return session;
  }

  #writeOne(id: string, write: () => Promise<Loaded<T>>): Promise<Session<T>> {
    const { loads, coordinator } = this.#memories.of(id);
    return loads.write(id, async (flight) => {
      let kept = false;
      const registration = coordinator?.registration;
      try {
        const loaded = await write();
        if (coordinator?.tracks) return loaded.session; // the server tells of what was read alone
        kept = this.#keep(loaded, flight);
        if (coordinator?.ready) loads.expectEcho(flight, loaded.session.revision);
        return loaded.session;
      } catch (error) {
        this.#refused(id, error);
        if (!(error instanceof SessionConflictError)) throw error;
        // The session that a conflict shows was read before it ended.
        if (flight.ended) throw new SessionRevokedError(hashForLog(id));
        if (coordinator === undefined || coordinator.isRegistered(registration ?? Number.NaN)) throw error;
        // Like what is read, it is handed out only by a node that a revocation waits for.
        const current = await this.get(id, { consistency: "strong" }).catch(() => undefined);
        throw new SessionConflictError(hashForLog(id), current, error.maybeApplied);
      } finally {
        loads.fenceReads(id);
        if (!kept) this.localCache.delete(id); // a write that failed may have been carried out
      }
    });
  }

  /** Counts and tells why a write was refused. */
  #refused(id: string, error: unknown): void {
    if (error instanceof SessionConflictError) {
      this.#conflicts++;
      this.tell("conflict", id);
    } else if (error instanceof SessionRevokedError) {
      this.#resurrectionsBlocked++;
      this.tell("resurrection-blocked", id);
    }
  }

  /** Caches what a flight brought home; but not what is to go, as soon as Redis takes the deletion. */
  #keep(loaded: Loaded<T>, flight: Flight): boolean {
    const { id } = loaded.session;
    this.#endings.met(loaded);
    return !this.#endings.pending.has(id) && this.#memories.of(id).keep(loaded, flight);
  }

  #isOver(loaded: Loaded<T>): boolean {
    return this.#memories.of(loaded.session.id).isOver(loaded);
  }

  #drop(id: string): void {
    this.#memories.of(id).drop(id);
  }

  async #extend(id: string, options: LifeOptions | undefined, held: Loaded<T> | undefined): Promise<boolean> {
    const extension = await this.redisStore.extend(id, options);
    if (extension === undefined) this.localCache.delete(id);
    else if (held !== undefined) this.#memories.of(id).prolong(held, extension);
    return extension !== undefined;
  }
}
