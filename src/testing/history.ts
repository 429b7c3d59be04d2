/** What the sessions of a history hold: how often each was changed. Every change adds one, by `store.update()`. */
export interface HistoryData {
  readonly n: number;
}

/** When something was asked for and when it was answered, by one clock for the whole history. */
export interface Span {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** One broken promise. */
export interface Violation {
  /** Which: I1 revocation, I2 bounded staleness, I3 no resurrection, I4 no lost update. See `docs/internals/protocol.md`. */
  readonly promise: "I1" | "I2" | "I3" | "I4";
  readonly atMs: number;
  readonly id: string;
  readonly what: string;
}

/** By what a history is judged. */
export interface HistoryOptions {
  /** The bound on staleness of the stores. */
  readonly maxStalenessMs: number;
  /** By how much clocks and the telling of times may be off. */
  readonly toleranceMs: number;
}

/** What is known of one session. */
interface Known {
  /** When each change was acknowledged first, by its number. */
  readonly acknowledgedAtMs: Map<number, number>;
  highest: number;
  deletedAtMs: number;
  revokedAtMs: number;
  wasDeleted: boolean;
}

/**
 * Judges what several nodes have answered, while it happens: whoever runs them tells each answer when it comes, and which promise
 * it breaks is noted. The judge knows nothing of how the nodes work.
 */
export class History {
  readonly violations: Violation[] = [];
  readonly #options: HistoryOptions;
  readonly #sessions = new Map<string, Known>();
  #worstStalenessMs = 0;
  #reads = 0;
  #lostAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** How long ago the oldest answer that was given had been replaced. */
  get worstStalenessMs(): number {
    return this.#worstStalenessMs;
  }

  /** How many answers were judged. */
  get reads(): number {
    return this.#reads;
  }

  /** A session was created, or changed for the `n`th time, and that was acknowledged. */
  changed(id: string, n: number, { startedAtMs, endedAtMs }: Span): void {
    if (startedAtMs <= this.#lostAtMs) return; // perhaps it is lost, too
    const known = this.#known(id);
    if (known.acknowledgedAtMs.has(n)) {
      this.#violated("I4", endedAtMs, id, `change ${n} was acknowledged twice: one of them is lost`);
    }
    if (startedAtMs > known.deletedAtMs) {
      this.#violated("I3", endedAtMs, id, `change ${n} was made after the session was deleted`);
    }
    known.acknowledgedAtMs.set(n, endedAtMs);
    known.highest = Math.max(known.highest, n);
  }

  /** The deletion of a session was acknowledged: by `revoke()`, or by `delete()`. */
  ended(id: string, { startedAtMs, endedAtMs }: Span, { revoked }: { revoked: boolean }): void {
    const known = this.#known(id);
    known.wasDeleted = true;
    // What was asked for before a loss may be among what was lost, so that a late write is taken; nodes that acknowledged it still remember.
    if (revoked) known.revokedAtMs = Math.min(known.revokedAtMs, endedAtMs);
    if (startedAtMs > this.#lostAtMs) known.deletedAtMs = Math.min(known.deletedAtMs, endedAtMs);
  }

  /** Whether the deletion of a session was acknowledged, and binds. */
  hasEnded(id: string): boolean {
    return this.#known(id).deletedAtMs !== Number.POSITIVE_INFINITY;
  }

  /** A node answered with the session as it was after its `n`th change; `strong`: as it is in Redis. */
  answered(id: string, n: number, { startedAtMs, endedAtMs }: Span, { strong = false } = {}): void {
    this.#reads++;
    const known = this.#known(id);
    const { maxStalenessMs, toleranceMs } = this.#options;
    if (endedAtMs > known.revokedAtMs + toleranceMs || startedAtMs > known.revokedAtMs) {
      this.#violated(
        "I1",
        endedAtMs,
        id,
        `answered ${endedAtMs - known.revokedAtMs} ms after it was revoked`,
      );
    } else if (
      strong ? startedAtMs > known.deletedAtMs : endedAtMs > known.deletedAtMs + maxStalenessMs + toleranceMs
    ) {
      this.#violated(
        "I3",
        endedAtMs,
        id,
        `answered ${endedAtMs - known.deletedAtMs} ms after it was deleted`,
      );
    }
    const replacedAtMs = this.#replacedAtMs(known, n);
    if (strong && startedAtMs > replacedAtMs) {
      this.#violated("I4", endedAtMs, id, `Redis has change ${n}, and ${known.highest} was acknowledged`);
    }
    const stalenessMs = endedAtMs - Math.min(replacedAtMs, known.deletedAtMs);
    if (stalenessMs > maxStalenessMs + toleranceMs) {
      this.#violated("I2", endedAtMs, id, `change ${n} was answered ${stalenessMs} ms after it was replaced`);
    }
    if (stalenessMs > this.#worstStalenessMs) this.#worstStalenessMs = stalenessMs;
  }

  /**
   * The server lost an end of its history, as asynchronous replication may: what it had acknowledged since binds nobody. What was deleted
   * before that stays deleted; so does, in the end, what was deleted since, if there is a node that remembers it.
   */
  lost(sinceMs: number, atMs: number): void {
    this.#lostAtMs = atMs;
    for (const known of this.#sessions.values()) {
      known.acknowledgedAtMs.clear();
      known.highest = 0;
      if (known.deletedAtMs > sinceMs) known.deletedAtMs = Number.POSITIVE_INFINITY;
      if (known.revokedAtMs > sinceMs) known.revokedAtMs = Number.POSITIVE_INFINITY;
    }
  }

  /** All is well again, and the session is still there, or is not. */
  settled(id: string, isThere: boolean, atMs: number): void {
    if (isThere && this.#known(id).wasDeleted) this.#violated("I3", atMs, id, "it is back for good");
  }

  #replacedAtMs({ acknowledgedAtMs, highest }: Known, n: number): number {
    let replacedAtMs = Number.POSITIVE_INFINITY;
    for (let later = n + 1; later <= highest; later++) {
      replacedAtMs = Math.min(replacedAtMs, acknowledgedAtMs.get(later) ?? Number.POSITIVE_INFINITY);
    }
    return replacedAtMs;
  }

  #known(id: string): Known {
    let known = this.#sessions.get(id);
    if (known === undefined) {
      const never = Number.POSITIVE_INFINITY;
      known = {
        acknowledgedAtMs: new Map(),
        highest: 0,
        deletedAtMs: never,
        revokedAtMs: never,
        wasDeleted: false,
      };
      this.#sessions.set(id, known);
    }
    return known;
  }

  #violated(promise: Violation["promise"], atMs: number, id: string, what: string): void {
    this.violations.push({ promise, atMs, id, what });
  }
}
