import type { Clock, Timer } from "../clock.js";
import type { Subscription, TrackingRequest } from "../redis/port.js";

export interface SubscriberOptions<S extends Subscription> {
  /** Opens one. */
  readonly subscribe: (request: TrackingRequest) => Promise<S>;
  readonly clock: Clock;
  readonly channels: readonly string[];
  /** How long one attempt to subscribe may take. */
  readonly attemptTimeoutMs: number;
  /** A new subscription stands. */
  readonly onOpen: () => void;
  readonly onMessage: (message: string) => void;
  readonly onInvalidated: (key: string | undefined) => void;
  /** The subscription is gone, or an attempt to open it has failed. A new attempt follows. */
  readonly onLost: (reason: string) => void;
}

/** The wait before the next attempt: from here, doubled each time up to the maximum, with jitter. */
const FIRST_RECONNECT_MS = 50;
const MAX_RECONNECT_MS = 2_000;

/** One subscription, from the attempt to open it to its loss. */
interface Attempt<S> {
  readonly abort: AbortController;
  subscription: S | undefined;
}

/**
 * Keeps one subscription open at a time, and opens a new one when it is lost.
 *
 * The clients could reconnect by themselves. But then messages that were missed meanwhile would go unnoticed, differently in each
 * client, so each subscription lives and dies with its socket, and its successor is a new one in plain sight.
 */
export class Subscriber<S extends Subscription> {
  readonly #options: SubscriberOptions<S>;
  #attempt: Attempt<S> | undefined;
  #timer: Timer | undefined;
  #failures = 0;

  constructor(options: SubscriberOptions<S>) {
    this.#options = options;
  }

  /** The subscription, while it stands. */
  get subscription(): S | undefined {
    return this.#attempt?.subscription;
  }

  /** Opens a subscription. */
  open(): void {
    const { subscribe, clock, channels, attemptTimeoutMs, onOpen, onMessage, onInvalidated } = this.#options;
    const attempt: Attempt<S> = { abort: new AbortController(), subscription: undefined };
    this.#attempt = attempt;
    const giveUp = () => attempt.abort.abort(new Error(`not subscribed within ${attemptTimeoutMs} ms`));
    this.#timer = clock.schedule(giveUp, attemptTimeoutMs);
    const stands = () => this.#attempt === attempt && attempt.subscription !== undefined;
    const request = {
      channels,
      onMessage: (message: string) => {
        if (stands()) onMessage(message);
      },
      onInvalidated: (key: string | undefined) => {
        if (stands()) onInvalidated(key);
      },
      onClose: (reason: string) => this.#end(attempt, reason),
      signal: attempt.abort.signal,
    };
    subscribe(request).then(
      (subscription) => {
        if (this.#attempt !== attempt) return subscription.close();
        this.#timer?.cancel();
        attempt.subscription = subscription;
        onOpen();
      },
      (error: Error) => this.#end(attempt, error.message),
    );
  }

  /** The subscription works: after its loss the next attempt need not wait long. */
  confirm(): void {
    this.#failures = 0;
  }

  /** Replaces a subscription that is of no use any more, though its socket may not know it yet. */
  replace(reason: string): void {
    if (this.#attempt?.subscription !== undefined) this.#end(this.#attempt, reason);
  }

  /** Closes the subscription for good. */
  close(): void {
    this.#timer?.cancel();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.subscription?.close();
    attempt?.abort.abort(new Error("closed"));
  }

  #end(attempt: Attempt<S>, reason: string): void {
    if (this.#attempt !== attempt) return;
    this.close();
    const backoffMs = Math.min(MAX_RECONNECT_MS, FIRST_RECONNECT_MS * 2 ** this.#failures++);
    this.#timer = this.#options.clock.schedule(
      () => this.open(),
      backoffMs * (0.5 + this.#options.clock.random() / 2),
    );
    this.#options.onLost(reason);
  }
}
