import { type Flight, Loads } from "../cache/loads.js";
import type { CacheGroup, LocalCache } from "../cache/local-cache.js";
import type { Clock } from "../clock.js";
import type { CoherenceTarget, PartitionCoordinator } from "../cluster/partition-coordinator.js";
import type { FlushReason } from "../cluster/report.js";
import type { Extension } from "../redis/session-table.js";
import type { Session } from "../session/session.js";
import type { Loaded } from "./redis-store.js";

/** By how much the cache's TTL varies, so that sessions cached together do not come back to Redis together. */
export const TTL_JITTER = 0.1;
/** In which part of its time, at its end, a copy that is asked for is read again: whoever comes once in six seconds, by default, never waits for Redis. */
export const REFRESH_SHARE = 0.2;
/** What decoded data takes in memory per character of its JSON; measured by `bench/memory.mjs`. */
const BYTES_PER_CHARACTER = 2;

/** What limits what a node holds of one partition in memory. */
export interface NearCacheOptions<T> {
  /** Where it is held, beside what is held of the other partitions. */
  readonly localCache: LocalCache<Loaded<T>>;
  readonly clock: Clock;
  /** `false`: nothing is held. */
  readonly enabled: boolean;
  readonly ttlMs: number;
  /** Whether copies that are asked for are read again before their time is over. */
  readonly refreshAhead: boolean;
}

/**
 * What a node holds of the sessions of one partition, and what it may serve of that: a copy is served only while the node has its lease, and only if no
 * message that came after it said otherwise. Messages come in by `changed`, `deleted` and `flush`; replies of Redis by `keep`, each in the
 * flight that was told of what happened meanwhile.
 */
export class NearCache<T> implements Pick<CoherenceTarget, "changed" | "deleted" | "flush"> {
  readonly localCache: LocalCache<Loaded<T>>;
  /** The reads and writes under way. */
  readonly loads = new Loads<Session<T> | undefined>();
  /** What keeps the node coherent. `undefined`: nothing does, and a copy is served for its time. */
  coordinator: PartitionCoordinator | undefined;
  readonly #group: CacheGroup;
  readonly #clock: Clock;
  readonly #enabled: boolean;
  readonly #ttlMs: number;
  readonly #refreshAhead: boolean;

  constructor({ localCache, clock, enabled, ttlMs, refreshAhead }: NearCacheOptions<T>) {
    this.localCache = localCache;
    this.#group = localCache.group();
    this.#clock = clock;
    this.#enabled = enabled;
    this.#ttlMs = ttlMs;
    this.#refreshAhead = refreshAhead;
  }

  /** The hot path: one look at the clock, three comparisons and a map lookup; nothing is allocated. */
  lookUp(id: string): Loaded<T> | undefined {
    const nowMs = this.#clock.now();
    if (this.#mayServe(nowMs)) {
      const held = this.localCache.lookUp(id, nowMs);
      if (held === undefined || !this.#isUserRevoked(held)) return held;
      this.localCache.delete(id);
    }
    this.localCache.countMiss();
    return undefined;
  }

  /** The same for whoever only looks: neither a hit nor a miss. */
  peek(id: string, nowMs = this.#clock.now()): Loaded<T> | undefined {
    const held = this.#mayServe(nowMs) ? this.localCache.peek(id, nowMs) : undefined;
    return held === undefined || this.#isUserRevoked(held) ? undefined : held;
  }

  /** What may be served in an outage: not beyond the grace, nor the session's own life, and nothing that is known to be over. */
  inOutage(id: string, graceMs: number): Loaded<T> | undefined {
    if (this.coordinator !== undefined && this.coordinator.leaseOverForMs >= graceMs) return undefined;
    const nowMs = this.#clock.now();
    const held = this.localCache.stale(id, graceMs, nowMs);
    return held === undefined || nowMs >= held.aliveUntilMs || this.isOver(held) ? undefined : held;
  }

  /** Caches what a flight brought home, if nothing that happened meanwhile forbids it. */
  keep(loaded: Loaded<T>, flight: Flight): boolean {
    const { session, aliveUntilMs, encodedLength } = loaded;
    const nowMs = this.#clock.now();
    if (!this.#mayServe(nowMs) || !flight.mayCache(session.revision) || this.isOver(loaded)) return false;
    const ttlMs = Math.min(this.#ttlMs, aliveUntilMs - nowMs) * (1 - this.#clock.random() * TTL_JITTER);
    const endsWithSession = aliveUntilMs - nowMs <= this.#ttlMs; // then nothing is gained by another look
    this.localCache.set(session.id, loaded, {
      ttlMs,
      freshMs: this.#refreshAhead && !endsWithSession ? ttlMs * (1 - REFRESH_SHARE) : undefined,
      bytes: BYTES_PER_CHARACTER * encodedLength,
      group: this.#group,
    });
    return true;
  }

  /** Notes a longer life of what is held, if it is held still. */
  prolong(held: Loaded<T>, { aliveUntilMs, expiresAtMs, isFinal }: Extension): void {
    const { id } = held.session;
    if (this.localCache.peek(id) !== held) return;
    const session = Object.freeze({ ...held.session, expiresAtMs });
    this.localCache.replace(
      id,
      Object.freeze({ ...held, session, answer: Promise.resolve(session), aliveUntilMs, isFinal }),
    );
  }

  /** Drops what is held of a session; who waits for a reply still gets it. */
  drop(id: string): void {
    this.loads.fenceReads(id);
    this.localCache.delete(id);
  }

  /** Whether a session is known to be over, whatever Redis said when it was asked. */
  isOver({ session, generation }: Loaded<T>): boolean {
    return this.coordinator?.isRevoked(session.id, session.user, generation) === true;
  }

  changed(id: string, tag: string): void {
    if (!this.loads.fenceChange(id, tag)) return;
    if (this.localCache.peek(id)?.session.revision !== tag) this.localCache.delete(id);
  }

  deleted(id: string): void {
    this.loads.fenceDelete(id);
    this.localCache.delete(id);
  }

  flush(reason: FlushReason): void {
    this.loads.fenceAll();
    if (reason === "subscription-lost") this.localCache.setAside(this.#group);
    else this.localCache.clear(this.#group);
  }

  #isUserRevoked({ session, generation }: Loaded<T>): boolean {
    return session.user !== undefined && this.coordinator?.isUserRevoked(session.user, generation) === true;
  }

  /** Whether what is in memory is known to be fresh enough. */
  #mayServe(nowMs: number): boolean {
    return this.#enabled && (this.coordinator === undefined || nowMs < this.coordinator.leaseUntilMs);
  }
}
