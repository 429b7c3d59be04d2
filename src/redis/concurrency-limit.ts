/** Lets so many tasks run at a time; others wait for their turn, which comes in the order in which they asked. */
export class ConcurrencyLimit {
  readonly #max: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Tasks that have begun and not ended. */
  get running(): number {
    return this.#running;
  }

  /** Runs it when it is its turn: at once, if there is room. */
  async run<R>(task: () => Promise<R>): Promise<R> {
    if (this.#running < this.#max) this.#running++;
    else await new Promise<void>((turn) => this.#waiting.push(turn)); // whoever ends hands its place on
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
