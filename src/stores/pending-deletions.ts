import type { Clock, Timer } from "../clock.js";
import { RevocationUncertainError, StoreUnavailableError } from "../errors.js";

/** How many deletions wait at most; the one that has waited longest is given up for another. */
const MAX_PENDING = 10_000;
/** How many are sent at a time. */
const BATCH_SIZE = 100;
/** The longest wait before the first attempt, and before any; it doubles from the first on, with jitter. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** A deletion that waits: why the session shall end, and until when it is tried. */
export interface PendingDeletion {
  readonly reason: "deleted" | "revoked" | "limit";
  readonly untilMs: number;
}

export interface PendingDeletionsOptions {
  readonly clock: Clock;
  /** For how long a deletion is tried again, in milliseconds: the life of a session. */
  readonly lifeMs: number;
  /** Deletes; rejects with a `StoreUnavailableError` if Redis is still not to be had. */
  readonly send: (id: string, reason: PendingDeletion["reason"]) => Promise<unknown>;
}

/**
 * The deletions that Redis, or enough of its replicas, did not confirm. Their callers were told so; they are sent again in the background until Redis confirms
 * them or the sessions' life is over. One that may have been carried out is harmless to repeat: there is a tombstone then.
 *
 * Bounded in number and time; one attempt runs at a time, and the first deletion of an attempt goes alone, to find out.
 */
export class PendingDeletions {
  readonly #options: PendingDeletionsOptions;
  /** The one that has waited longest first. */
  readonly #pending = new Map<string, PendingDeletion>();
  #timer: Timer | undefined;
  #running = false;
  #failures = 0;
  #closed = false;

  constructor(options: PendingDeletionsOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get size(): number {
    return this.#pending.size;
  }

  /** Whether this session was asked to be deleted, and may still be there. */
  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** Waits for a deletion, and remembers it if Redis did not confirm it. Resolves and rejects as it does. */
  async watch<R>(id: string, reason: PendingDeletion["reason"], deletion: Promise<R>): Promise<R> {
    try {
      const result = await deletion;
      this.#pending.delete(id);
      return result;
    } catch (error) {
      const untilMs = this.#options.clock.now() + this.#options.lifeMs;
      if (isUnconfirmed(error) && !this.#pending.has(id)) this.putBack(id, { reason, untilMs });
      throw error;
    }
  }

  /** Takes a deletion out, while a session is written that may take the place of the one to delete. */
  take(id: string): PendingDeletion | undefined {
    const deletion = this.#pending.get(id);
    this.#pending.delete(id);
    return deletion;
  }

  /** Puts it back: nothing was written. */
  putBack(id: string, deletion: PendingDeletion): void {
    if (this.#closed) return;
    this.#pending.set(id, deletion);
    const [oldest = ""] = this.#pending.keys();
    if (this.#pending.size > MAX_PENDING) this.#pending.delete(oldest);
    this.#schedule();
  }

  /** Redis is known to answer: what waits is sent at once. */
  hurry(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#failures = 0;
    void this.#retry();
  }

  /** Gives up all that waits. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pending.clear();
  }

  #schedule(): void {
    if (this.#closed || this.#running || this.#timer !== undefined || this.#pending.size === 0) return;
    const { clock } = this.#options;
    const delayMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#timer = clock.schedule(
      () => {
        this.#timer = undefined;
        void this.#retry();
      },
      delayMs * (0.5 + clock.random() / 2),
    );
  }

  /** Sends all that waits, a batch at a time, until one fails. Never rejects. */
  async #retry(): Promise<void> {
    this.#running = true;
    const ids = [...this.#pending.keys()];
    let answered = true;
    for (let sent = 0; answered && sent < ids.length; ) {
      const batch = ids.slice(sent, sent === 0 ? 1 : sent + BATCH_SIZE);
      sent += batch.length;
      answered = (await Promise.all(batch.map((id) => this.#send(id)))).every(Boolean);
    }
    this.#failures = answered ? 0 : this.#failures + 1;
    this.#running = false;
    this.#schedule();
  }

  /** Sends one. `false` if Redis was not to be had; any other error is for good, and ends it. */
  async #send(id: string): Promise<boolean> {
    const deletion = this.#pending.get(id);
    if (deletion === undefined) return true;
    if (this.#options.clock.now() < deletion.untilMs) {
      try {
        await this.#options.send(id, deletion.reason);
      } catch (error) {
        if (error instanceof StoreUnavailableError) return false;
      }
    }
    if (this.#pending.get(id) === deletion) this.#pending.delete(id);
    return true;
  }
}

function isUnconfirmed(error: unknown): boolean {
  if (!(error instanceof RevocationUncertainError)) return error instanceof StoreUnavailableError;
  return !error.deleted || error.cause instanceof StoreUnavailableError; // the latter: its replicas did not, or it may have lost it
}
