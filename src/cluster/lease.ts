/** By how much the clocks of two nodes may differ in speed: a quartz is off by less than a tenth of this. */
const CLOCK_DRIFT = 0.001;
/** What timers and replies are late by. */
const SLACK_MS = 20;

/** How long to wait, so that a lease of this duration is over on every node, however slow its clock runs. */
export function outlastingMs(leaseMs: number): number {
  return leaseMs * (1 + 2 * CLOCK_DRIFT) + SLACK_MS;
}

/**
 * For how long a node may answer from memory, and for how long from Redis.
 *
 * A beat leaves through the command connection, and Redis sends it back through the node's own subscription. Its arrival
 * proves that all that was published before it was sent has arrived too: one connection, one order. So from the moment it
 * was *sent* the node's knowledge is complete, and for `durationMs` from that moment on it may serve what it holds: the
 * *cache lease*. Counting from the arrival instead would add the beat's own delay to the bound.
 *
 * The same beat writes the node into the registry, by which others know whom a revocation must wait for. Its reply renews the
 * *registration lease*: only while that runs may the node hand out what it reads from Redis, since a reply can be on its way while the
 * session is revoked. It needs no subscription.
 *
 * A pure state machine: the caller says what happened and what time it is.
 */
export class Lease {
  readonly durationMs: number;
  #status: "down" | "syncing" | "ready" = "down";
  #untilMs = Number.NEGATIVE_INFINITY;
  #lastUntilMs = Number.NEGATIVE_INFINITY;
  #registeredUntilMs = Number.NEGATIVE_INFINITY;
  #registration = 0;
  #left = false;

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

  /** Until when the last beat that came back allowed answering, also after the subscription was lost. */
  get lastUntilMs(): number {
    return this.#lastUntilMs;
  }

  /** Until when replies of Redis may be handed out. */
  get registeredUntilMs(): number {
    return this.#registeredUntilMs;
  }

  /** Which registration runs; `undefined` if none does. A reply may be handed out only if the one that ran when it was asked for still does. */
  registrationAt(nowMs: number): number | undefined {
    return nowMs < this.#registeredUntilMs ? this.#registration : undefined;
  }

  /** The subscription stands. */
  subscribed(): void {
    this.#status = "syncing";
  }

  /** Redis carried out a beat that was sent at `sentAtMs`. */
  registered(sentAtMs: number, nowMs: number): void {
    if (this.#left) return;
    if (nowMs >= this.#registeredUntilMs) this.#registration++; // meanwhile the node may have been taken out of the registry
    this.#registeredUntilMs = Math.max(this.#registeredUntilMs, sentAtMs + this.durationMs);
  }

  /** A beat came back that was sent at `sentAtMs`, on this subscription. `true` if the node entered `ready` by it. */
  beatReturned(sentAtMs: number, nowMs: number): boolean {
    if (this.#status === "down") return false;
    const entered = this.#status === "syncing";
    this.#status = "ready";
    this.#untilMs = Math.max(this.#untilMs, sentAtMs + this.durationMs);
    this.#lastUntilMs = this.#untilMs;
    this.registered(sentAtMs, nowMs);
    return entered;
  }

  /** The subscription is gone, or must be taken for gone. */
  lost(): void {
    this.#status = "down";
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  /** The node leaves: nothing may be handed out any more. */
  left(): void {
    this.lost();
    this.#left = true;
    this.#registeredUntilMs = Number.NEGATIVE_INFINITY;
  }
}
