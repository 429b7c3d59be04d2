/**
 * For how long a node may answer from memory.
 *
 * A beat leaves through the command connection, and Redis sends it back through the node's own subscription. Its arrival
 * proves that all that was published before it was sent has arrived too: one connection, one order. So from the moment it
 * was *sent* the node's knowledge is complete, and for `durationMs` from that moment on it may serve what it holds. Counting
 * from the arrival instead would add the beat's own delay to the bound.
 *
 * A pure state machine: the caller says what happened and what time it is.
 */
export class Lease {
  readonly durationMs: number;
  #status: "down" | "syncing" | "ready" = "down";
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(durationMs: number) {
    this.durationMs = durationMs;
  }

  /** `down`: no subscription. `syncing`: subscribed, no beat back yet. `ready`: what is heard is complete. */
  get status(): "down" | "syncing" | "ready" {
    return this.#status;
  }

  /** Until when memory may answer, by the monotonic clock. It must be compared at every read: a timer may be late. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** The subscription stands. */
  subscribed(): void {
    this.#status = "syncing";
  }

  /** A beat came back that was sent at `sentAtMs`, on this subscription. `true` if the node entered `ready` by it. */
  beatReturned(sentAtMs: number): boolean {
    const entered = this.#status === "syncing";
    if (this.#status === "down") return false;
    this.#status = "ready";
    this.#untilMs = Math.max(this.#untilMs, sentAtMs + this.durationMs);
    return entered;
  }

  /** The subscription is gone, or must be taken for gone. */
  lost(): void {
    this.#status = "down";
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }
}
