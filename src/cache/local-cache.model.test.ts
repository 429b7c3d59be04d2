import fc from "fast-check";
import { expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.js";
import { LocalCache } from "./local-cache.js";

const LIMITS = { ttlMs: 100, maxEntries: 4, maxBytes: 2_000 };
const OVERHEAD_BYTES = 256;

/** What the cache should do, written down as plainly as possible: a list in the order of use, scanned for everything. */
class NaiveCache {
  entries: { id: string; value: number; expiresAtMs: number; weight: number }[] = [];
  hits = 0;
  misses = 0;
  evictionsByReason = { expired: 0, capacity: 0, invalidated: 0 };

  get(id: string, nowMs: number): number | undefined {
    const entry = this.#take(id);
    if (entry !== undefined && nowMs < entry.expiresAtMs) {
      this.entries.push(entry);
      this.hits++;
      return entry.value;
    }
    if (entry !== undefined) this.evictionsByReason.expired++;
    this.misses++;
    return undefined;
  }

  lookUp(id: string, nowMs: number): number | undefined {
    const entry = this.#take(id);
    if (entry !== undefined) this.entries.push(entry);
    if (entry !== undefined && nowMs < entry.expiresAtMs) {
      this.hits++;
      return entry.value;
    }
    this.misses++;
    return undefined;
  }

  peek(id: string, nowMs: number): number | undefined {
    return this.entries.find((entry) => entry.id === id && nowMs < entry.expiresAtMs)?.value;
  }

  set(id: string, value: number, ttlMs: number, bytes: number, nowMs: number): void {
    const weight = bytes + OVERHEAD_BYTES;
    if (weight > LIMITS.maxBytes) {
      this.delete(id);
      return;
    }
    const replaced = this.#take(id);
    if (replaced !== undefined && nowMs >= replaced.expiresAtMs) this.evictionsByReason.expired++;
    this.entries.push({ id, value, expiresAtMs: nowMs + Math.min(ttlMs, LIMITS.ttlMs), weight });
    while (this.entries.length > LIMITS.maxEntries || this.bytes > LIMITS.maxBytes) {
      this.entries.shift();
      this.evictionsByReason.capacity++;
    }
  }

  replace(id: string, value: number): void {
    for (const entry of this.entries) if (entry.id === id) entry.value = value;
  }

  delete(id: string): boolean {
    const found = this.#take(id) !== undefined;
    if (found) this.evictionsByReason.invalidated++;
    return found;
  }

  clear(): void {
    this.evictionsByReason.invalidated += this.entries.length;
    this.entries = [];
  }

  get bytes(): number {
    return this.entries.reduce((sum, { weight }) => sum + weight, 0);
  }

  #take(id: string) {
    const index = this.entries.findIndex((entry) => entry.id === id);
    return index === -1 ? undefined : this.entries.splice(index, 1)[0];
  }
}

interface Pair {
  readonly real: LocalCache<number>;
  readonly naive: NaiveCache;
  readonly clock: ManualClock;
}

const id = fc.constantFrom("a", "b", "c", "d", "e", "f");
const step: fc.Arbitrary<(pair: Pair) => void> = fc.oneof(
  fc.tuple(id, fc.nat(150), fc.nat(1_800)).map(([id, life, bytes]) => ({ real, naive, clock }: Pair) => {
    const ttlMs = life + 1;
    real.set(id, bytes, { ttlMs, bytes });
    naive.set(id, bytes, ttlMs, bytes, clock.now());
  }),
  id.map((id) => ({ real, naive, clock }: Pair) => {
    expect(real.get(id)).toBe(naive.get(id, clock.now()));
  }),
  id.map((id) => ({ real, naive, clock }: Pair) => {
    expect(real.lookUp(id)).toBe(naive.lookUp(id, clock.now()));
  }),
  id.map((id) => ({ real, naive, clock }: Pair) => {
    expect(real.peek(id)).toBe(naive.peek(id, clock.now()));
  }),
  id.map((id) => ({ real, naive }: Pair) => {
    expect(real.delete(id)).toBe(naive.delete(id));
  }),
  fc.tuple(id, fc.nat()).map(([id, value]) => ({ real, naive }: Pair) => {
    real.replace(id, value);
    naive.replace(id, value);
  }),
  fc.constant(({ real, naive }: Pair) => {
    real.clear();
    naive.clear();
  }),
  fc.nat(60).map(
    (ms) =>
      ({ clock }: Pair) =>
        clock.advance(ms),
  ),
);

test("whatever is done to it, the cache answers and counts as a plain list would", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new ManualClock();
      const real = new LocalCache<number>({ ...LIMITS, clock });
      const naive = new NaiveCache();
      for (const step of steps) {
        step({ real, naive, clock });
        const { hits, misses, evictionsByReason, size, bytes } = real.stats();
        expect({ hits, misses, evictionsByReason, size, bytes }).toEqual({
          hits: naive.hits,
          misses: naive.misses,
          evictionsByReason: naive.evictionsByReason,
          size: naive.entries.length,
          bytes: naive.bytes,
        });
      }
      for (const id of "abcdef") expect(real.peek(id)).toBe(naive.peek(id, clock.now()));
    }),
    { numRuns: 500 },
  );
});
