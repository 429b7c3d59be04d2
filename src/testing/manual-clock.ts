import type { Clock, Timer } from "../clock.js";

/** A clock that stands still until it is told to move. */
export class ManualClock implements Clock {
  #nowMs: number;
  #wallOffsetMs: number;
  readonly #timers = new Set<{ dueMs: number; callback: () => void }>();

  constructor(nowMs = 0, wallNowMs = 1_700_000_000_000) {
    this.#nowMs = nowMs;
    this.#wallOffsetMs = wallNowMs - nowMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallNow(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  schedule(callback: () => void, delayMs: number): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Always a half: what varies on a real clock does not on this one. */
  random(): number {
    return 0.5;
  }

  /** Moves time on, running the timers that come due in their order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }

  /** Moves time on without running a timer: what a paused process sees when it wakes. */
  jump(ms: number): void {
    this.#nowMs += ms;
  }

  /** Sets the wall clock forward or back, as an administrator or NTP would; the monotonic clock does not notice. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}
