import type { Clock } from "../clock.js";
import { StoreUnavailableError } from "../errors.js";
import {
  DEFAULT_BREAKER_HALF_OPEN_AFTER_MS,
  DEFAULT_BREAKER_THRESHOLD,
  requireBoolean,
  requireDelayMs,
  requireKnownOptions,
  requirePositiveInteger,
} from "../options.js";
import { type BreakerState, CircuitBreaker, type RefusingState } from "./breaker.js";
import { isOutage, saysNothing } from "./failures.js";

/** When Redis is taken for gone, and for how long it is left alone then. */
export interface BreakerOptions {
  /** `false`: every command is sent, however many have failed. Default `true`. */
  enabled?: boolean;
  /** After how many failures in a row that speak of an outage commands are refused at once. Default 5. */
  threshold?: number;
  /** After how many milliseconds one command is let through as a trial; up to half less, and up to eight times as long while trials fail. Default 1,000. */
  halfOpenAfterMs?: number;
}

/** What is told of a circuit breaker. */
export interface BreakerEvents {
  /** Redis is taken for gone: commands are refused at once until a trial succeeds. With the last failure, for people. */
  "breaker-opened": [reason: string];
  /** A trial succeeded: commands are sent again. */
  "breaker-closed": [];
}

export interface GateOptions {
  readonly clock: Clock;
  readonly breaker: BreakerOptions;
  readonly onOpened: (reason: string) => void;
  readonly onClosed: () => void;
}

/** Checks the options of a breaker, and makes the gate; `undefined` if it is switched off. */
export function gateOf({ breaker, ...rest }: GateOptions): Gate | undefined {
  requireKnownOptions("breaker.", breaker, ["enabled", "threshold", "halfOpenAfterMs"]);
  const {
    enabled = true,
    threshold = DEFAULT_BREAKER_THRESHOLD,
    halfOpenAfterMs = DEFAULT_BREAKER_HALF_OPEN_AFTER_MS,
  } = breaker;
  requireBoolean("breaker.enabled", enabled);
  requirePositiveInteger("breaker.threshold", threshold);
  requireDelayMs("breaker.halfOpenAfterMs", halfOpenAfterMs);
  return enabled ? new Gate(new CircuitBreaker({ threshold, halfOpenAfterMs }), rest) : undefined;
}

/**
 * Stands before what asks Redis: refuses while the circuit breaker is open, and tells the breaker how the rest ended. Only failures of
 * an outage count; an answer that refuses a single command is a success, for Redis is there; what was not sent is neither.
 */
export class Gate {
  readonly #breaker: CircuitBreaker;
  readonly #options: Omit<GateOptions, "breaker">;
  #lastCause: Error | undefined;

  constructor(breaker: CircuitBreaker, options: Omit<GateOptions, "breaker">) {
    this.#breaker = breaker;
    this.#options = options;
  }

  /** How the breaker stands: one whose wait is over is half-open only when somebody tries. */
  get state(): BreakerState["kind"] {
    return this.#breaker.state.kind;
  }

  /** How often the breaker has opened. */
  get opened(): number {
    return this.#breaker.opened;
  }

  /** The ticket with which the outcome must be told, or why there is none. */
  enter(nowMs: number): number | StoreUnavailableError {
    const admission = this.#breaker.admit(nowMs);
    return typeof admission === "number" ? admission : refusal(admission, nowMs);
  }

  /** Redis answered. */
  succeeded(ticket: number): void {
    if (this.#breaker.succeeded(ticket)) this.#options.onClosed();
  }

  /**
   * It failed, for whatever reason. All that one event ends, a connection that breaks or a script for many sessions that fails, fails with the same
   * error, and counts once: else a cut of a moment would be taken for an outage.
   */
  failed(ticket: number, cause: Error): void {
    const { clock, onOpened } = this.#options;
    const isCounted = cause === this.#lastCause && this.state === "closed";
    if (saysNothing(cause)) this.#breaker.released(ticket, clock.now());
    else if (!isOutage(cause)) this.succeeded(ticket);
    else if (!isCounted && this.#breaker.failed(ticket, cause, clock.now(), clock.random()))
      onOpened(cause.message);
    this.#lastCause = cause;
  }

  /** Redis is known to answer: the next command may try. */
  answered(): void {
    this.#breaker.answered(this.#options.clock.now());
  }

  /** Lets through what asks Redis by another way, or rejects with a `StoreUnavailableError` at once. */
  async guard<R>(run: () => Promise<R>): Promise<R> {
    const ticket = this.enter(this.#options.clock.now());
    if (typeof ticket !== "number") throw ticket;
    try {
      const result = await run();
      this.succeeded(ticket);
      return result;
    } catch (error) {
      const { cause } = error as Error;
      this.failed(ticket, cause instanceof Error ? cause : (error as Error));
      throw error;
    }
  }
}

function refusal(state: RefusingState, nowMs: number): StoreUnavailableError {
  const { cause } = state;
  const wait =
    state.kind === "open"
      ? `open for another ${Math.ceil(state.untilMs - nowMs)} ms`
      : "half-open, and its trial is under way";
  return new StoreUnavailableError(`the circuit is ${wait}, after: ${cause.message}`, { cause });
}
