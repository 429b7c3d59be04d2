import type { Clock, Timer } from "../clock.js";

/** How many sessions are read again together at most. */
export const MAX_REFRESHED_TOGETHER = 32;
/** Which part of the cache's TTL a session waits for others. */
export const REFRESH_DELAY = 1 / 30;

export interface RefreshesOptions {
  readonly clock: Clock;
  /** How long a session may wait for others, in milliseconds. */
  readonly delayMs: number;
  /** Reads a session again. */
  readonly refresh: (id: string) => Promise<unknown>;
}

/**
 * Copies that are asked for shortly before their time is over are read again before that, many together: who is there all the time never waits for
 * Redis, and a command is for dozens of sessions. One that cannot be read now is read by whoever asks for it next.
 */
export class Refreshes {
  readonly #options: RefreshesOptions;
  #waiting: string[] = [];
  #timer: Timer | undefined;
  #count = 0;

  constructor(options: RefreshesOptions) {
    this.#options = options;
  }

  /** How many were read again. */
  get count(): number {
    return this.#count;
  }

  /** A session is to be read again. Each copy asks for that once. */
  add(id: string): void {
    const { clock, delayMs } = this.#options;
    if (this.#waiting.push(id) === MAX_REFRESHED_TOGETHER) this.#send();
    else this.#timer ??= clock.schedule(() => this.#send(), delayMs);
  }

  /** Forgets what waits. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#waiting = [];
  }

  #send(): void {
    const ids = this.#waiting;
    this.close();
    for (const id of ids) {
      this.#options.refresh(id).then(
        () => this.#count++,
        () => {},
      );
    }
  }
}
