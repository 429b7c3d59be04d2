import type { Clock } from "../clock.js";
import { StoreUnavailableError } from "../errors.js";

/** How long one waits for the one before, in milliseconds, before both go at once: their writes are conditional, so no turn is needed. */
const PATIENCE_MS = 100;

/**
 * Lets those who change the same session on this node go one after the other: conditional writes at the same time would refuse all but
 * one of them, again and again.
 *
 * Whoever waits for one that fails since Redis is gone gets the same error at once. One that takes long (a server that does not answer, an
 * application's own function) is overtaken, so that n of them wait for n tenths of a second at most, besides their own time; and while Redis
 * does not answer, the circuit breaker ends that.
 */
export class Turns {
  readonly #clock: Clock;
  /** The last turn of each session: resolves when the next may go, with what it failed of if that concerns the next. */
  readonly #last = new Map<string, Promise<StoreUnavailableError | undefined>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many sessions have somebody at work. */
  get size(): number {
    return this.#last.size;
  }

  /** Whether somebody is at work on the session. */
  isBusy(id: string): boolean {
    return this.#last.has(id);
  }

  /** Runs it when it is its turn: at once, if nobody is at work on the session. */
  async take<R>(id: string, run: () => Promise<R>): Promise<R> {
    const before = this.#last.get(id);
    const { promise: over, resolve: end } = withResolvers<StoreUnavailableError | undefined>();
    this.#last.set(id, over);
    let failure: StoreUnavailableError | undefined;
    let timer: { cancel(): void } | undefined;
    try {
      if (before !== undefined) failure = await before;
      if (failure !== undefined) throw failure;
      timer = this.#clock.schedule(() => end(undefined), PATIENCE_MS);
      return await run();
    } catch (error) {
      if (error instanceof StoreUnavailableError) failure = error;
      throw error;
    } finally {
      timer?.cancel();
      end(failure);
      if (this.#last.get(id) === over) this.#last.delete(id);
    }
  }
}

/** `Promise.withResolvers()`, which Node 20 lacks. */
function withResolvers<V>(): { promise: Promise<V>; resolve: (value: V) => void } {
  let resolve: (value: V) => void = () => {};
  const promise = new Promise<V>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
