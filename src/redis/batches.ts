/** What waits to be sent, and who waits for its reply. */
interface Waiting<I, R> {
  readonly item: I;
  readonly resolve: (reply: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface BatchesOptions<I, R> {
  /** How many batches may be on their way at a time. */
  readonly maxRunning: number;
  /** How many items a batch has at most. */
  readonly maxSize: number;
  /** Whether two items may be of one batch. */
  readonly isAlike: (a: I, b: I) => boolean;
  /** Why what has waited is not sent any more. */
  readonly refuse: (item: I) => Error | undefined;
  /** Sends a batch; a reply for each item, in their order. */
  readonly send: (items: readonly I[]) => Promise<readonly R[]>;
}

/**
 * Sends items as soon as fewer than so many batches are on their way: those that come in one turn of the event loop's queue go together, and so do those
 * that wait until a batch is back. So nothing waits where there is room, and what comes in crowds shares the cost of being sent.
 */
export class Batches<I, R> {
  readonly #options: BatchesOptions<I, R>;
  readonly #waiting: Waiting<I, R>[] = [];
  #running = 0;
  #isGathering = false;

  constructor(options: BatchesOptions<I, R>) {
    this.#options = options;
  }

  /** The reply for one item. */
  add(item: I): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      if (this.#isGathering) return;
      this.#isGathering = true;
      queueMicrotask(() => {
        this.#isGathering = false;
        this.#sendMore();
      });
    });
  }

  /** Sends what has been added, as far as there is room, and waits for no more. */
  flush(): void {
    if (this.#isGathering) this.#sendMore();
  }

  #sendMore(): void {
    while (this.#running < this.#options.maxRunning && this.#waiting.length > 0) {
      const batch = this.#next();
      if (batch.length > 0) void this.#send(batch);
    }
  }

  /** Those that waited longest and may go together, without those that waited too long. */
  #next(): Waiting<I, R>[] {
    const { maxSize, isAlike } = this.#options;
    const [first] = this.#waiting as [Waiting<I, R>];
    const end = this.#waiting.findIndex(
      ({ item }, n) => n > 0 && (n === maxSize || !isAlike(first.item, item)),
    );
    const taken = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
    return taken.filter(({ item, reject }) => {
      const refusal = this.#options.refuse(item);
      if (refusal !== undefined) reject(refusal);
      return refusal === undefined;
    });
  }

  async #send(batch: readonly Waiting<I, R>[]): Promise<void> {
    this.#running++;
    try {
      const replies = await this.#options.send(batch.map(({ item }) => item));
      for (const [n, { resolve }] of batch.entries()) resolve(replies[n] as R);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#running--;
      this.#sendMore();
    }
  }
}
