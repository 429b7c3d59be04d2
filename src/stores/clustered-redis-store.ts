import { type Flight, Loads } from "../cache/loads.js";
import { type CacheStats, LocalCache, type LocalCacheOptions } from "../cache/local-cache.js";
import { type Clock, systemClock } from "../clock.js";
import { ClusterCoordinator, type CoherenceTarget } from "../cluster/coordinator.js";
import { type MembershipOptions, resolveMembership } from "../cluster/membership.js";
import { InvalidOptionError } from "../errors.js";
import type { Logger } from "../events.js";
import {
  DEFAULT_CACHE_TTL_MS,
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_PREFIX,
  requireBoolean,
  requireKnownOptions,
} from "../options.js";
import type { Extension } from "../redis/session-table.js";
import { newSessionId, type Session } from "../session/session.js";
import type { Snapshot } from "../session/snapshot.js";
import { checkLifeOptions, checkReadOptions, resolveLife } from "./call-options.js";
import { countMatching, deleteMatching, findMatching, updateByRevision } from "./queries.js";
import { type Loaded, RedisStore, type RedisStoreOptions } from "./redis-store.js";
import type {
  Change,
  CreateOptions,
  DeleteOptions,
  LifeOptions,
  Predicate,
  ReadOptions,
  SessionStore,
  WriteOptions,
} from "./store.js";
import { Touches } from "./touches.js";

/** How the nodes of a `ClusteredRedisStore` find and trust each other. */
export interface ClusterOptions extends MembershipOptions {
  /** `false`: a local cache without Pub/Sub, where staleness is bounded by `localCache.ttlMs` alone. Default `true`. */
  enabled?: boolean;
}

/** Where a `ClusteredRedisStore` keeps its sessions, how it stays coherent, and what it holds in memory. */
export interface ClusteredRedisStoreOptions<T> extends Omit<RedisStoreOptions<T>, "channel" | "nodeId"> {
  /** How nodes stay coherent. */
  cluster?: ClusterOptions;
  /** What each node keeps in memory. `enabled: false`: nothing, every read goes to Redis. */
  localCache?: Omit<LocalCacheOptions, "clock"> & { enabled?: boolean };
  /** Told when the node can and cannot serve from memory. Default: nobody. */
  logger?: Logger;
}

const OPTIONS =
  "client prefix ttlMs codec commandTimeoutMs maxPendingCommands clock cluster localCache logger".split(" ");
const CLUSTER_OPTIONS = "enabled nodeId channel subscribeTimeoutMs maxStalenessMs".split(" ");
const CACHE_OPTIONS = "enabled ttlMs maxEntries maxBytes".split(" ");

/** By how much the cache's TTL varies, so that sessions cached together do not come back to Redis together. */
const TTL_JITTER = 0.1;
/** What decoded data takes in memory per character of its JSON; measured by `bench/memory.mjs`. */
const BYTES_PER_CHARACTER = 2;

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
export class ClusteredRedisStore<T = unknown> implements SessionStore<T> {
  readonly ttlMs: number;
  /** The store behind the cache. */
  readonly redisStore: RedisStore<T>;
  /** What this node holds in memory. */
  readonly localCache: LocalCache<Loaded<T>>;
  /** What keeps this node coherent; `undefined` if there is nothing to keep: no cache, or `cluster.enabled: false`. */
  readonly coordinator: ClusterCoordinator | undefined;
  readonly #cacheEnabled: boolean;
  readonly #cacheTtlMs: number;
  readonly #clock: Clock;
  readonly #loads = new Loads<Session<T> | undefined>();
  readonly #touches = new Touches();
  readonly #target: CoherenceTarget = {
    changed: (id, tag) => {
      if (!this.#loads.fenceChange(id, tag)) return;
      const held = this.localCache.peek(id);
      if (held !== undefined && held.session.revision !== tag) this.localCache.delete(id);
    },
    deleted: (id) => {
      this.#loads.fenceDelete(id);
      this.localCache.delete(id);
    },
    flush: () => {
      this.#loads.fenceAll();
      this.localCache.clear();
    },
  };

  constructor(options: ClusteredRedisStoreOptions<T>) {
    requireKnownOptions("", options, OPTIONS);
    const { cluster = {}, localCache = {}, logger, ...redis } = options;
    requireKnownOptions("cluster.", cluster, CLUSTER_OPTIONS);
    requireKnownOptions("localCache.", localCache, CACHE_OPTIONS);
    const { enabled: clusterEnabled = true } = cluster;
    const { enabled: cacheEnabled = true, ttlMs: cacheTtlMs = DEFAULT_CACHE_TTL_MS, ...limits } = localCache;
    const { client, prefix = DEFAULT_PREFIX, clock = systemClock } = redis;
    const { commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS } = redis;
    requireBoolean("cluster.enabled", clusterEnabled);
    requireBoolean("localCache.enabled", cacheEnabled);
    const membership = resolveMembership(cluster);
    const { nodeId, channel, maxStalenessMs } = membership;
    this.#clock = clock;
    this.#cacheEnabled = cacheEnabled;
    this.#cacheTtlMs = cacheTtlMs;
    this.localCache = new LocalCache({ ...limits, ttlMs: cacheTtlMs, clock });
    this.redisStore = new RedisStore({ ...redis, channel: clusterEnabled ? channel : null, nodeId });
    this.ttlMs = this.redisStore.ttlMs;
    if (!clusterEnabled || !cacheEnabled) return;
    if (commandTimeoutMs >= maxStalenessMs) {
      // otherwise a reply could be served that was read longer ago than the bound
      throw new InvalidOptionError(
        "commandTimeoutMs",
        `less than cluster.maxStalenessMs (${maxStalenessMs})`,
        commandTimeoutMs,
      );
    }
    const connection = { client, prefix, commandTimeoutMs, clock, target: this.#target };
    this.coordinator = new ClusterCoordinator({ ...membership, ...connection, ...(logger && { logger }) });
  }

  /** Resolves when this node holds its first lease; see `ClusterCoordinator.start()`. Until then reads go to Redis. */
  async start(): Promise<void> {
    await this.redisStore.start();
    await this.coordinator?.start();
  }

  get(id: string, options?: ReadOptions): Promise<Session<T> | undefined> {
    if (options !== undefined) return this.#getAsAsked(id, options);
    const held = this.#lookUp(id);
    if (held !== undefined) return held.answer;
    return this.#loads.load(id, (flight) => this.#load(id, flight));
  }

  async #getAsAsked(id: string, options: ReadOptions): Promise<Session<T> | undefined> {
    checkReadOptions(options);
    if (options.consistency !== "strong") return this.get(id);
    return this.#loads.read(id, (flight) => this.#load(id, flight));
  }

  peek(id: string): Session<T> | undefined {
    const nowMs = this.#clock.now();
    return this.#mayServe(nowMs) ? this.localCache.peek(id, nowMs)?.session : undefined;
  }

  create(data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    const id = newSessionId();
    return this.#write(id, () => this.redisStore.insert(id, data, options));
  }

  set(id: string, data: T | Snapshot<T>, options: WriteOptions = {}): Promise<Session<T>> {
    return this.#write(id, () => this.redisStore.save(id, data, options));
  }

  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined> {
    return updateByRevision(this, id, change, options);
  }

  /**
   * Sent to Redis only if the session might otherwise end too early: a touch grants a tenth more than its TTL, so for a tenth of the
   * TTL all others, on every node that knows of it, have nothing to do. Simultaneous touches of a session are one.
   */
  async touch(id: string, options?: LifeOptions): Promise<boolean> {
    checkLifeOptions(options);
    const { ttlMs, expiresAtMs } = resolveLife(options, this.#clock.wallNow());
    const nowMs = this.#clock.now();
    const held = this.#mayServe(nowMs) ? this.localCache.peek(id, nowMs) : undefined;
    const grantedMs = ttlMs ?? held?.ttlMs;
    if (
      held === undefined ||
      grantedMs === undefined ||
      (nowMs + grantedMs > held.aliveUntilMs && !held.isFinal)
    ) {
      return this.#touches.join(id, grantedMs, () => this.#extend(id, options, held));
    }
    const endMs = expiresAtMs ?? this.#clock.wallNow() + grantedMs;
    if (endMs > held.session.expiresAtMs && !held.isFinal)
      this.#prolong(held, { ...held, expiresAtMs: endMs });
    return true;
  }

  async delete(id: string, options?: DeleteOptions): Promise<boolean> {
    try {
      return await this.redisStore.delete(id, options);
    } finally {
      this.#target.deleted(id); // also if it failed: it may have been carried out
    }
  }

  async clear(): Promise<number> {
    try {
      return await this.redisStore.clear();
    } finally {
      this.#target.flush();
    }
  }

  size(): Promise<number> {
    return this.redisStore.size();
  }

  ids(): AsyncGenerator<string> {
    return this.redisStore.ids();
  }

  all(): AsyncGenerator<Session<T>> {
    return this.redisStore.all();
  }

  find(predicate: Predicate<T>): Promise<Session<T>[]> {
    return findMatching(this.all(), predicate);
  }

  count(predicate: Predicate<T>): Promise<number> {
    return countMatching(this.all(), predicate);
  }

  deleteWhere(predicate: Predicate<T>): Promise<number> {
    return deleteMatching(this, predicate);
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
    await this.redisStore.close();
    await this.coordinator?.close();
    this.#target.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The hot path: one look at the clock, two comparisons and a map lookup; nothing is allocated. */
  #lookUp(id: string): Loaded<T> | undefined {
    const nowMs = this.#clock.now();
    if (this.#mayServe(nowMs)) return this.localCache.get(id, nowMs);
    this.localCache.countMiss();
    return undefined;
  }

  /** Whether what is in memory is known to be fresh enough. */
  #mayServe(nowMs: number): boolean {
    return this.#cacheEnabled && (this.coordinator === undefined || nowMs < this.coordinator.leaseUntilMs);
  }

  async #load(id: string, flight: Flight): Promise<Session<T> | undefined> {
    const loaded = await this.redisStore.load(id);
    if (loaded === undefined) this.localCache.delete(id);
    else this.#keep(loaded, flight);
    return loaded?.session;
  }

  #write(id: string, write: () => Promise<Loaded<T>>): Promise<Session<T>> {
    return this.#loads.write(id, async (flight) => {
      let kept = false;
      try {
        const loaded = await write();
        kept = this.#keep(loaded, flight);
        if (this.coordinator?.ready) this.#loads.expectEcho(flight, loaded.session.revision);
        return loaded.session;
      } finally {
        this.#loads.fenceReads(id);
        if (!kept) this.localCache.delete(id); // a write that failed may have been carried out
      }
    });
  }

  /** Caches what a flight brought home, if nothing that happened meanwhile forbids it. */
  #keep(loaded: Loaded<T>, flight: Flight): boolean {
    const { session, aliveUntilMs, encodedLength } = loaded;
    const nowMs = this.#clock.now();
    if (!this.#mayServe(nowMs) || !flight.mayCache(session.revision)) return false;
    const ttlMs = Math.min(this.#cacheTtlMs, aliveUntilMs - nowMs) * (1 - Math.random() * TTL_JITTER);
    this.localCache.set(session.id, loaded, { ttlMs, bytes: BYTES_PER_CHARACTER * encodedLength });
    return true;
  }

  async #extend(id: string, options: LifeOptions | undefined, held: Loaded<T> | undefined): Promise<boolean> {
    const extension = await this.redisStore.extend(id, options);
    if (extension === undefined) this.localCache.delete(id);
    else if (held !== undefined) this.#prolong(held, extension);
    return extension !== undefined;
  }

  /** Notes a longer life of what is held, if it is held still. */
  #prolong(held: Loaded<T>, { aliveUntilMs, expiresAtMs, isFinal }: Extension): void {
    const { id } = held.session;
    if (this.localCache.peek(id) !== held) return;
    const session = Object.freeze({ ...held.session, expiresAtMs });
    this.localCache.replace(
      id,
      Object.freeze({ ...held, session, answer: Promise.resolve(session), aliveUntilMs, isFinal }),
    );
  }
}
