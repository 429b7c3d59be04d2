import { LocalCache } from "sessionmesh";
import { compare, repeat } from "./harness.mjs";
import { timingTable } from "./report.mjs";

const SIZES = [1_000, 100_000, 1_000_000];
const QUICK_SIZES = [100, 1_000, 10_000];
const TTL_MS = 3_600_000;
const VALUE = Object.freeze({ userId: 42 });
/** What a value is said to weigh: little, so that only the number of entries makes them go. */
const BYTES = 1;

/**
 * What does an insertion cost when the cache is full?
 *
 * @param {import("./questions.mjs").Context} context
 * @returns {Promise<import("./report.mjs").Table[]>}
 */
export async function run({ effort, quick }) {
  const tables = [];
  for (const maxEntries of quick ? QUICK_SIZES : SIZES) {
    const cache = new LocalCache({ ttlMs: TTL_MS, maxEntries, maxBytes: Number.MAX_SAFE_INTEGER });
    const scanning = new ScanningCache(maxEntries);
    const map = new Map();
    const fill = (/** @type {(n: number) => unknown} */ insert) => {
      let n = 0;
      while (n < maxEntries) insert(n++);
      return () => n++; // from here on each insertion is one too many
    };
    const cached = fill((n) => cache.set(idOf(n), VALUE, { bytes: BYTES }));
    const scanned = fill((n) => scanning.insert(idOf(n), VALUE));
    const mapped = fill((n) => map.set(idOf(n), VALUE));
    const replace = (/** @type {number} */ n) => map.delete(idOf(n - maxEntries)) && map.set(idOf(n), VALUE);
    const candidates = [
      { name: "Map: one in, one out", run: repeat(() => replace(mapped())) },
      { name: "LocalCache", run: repeat(() => cache.set(idOf(cached()), VALUE, { bytes: BYTES })) },
      { name: "a cache that scans its entries", run: repeat(() => scanning.set(idOf(scanned()), VALUE)) },
    ];
    const title = `Insertion into a full cache, ${maxEntries.toLocaleString("en")} entries`;
    tables.push(timingTable(title, await compare(candidates, effort), NOTE));
  }
  return tables;
}

const NOTE =
  "The Map shows what a larger table costs by itself: it no longer fits the caches of the processor.";

/** @param {number} n */
function idOf(n) {
  return `session ${n}`;
}

/** The naive design: each insertion looks at all entries, for those that have expired and for the least recently used one. */
class ScanningCache {
  /** @type {Map<string, { value: unknown, expiresAtMs: number, usedAtMs: number }>} */
  #entries = new Map();
  #maxEntries;

  /** @param {number} maxEntries */
  constructor(maxEntries) {
    this.#maxEntries = maxEntries;
  }

  /**
   * @param {string} id
   * @param {unknown} value
   */
  set(id, value) {
    this.#evict();
    this.insert(id, value);
  }

  /**
   * Inserts without making room, so that a large one can be filled in less than hours.
   *
   * @param {string} id
   * @param {unknown} value
   */
  insert(id, value) {
    const nowMs = performance.now();
    this.#entries.set(id, { value, expiresAtMs: nowMs + TTL_MS, usedAtMs: nowMs });
  }

  #evict() {
    const nowMs = performance.now();
    let oldestId = "";
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const [id, { expiresAtMs, usedAtMs }] of this.#entries) {
      if (expiresAtMs <= nowMs) this.#entries.delete(id);
      else if (usedAtMs < oldestMs) {
        oldestMs = usedAtMs;
        oldestId = id;
      }
    }
    if (this.#entries.size >= this.#maxEntries) this.#entries.delete(oldestId);
  }
}
