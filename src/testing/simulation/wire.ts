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
  /** Before this, nothing may arrive that is sent now. */
  #lastDueMs = 0;
  #state: "flowing" | "stalled" | "cut" = "flowing";
  /** What came due while it was stalled. */
  #held: (() => void)[] = [];
  #underWay = 0;

  constructor(scheduler: Scheduler, random: SeededRandom, delays: Delays, receiver: Process) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#delays = delays;
    this.#receiver = receiver;
  }

  /** How much was sent and has not arrived. */
  get underWay(): number {
    return this.#underWay;
  }

  send(arrive: () => void): void {
    const { minDelayMs, maxDelayMs } = this.#delays;
    const delayMs = minDelayMs + (maxDelayMs - minDelayMs) * this.#random.next() ** 4;
    this.#lastDueMs = Math.max(this.#lastDueMs, this.#scheduler.nowMs + delayMs);
    this.#underWay++;
    this.#scheduler.delivery(this.#receiver, this.#lastDueMs, () => this.#arrive(arrive));
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
    for (const arrive of this.#held.splice(0)) {
      this.#scheduler.delivery(this.#receiver, nowMs, () => this.#arrive(arrive));
    }
  }

  /** Nothing arrives any more, not even what is under way. */
  cut(): void {
    this.#state = "cut";
    this.#held = [];
  }

  #arrive(arrive: () => void): void {
    if (this.#state === "cut") return;
    if (this.#state === "stalled") {
      this.#held.push(arrive);
      return;
    }
    this.#underWay--;
    arrive();
  }
}
