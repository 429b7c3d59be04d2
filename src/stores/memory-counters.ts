import type { MonotonicClock } from "../clock.js";

interface Counter {
  count: number;
  readonly endsAtMs: number;
}

/** How many counters an increment looks at for some that have ended: so memory is reclaimed without a timer and without a scan. */
const SWEEP_PER_INCREMENT = 4;

/** Counters that end a fixed time after they began, in the memory of this process. */
export class MemoryCounters {
  readonly #counters = new Map<string, Counter>();
  readonly #clock: MonotonicClock;
  #sweep: MapIterator<[string, Counter]> | undefined;

  constructor(clock: MonotonicClock) {
    this.#clock = clock;
  }

  /** How many are held, those included that have ended and were not met yet. */
  get size(): number {
    return this.#counters.size;
  }

  /** Counts one more; `ttlMs` is the life of a new counter. */
  increment(id: string, ttlMs: number): number {
    const nowMs = this.#clock.now();
    this.#sweepSome(nowMs);
    let counter = this.#counters.get(id);
    if (counter === undefined || nowMs >= counter.endsAtMs) {
      counter = { count: 0, endsAtMs: nowMs + ttlMs };
      this.#counters.set(id, counter);
    }
    return ++counter.count;
  }

  #sweepSome(nowMs: number): void {
    this.#sweep ??= this.#counters.entries();
    for (let i = 0; i < SWEEP_PER_INCREMENT; i++) {
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return;
      }
      const [id, { endsAtMs }] = value;
      if (nowMs >= endsAtMs) this.#counters.delete(id);
    }
  }
}
