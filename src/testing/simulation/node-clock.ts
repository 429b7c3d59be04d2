import type { Clock, Timer } from "../../clock.js";
import type { SeededRandom } from "./random.js";
import type { Process, Scheduler } from "./scheduler.js";

/** How far the clock of a node may be off in speed: what the lease allows for (`cluster/lease.ts`). */
const MAX_DRIFT = 0.001;
/** How far the wall clocks of two nodes may be apart. */
const MAX_WALL_OFFSET_MS = 5_000;
/** How late a timer may be in a process that is busy. */
const MAX_LATENESS_MS = 2;
/** The wall clock when the world begins. */
export const WALL_START_MS = 1_700_000_000_000;
/** So that a timer is not early by a rounding error: it is due when the node's own clock says so. */
const ROUNDING_MS = 1e-6;

/** The clocks of one node: their own beginning, their own speed. */
export class NodeClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  readonly #random: SeededRandom;
  readonly #startMs: number;
  readonly #speed: number;
  #wallOffsetMs: number;

  constructor(scheduler: Scheduler, process: Process, random: SeededRandom) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#random = random;
    this.#startMs = random.between(0, 1_000_000);
    this.#speed = 1 + random.between(-MAX_DRIFT, MAX_DRIFT);
    this.#wallOffsetMs = random.between(-MAX_WALL_OFFSET_MS, MAX_WALL_OFFSET_MS);
  }

  now(): number {
    return this.#startMs + this.#scheduler.nowMs * this.#speed;
  }

  wallNow(): number {
    return Math.floor(WALL_START_MS + this.#scheduler.nowMs + this.#wallOffsetMs);
  }

  schedule(callback: () => void, delayMs: number): Timer {
    const waitMs = delayMs / this.#speed + ROUNDING_MS + this.#random.next() ** 4 * MAX_LATENESS_MS;
    return this.#scheduler.timer(this.#process, this.#scheduler.nowMs + waitMs, callback);
  }

  random(): number {
    return this.#random.next();
  }

  /** Sets the wall clock forward or back. */
  stepWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}
