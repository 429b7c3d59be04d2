import type { Clock, Timer } from "../clock.js";

/** What a node remembers to be over, of one moment. */
export interface Remembered {
  readonly ids: readonly string[];
  readonly users: readonly [user: string, generation: number][];
}

export interface RepetitionOptions {
  readonly clock: Pick<Clock, "schedule" | "random">;
  /** Tells the server again. */
  readonly repeat: (remembered: Remembered) => Promise<void>;
  readonly failed: (error: Error) => void;
}

/**
 * The longest wait before what is remembered is repeated: a millisecond for each thing, up to this. All nodes see at once that the history has
 * changed, and have up to 20,000 things to repeat each; a few need not wait, and until they are repeated Redis is without them.
 */
const MAX_DELAY_MS = 500;

/**
 * Repeats to a server what it may have lost: what this node remembered when the history changed. One run at a time; after one that failed, the next beat
 * that comes back is the next occasion.
 */
export class Repetition {
  readonly #options: RepetitionOptions;
  #owed: Remembered | undefined;
  /** The beginning of a run, until it is over. */
  #run: Timer | undefined;
  #closed = false;

  constructor(options: RepetitionOptions) {
    this.#options = options;
  }

  /** Another history: what comes to be remembered from now on is of this one, and to repeat that, too, would cost a rotation its grace. */
  owe(remembered: Remembered): void {
    this.#owed = remembered.ids.length + remembered.users.length > 0 ? remembered : undefined;
  }

  /** Soon, if anything is owed, since all nodes have to; and once more after a run that is under way, whose beginning another server may have got. */
  begin(): void {
    if (this.#owed === undefined || this.#closed) return;
    const { clock } = this.#options;
    const longestMs = Math.min(this.#owed.ids.length + this.#owed.users.length, MAX_DELAY_MS);
    this.#run ??= clock.schedule(() => void this.#repeat(), clock.random() * longestMs);
  }

  close(): void {
    this.#closed = true;
    this.#run?.cancel();
  }

  async #repeat(): Promise<void> {
    const owed = this.#owed as Remembered;
    this.#owed = undefined;
    const hasFailed = await this.#options.repeat(owed).then(
      () => false,
      (error: Error) => {
        this.#owed ??= owed;
        this.#options.failed(error);
        return true;
      },
    );
    this.#run = undefined;
    if (!hasFailed) this.begin();
  }
}
