/** A circuit breaker that refuses. `openings` counts the trials that failed since it was closed; `cause` is the last failure. */
export type RefusingState =
  | { readonly kind: "open"; readonly untilMs: number; readonly openings: number; readonly cause: Error }
  | { readonly kind: "half-open"; readonly openings: number; readonly cause: Error };
/** How a circuit breaker stands. */
export type BreakerState = { readonly kind: "closed"; readonly failures: number } | RefusingState;

export interface BreakerLimits {
  /** After how many failures in a row it opens. */
  readonly threshold: number;
  /** How long it stays open the first time, in milliseconds. */
  readonly halfOpenAfterMs: number;
}

const CLOSED: BreakerState = { kind: "closed", failures: 0 };
/** How often the wait doubles while trials fail: up to eight times the first one. */
const MAX_DOUBLINGS = 3;

/**
 * Whether Redis is worth asking: *closed*, it is; *open*, it has failed so often that it is left alone for a while; *half-open*, one
 * command is on its way to find out, and no other may follow.
 *
 * Opens after `threshold` failures in a row, and again, for longer, when the trial fails. What was sent in one state says nothing
 * in the next: its outcome is ignored. After cockatiel's `CircuitBreakerPolicy` with a `ConsecutiveBreaker`.
 *
 * A pure state machine: the caller says what happened and what time it is.
 */
export class CircuitBreaker {
  readonly #limits: BreakerLimits;
  #state: BreakerState = CLOSED;
  /** Names the time since the state last changed its kind. */
  #epoch = 0;
  #opened = 0;

  constructor(limits: BreakerLimits) {
    this.#limits = limits;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** How often it has opened, after a trial that failed included. */
  get opened(): number {
    return this.#opened;
  }

  /** Whether a command may be sent: the ticket with which its outcome must be told, or what refuses it. */
  admit(nowMs: number): number | RefusingState {
    const state = this.#state;
    if (state.kind === "half-open" || (state.kind === "open" && nowMs < state.untilMs)) return state;
    if (state.kind === "open") {
      this.#enter({ kind: "half-open", openings: state.openings, cause: state.cause });
    }
    return this.#epoch;
  }

  /** Redis answered. `true` if that closed it. */
  succeeded(ticket: number): boolean {
    if (ticket !== this.#epoch) return false;
    const closes = this.#state.kind !== "closed";
    if (closes) this.#enter(CLOSED);
    else if (this.#state !== CLOSED) this.#state = CLOSED;
    return closes;
  }

  /** Redis was not to be had. `random` from 0 to 1 varies the wait, so that nodes do not try in step. `true` if that opened it. */
  failed(ticket: number, cause: Error, nowMs: number, random: number): boolean {
    if (ticket !== this.#epoch) return false;
    const state = this.#state;
    if (state.kind === "closed" && state.failures + 1 < this.#limits.threshold) {
      this.#state = { kind: "closed", failures: state.failures + 1 };
      return false;
    }
    const openings = state.kind === "closed" ? 0 : state.openings + 1;
    const waitMs = this.#limits.halfOpenAfterMs * 2 ** Math.min(openings, MAX_DOUBLINGS);
    this.#enter({ kind: "open", untilMs: nowMs + waitMs * (0.5 + random / 2), openings, cause });
    this.#opened++;
    return true;
  }

  /** What was let through was not sent. If it was the trial, the next command is. */
  released(ticket: number, nowMs: number): void {
    if (ticket !== this.#epoch || this.#state.kind !== "half-open") return;
    const { openings, cause } = this.#state;
    this.#enter({ kind: "open", untilMs: nowMs, openings, cause });
  }

  /** Redis is known to answer, by a reply that came too late or by what another part asked: a trial need not wait any more. */
  answered(nowMs: number): void {
    const state = this.#state;
    if (state.kind === "open" && nowMs < state.untilMs) this.#state = { ...state, untilMs: nowMs };
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#epoch++;
  }
}
