import { LRUCache } from "lru-cache";
import { type MonotonicClock, systemClock } from "../clock.js";
import { InvalidOptionError } from "../errors.js";
import {
  DEFAULT_CACHE_MAX_BYTES,
  DEFAULT_CACHE_MAX_ENTRIES,
  DEFAULT_CACHE_TTL_MS,
  requireKnownOptions,
  requireMethods,
  requirePositiveInteger,
} from "../options.js";
import { cloneDeep, freezeDeep } from "../session/snapshot.js";

/** The bounds of a `LocalCache`. */
export interface LocalCacheOptions {
  /** How long an entry may be served, in milliseconds. Default 30,000. */
  ttlMs?: number;
  /** How many entries are kept; the least recently used one makes room. Default 10,000. */
  maxEntries?: number;
  /** How many bytes the entries may take together, by estimate; likewise. Default 67,108,864 (64 MiB). */
  maxBytes?: number;
  /** Where the time comes from. Default: the machine's monotonic clock. */
  clock?: MonotonicClock;
}

/** What `LocalCache.set()` may be told of one entry. */
export interface CacheEntryOptions {
  /** How long this entry may be served, in milliseconds, if that is shorter than the cache's `ttlMs`. */
  ttlMs?: number;
  /** For how long it is fresh, in milliseconds: the first `lookUp()` after that tells `onAging`. Default: as long as it may be served. */
  freshMs?: number | undefined;
  /** What the entry weighs. Default: twice the length of its JSON, what V8 takes for it give or take. */
  bytes?: number;
  /** With which others it is dropped by `clear(group)`. Default: with those that named none, either. */
  group?: CacheGroup;
}

/** Entries that are dropped together, in constant time: made by `LocalCache.group()`. */
export class CacheGroup {
  /** What is set now belongs to this one. */
  current = new Generation();
  /** The one before, while `stale()` shows it. */
  setAside: Generation | undefined;

  /** Begins a new generation; the one before. */
  begin(): Generation {
    const { current } = this;
    current.isCurrent = false;
    if (this.setAside !== undefined) this.setAside.isSetAside = false;
    this.setAside = undefined;
    this.current = new Generation();
    return current;
  }
}

/** The entries of a group that were set between two times that it was cleared. */
class Generation {
  isCurrent = true;
  isSetAside = false;
  size = 0;
  bytes = 0;
}

/** Why an entry left: its time was over, it made room for others, or somebody asked for it to go. */
export type EvictionReason = "expired" | "capacity" | "invalidated";

/** How a cache has done since it was made, or since `resetStats()`. */
export interface CacheStats {
  /** Lookups answered from memory. */
  hits: number;
  /** Lookups that were not. */
  misses: number;
  /** `hits / (hits + misses)`, or 0 before the first lookup. */
  hitRate: number;
  /** Entries that left, for whatever reason. */
  evictions: number;
  /** The same by reason. */
  evictionsByReason: Record<EvictionReason, number>;
  /** Entries held now. */
  size: number;
  /** What they weigh together, by estimate. */
  bytes: number;
}

interface Entry<V> {
  value: V;
  readonly bytes: number;
  freshUntilMs: number;
  readonly expiresAtMs: number;
  readonly generation: Generation;
}

/** What an entry weighs beside its value: the entry, its key and its place in the LRU list. */
const ENTRY_OVERHEAD_BYTES = 256;
/** How many entries of a past generation an insertion removes: two, so that the dead are gone before the living double. */
const RECLAIM_PER_SET = 2;
/** At how many entries it looks for them, from the least recently used on: the living of other groups may stand before them. */
const LOOKS_PER_SET = 8;

/**
 * A bounded cache of frozen snapshots. Every operation takes constant time: no timer runs, and nothing is ever scanned.
 *
 * - An entry past its time is dropped by the lookup that finds it, or by the LRU order, whichever comes first.
 * - `clear()` begins a new generation; entries of a past one are never served and leave two at a time as others come in. It may be that of
 *   one group of entries.
 *
 * @example
 * const cache = new LocalCache<{ name: string }>({ ttlMs: 30_000, maxEntries: 1_000 });
 * cache.set("a", { name: "Ada" });
 * cache.get("a"); // { name: "Ada" }, frozen
 */
export class LocalCache<V extends {}> {
  /** Called once for each entry that is looked up when it is not fresh any more. Default: nothing is. */
  onAging: ((id: string) => void) | undefined;
  readonly #entries: LRUCache<string, Entry<V>>;
  readonly #ttlMs: number;
  readonly #maxBytes: number;
  readonly #clock: MonotonicClock;
  readonly #ungrouped = new CacheGroup();
  readonly #groups = [this.#ungrouped];
  /** Where the next insertion goes on to look for entries of past generations. */
  #sweep: Iterator<string> | undefined;
  #size = 0;
  #bytes = 0;
  #hits = 0;
  #misses = 0;
  #evictions: Record<EvictionReason, number> = { expired: 0, capacity: 0, invalidated: 0 };

  constructor(options: LocalCacheOptions = {}) {
    requireKnownOptions("localCache.", options, ["ttlMs", "maxEntries", "maxBytes", "clock"]);
    const {
      ttlMs = DEFAULT_CACHE_TTL_MS,
      maxEntries = DEFAULT_CACHE_MAX_ENTRIES,
      maxBytes = DEFAULT_CACHE_MAX_BYTES,
      clock = systemClock,
    } = options;
    requirePositiveInteger("localCache.ttlMs", ttlMs);
    requirePositiveInteger("localCache.maxEntries", maxEntries);
    requirePositiveInteger("localCache.maxBytes", maxBytes);
    requireMethods("localCache.clock", clock, ["now"]);
    this.#ttlMs = ttlMs;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
    this.#entries = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (entry) => entry.bytes,
      dispose: (entry, _id, reason) => this.#disposed(entry, reason),
    });
  }

  /** The value, or `undefined`. `nowMs` spares a second look at the clock to a caller who already looked. */
  get(id: string, nowMs: number = this.#clock.now()): V | undefined {
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      if (entry.generation.isCurrent && nowMs < entry.expiresAtMs) {
        this.#hits++;
        return entry.value;
      }
      this.#drop(id, entry, "expired");
    }
    this.#misses++;
    return undefined;
  }

  /** `get()`, except that what `stale()` shows stays: an entry past its time, or set aside, until it is replaced or makes room. */
  lookUp(id: string, nowMs: number = this.#clock.now()): V | undefined {
    const entry = this.#entries.get(id);
    if (entry?.generation.isCurrent && nowMs < entry.expiresAtMs) {
      this.#hits++;
      if (nowMs >= entry.freshUntilMs) this.#age(id, entry);
      return entry.value;
    }
    // being looked for made it the most recently used; dead, it would outlive the living there
    if (entry !== undefined && !entry.generation.isCurrent && !entry.generation.isSetAside)
      this.#entries.delete(id);
    this.#misses++;
    return undefined;
  }

  #age(id: string, entry: Entry<V>): void {
    entry.freshUntilMs = entry.expiresAtMs;
    this.onAging?.(id);
  }

  /** What must not be served in good times: an entry whose time was over at most `graceMs` ago, also one that was set aside. Counts nothing. */
  stale(id: string, graceMs: number, nowMs: number = this.#clock.now()): V | undefined {
    const entry = this.#entries.peek(id);
    const isKept = entry?.generation.isCurrent || entry?.generation.isSetAside;
    return entry !== undefined && isKept && nowMs < entry.expiresAtMs + graceMs ? entry.value : undefined;
  }

  /** The value, or `undefined`; counts nothing and leaves the LRU order as it is. */
  peek(id: string, nowMs: number = this.#clock.now()): V | undefined {
    const entry = this.#entries.peek(id);
    return entry?.generation.isCurrent && nowMs < entry.expiresAtMs ? entry.value : undefined;
  }

  /**
   * Keeps a frozen snapshot of `value`. A value that is frozen already is taken to be so all the way down and is kept itself;
   * any other is copied first, so that its owner may go on changing it. A value larger than the cache is not kept.
   */
  set(id: string, value: V, options: CacheEntryOptions = {}): void {
    const {
      ttlMs = this.#ttlMs,
      freshMs = ttlMs,
      bytes = jsonBytes(value),
      group = this.#ungrouped,
    } = options;
    if (!(bytes >= 0)) throw new InvalidOptionError("bytes", "a number of at least 0", bytes);
    this.#reclaim();
    const lifeMs = Math.min(ttlMs, this.#ttlMs);
    const weight = Math.ceil(bytes) + ENTRY_OVERHEAD_BYTES;
    if (!(lifeMs > 0) || weight > this.#maxBytes) {
      this.delete(id); // what is there is older than what could not be kept
      return;
    }
    const nowMs = this.#clock.now();
    const entry: Entry<V> = {
      value: Object.isFrozen(value) ? value : (freezeDeep(cloneDeep<V>(value as never)) as V),
      bytes: weight,
      freshUntilMs: Math.floor(nowMs + Math.min(freshMs, lifeMs)), // a whole number takes no memory of its own
      expiresAtMs: Math.floor(nowMs + lifeMs),
      generation: group.current,
    };
    this.#size++;
    this.#bytes += weight;
    entry.generation.size++;
    entry.generation.bytes += weight;
    this.#entries.set(id, entry);
  }

  /** Swaps the value of an entry, which keeps its age and its weight. The new value must be frozen. Nothing if there is no entry. */
  replace(id: string, value: V): void {
    const entry = this.#entries.peek(id);
    if (entry?.generation.isCurrent) entry.value = value;
  }

  /** Drops an entry; `false` if there was none. */
  delete(id: string): boolean {
    const entry = this.#entries.peek(id);
    return entry !== undefined && this.#drop(id, entry, "invalidated");
  }

  /** A new group of entries, to be dropped together. */
  group(): CacheGroup {
    const group = new CacheGroup();
    this.#groups.push(group);
    return group;
  }

  /** Drops a group's entries, except that `stale()` shows them until its next `clear()` or `setAside()`; in constant time. */
  setAside(group: CacheGroup = this.#ungrouped): void {
    const generation = this.#clear(group);
    generation.isSetAside = true;
    group.setAside = generation;
  }

  /** Drops all entries, or those of one group; in constant time for each group. */
  clear(group?: CacheGroup): void {
    for (const cleared of group === undefined ? this.#groups : [group]) this.#clear(cleared);
  }

  #clear(group: CacheGroup): Generation {
    const generation = group.begin();
    this.#evictions.invalidated += generation.size;
    this.#size -= generation.size;
    this.#bytes -= generation.bytes;
    return generation;
  }

  /** Counts a lookup that the caller did not even try here, because the cache must not be trusted now. */
  countMiss(): void {
    this.#misses++;
  }

  /** Entries held now, those past their time included until a lookup or the LRU order finds them. */
  get size(): number {
    return this.#size;
  }

  stats(): CacheStats {
    const lookups = this.#hits + this.#misses;
    const { expired, capacity, invalidated } = this.#evictions;
    return {
      hits: this.#hits,
      misses: this.#misses,
      hitRate: lookups === 0 ? 0 : this.#hits / lookups,
      evictions: expired + capacity + invalidated,
      evictionsByReason: { expired, capacity, invalidated },
      size: this.#size,
      bytes: this.#bytes,
    };
  }

  /** Sets the counts to zero; the entries stay. */
  resetStats(): void {
    this.#hits = 0;
    this.#misses = 0;
    this.#evictions = { expired: 0, capacity: 0, invalidated: 0 };
  }

  #drop(id: string, entry: Entry<V>, reason: EvictionReason): boolean {
    const counted = entry.generation.isCurrent;
    if (counted) this.#evictions[reason]++;
    this.#entries.delete(id);
    return counted;
  }

  /** Every way out of the LRU list leads through here, replacement included. */
  #disposed(entry: Entry<V>, reason: LRUCache.DisposeReason): void {
    const { generation, bytes } = entry;
    if (!generation.isCurrent) return; // clear() has counted it
    this.#size--;
    this.#bytes -= bytes;
    generation.size--;
    generation.bytes -= bytes;
    if (reason === "evict") this.#evictions.capacity++;
    else if (reason === "set" && this.#clock.now() >= entry.expiresAtMs) this.#evictions.expired++;
  }

  /**
   * Removes entries of past generations, and no others. After a `clear()` of all they are the least recently used; after one of a group, living ones
   * of other groups stand between them. So it goes through the LRU order, some entries at each insertion, for as long as there are any.
   */
  #reclaim(): void {
    let reclaimed = 0;
    for (
      let n = 0;
      n < LOOKS_PER_SET && reclaimed < RECLAIM_PER_SET && this.#entries.size > this.#size;
      n++
    ) {
      this.#sweep ??= this.#entries.rkeys();
      const { value: id, done } = this.#sweep.next();
      if (done) this.#sweep = undefined;
      else if (this.#entries.peek(id)?.generation.isCurrent === false) {
        this.#entries.delete(id);
        reclaimed++;
      }
    }
    if (this.#entries.size === this.#size) this.#sweep = undefined;
  }
}

function jsonBytes(value: unknown): number {
  return 2 * (JSON.stringify(value)?.length ?? 0);
}
