import type { SeededRandom } from "./random.js";
import type { Process, Scheduler } from "./scheduler.js";

/** How long what is sent takes to arrive, in milliseconds. Most of it is quick, some is slow. */
export interface Delays {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** One direction of a connection: what is sent arrives later, in its order, or not at all. */
export class Wire {
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #delays: Delays;
  readonly #receiver: Process;
  #state: "flowing" | "stalled" | "cut" = "flowing";
  /** What is under way. Whenever something comes due, the first of it arrives: so the order is kept, whatever else happens. */
  #underWay: (() => void)[] = [];
  /** Before this, nothing may arrive that is sent now. */
  #lastDueMs = 0;
  /** How much came due while it was stalled. */
  #overdue = 0;

  constructor(scheduler: Scheduler, random: SeededRandom, delays: Delays, receiver: Process) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#delays = delays;
    this.#receiver = receiver;
  }

  /** How much was sent and has not arrived. */
  get underWay(): number {
    return this.#underWay.length;
  }

  /** `afterMs`: when it leaves. */
  send(arrive: () => void, afterMs = 0): void {
    if (this.#state === "cut") return;
    const { minDelayMs, maxDelayMs } = this.#delays;
    const delayMs = afterMs + minDelayMs + (maxDelayMs - minDelayMs) * this.#random.next() ** 4;
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#scheduler.nowMs + delayMs);
    this.#underWay.push(arrive);
    this.#scheduler.delivery(this.#receiver, this.#lastDueMs, () => this.#due());
  }

  /** From now on everything waits. */
  stall(): void {
    if (this.#state === "flowing") this.#state = "stalled";
  }

  /** All that waited arrives. */
  release(): void {
    if (this.#state !== "stalled") return;
    this.#state = "flowing";
    const { nowMs } = this.#scheduler;
    for (; this.#overdue > 0; this.#overdue--) {
      this.#scheduler.delivery(this.#receiver, nowMs, () => this.#due());
    }
  }

  /** Nothing arrives any more, not even what is under way. */
  cut(): void {
    this.#state = "cut";
    this.#underWay = [];
  }

  #due(): void {
    if (this.#state === "stalled") this.#overdue++;
    else this.#underWay.shift()?.();
  }
}
