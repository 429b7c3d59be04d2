import { type Ending, type LifeData, Lives, type Span } from "./lives.js";

export type { Span } from "./lives.js";

/** What the sessions of a history hold: how often each was changed. Every change adds one, by `store.update()`. */
export interface HistoryData {
  readonly n: number;
}

/** One broken promise. */
export interface Violation {
  /**
   * Which: I1 revocation, I2 bounded staleness, I3 no resurrection, I4 no lost update, as in `docs/internals/protocol.md`; `life`: a session
   * lives as long as it was told, unless somebody ends it, and no longer.
   */
  readonly promise: "I1" | "I2" | "I3" | "I4" | "life";
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
  /** When a `clear()` was acknowledged that it was there before. */
  clearedAtMs: number;
  wasDeleted: boolean;
  /** The server lost its deletion, as far as anybody knows. */
  deletionWasLost: boolean;
  user: string | undefined;
  /** When its creation was acknowledged. */
  createdAtMs: number;
  /** How many writes that may create it may still be carried out. */
  creations: number;
  /** Until when its id may lead to another. */
  aliasUntilMs: number;
}

/**
 * Judges what several nodes have answered, while it happens: whoever runs them tells each answer when it comes, and which promise
 * it breaks is noted. The judge knows nothing of how the nodes work.
 */
export class History {
  readonly violations: Violation[] = [];
  readonly #options: HistoryOptions;
  readonly #sessions = new Map<string, Known>();
  readonly #lives: Lives;
  /** Where each id may lead. */
  readonly #rotations = new Map<string, string>();
  #worstStalenessMs = 0;
  #reads = 0;
  #lostAtMs = Number.NEGATIVE_INFINITY;
  #nodeForgot = false;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#lives = new Lives(options.toleranceMs, (atMs, id, what) => this.#violated("life", atMs, id, what));
  }

  /** How long ago the oldest answer that was given had been replaced. */
  get worstStalenessMs(): number {
    return this.#worstStalenessMs;
  }

  /** How many answers were judged. */
  get reads(): number {
    return this.#reads;
  }

  /**
   * Somebody asks for what may end sessions. Whoever is told that it was done calls what this returns; until then, it may be done at any time.
   * Need not be told where no lives are judged.
   */
  ending(what: Ending): (atMs: number) => void {
    if (typeof what === "object" && "id" in what) {
      const target = this.#rotations.get(what.id);
      if (target !== undefined) this.ending({ id: target }); // it may end that as well
    }
    return this.#lives.ending(what);
  }

  /** Somebody asks for a write or a touch. Likewise. `creates`: also where no session is. */
  granting(id: string, { creates = false } = {}): () => void {
    const answered = this.#lives.granting(id);
    if (!creates) return answered;
    const known = this.#known(id);
    known.creations++;
    known.clearedAtMs = Number.POSITIVE_INFINITY;
    return () => {
      known.creations--;
      answered();
    };
  }

  /** A session was created, and that was acknowledged. */
  created(id: string, span: Span, life: LifeData = {}): void {
    this.changed(id, 0, span);
    this.#lives.created(id, span, life);
    const known = this.#known(id);
    known.user = life.user;
    known.createdAtMs = span.endedAtMs;
  }

  /** A touch was acknowledged: it found the session. It hands nothing out, so what was lost excuses it as it excuses a write. */
  touched(id: string, span: Span): void {
    if (span.startedAtMs > this.#lostAtMs && span.startedAtMs > this.#known(id).deletedAtMs) {
      this.#violated("I3", span.endedAtMs, id, "touched after it was deleted");
    }
    this.#lives.answered(id, span);
    this.#lives.prolonged(id, span, { byTouch: true });
  }

  /** A session was created, or changed for the `n`th time, and that was acknowledged. */
  changed(id: string, n: number, { startedAtMs, endedAtMs }: Span): void {
    if (n > 0) this.#lives.prolonged(id, { startedAtMs, endedAtMs }, { byTouch: false });
    if (startedAtMs <= this.#lostAtMs) return; // perhaps it is lost, too
    const known = this.#known(id);
    if (known.acknowledgedAtMs.has(n)) {
      this.#violated("I4", endedAtMs, id, `change ${n} was acknowledged twice: one of them is lost`);
    }
    if (startedAtMs > known.deletedAtMs) {
      this.#violated("I3", endedAtMs, id, `change ${n} was made after the session was deleted`);
    }
    if (n > 0 && startedAtMs > known.clearedAtMs) {
      this.#violated("I3", endedAtMs, id, `change ${n} was made after all sessions were cleared`);
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
    else known.deletionWasLost = true;
  }

  /** `revokeUser()` was acknowledged: it ended all sessions of the user that were there when it was asked for. */
  userEnded(user: string, span: Span): void {
    for (const [id, known] of this.#sessions) {
      if (known.user === user && known.createdAtMs < span.startedAtMs)
        this.ended(id, span, { revoked: true });
    }
  }

  /** `clear()` was acknowledged. It leaves no tombstones, so a write that was under way may bring a session back. */
  cleared({ startedAtMs, endedAtMs }: Span): void {
    if (startedAtMs <= this.#lostAtMs) return;
    for (const known of this.#sessions.values()) {
      if (known.creations === 0 && known.createdAtMs < startedAtMs) {
        known.clearedAtMs = Math.min(known.clearedAtMs, endedAtMs);
      }
      if (known.aliasUntilMs < startedAtMs) continue;
      known.deletedAtMs = Number.POSITIVE_INFINITY; // with the alias, its tombstone may be gone
      known.wasDeleted = false;
    }
  }

  /** Somebody asks for `rotate()`: `ending()` of the old id. */
  rotating(id: string, newId: string): void {
    this.#rotations.set(id, newId);
    this.#known(id).aliasUntilMs = Number.POSITIVE_INFINITY;
    if (this.#lives.isEnding(id)) this.ending({ id: newId }); // who ends it at present may follow
    this.#lives.ending({ id });
  }

  /** `rotate()` was acknowledged: the old session is over, and the old id leads to the new one for the grace. */
  rotated(id: string, graceMs: number, span: Span): void {
    this.ended(id, span, { revoked: false });
    this.#known(id).aliasUntilMs = span.endedAtMs + graceMs;
  }

  /** A node answered to an id with the session under another one. Not `strong`: it may have joined a read that was sent before. */
  ledOn(id: string, { startedAtMs, endedAtMs }: Span, { strong = false } = {}): void {
    const { revokedAtMs, aliasUntilMs } = this.#known(id);
    const { maxStalenessMs, toleranceMs } = this.#options;
    const graceMs = toleranceMs + (strong ? 0 : maxStalenessMs);
    if (startedAtMs > revokedAtMs) {
      this.#violated("I1", endedAtMs, id, "it leads to a session after it was revoked");
    } else if (startedAtMs > aliasUntilMs + graceMs) {
      const lateMs = startedAtMs - aliasUntilMs;
      this.#violated("I3", endedAtMs, id, `it leads to a session ${lateMs} ms after its grace`);
    }
  }

  /** Whether the deletion of a session was acknowledged, and binds; and its id leads nowhere. */
  hasEnded(id: string, nowMs = Number.POSITIVE_INFINITY): boolean {
    const { deletedAtMs, aliasUntilMs } = this.#known(id);
    return deletedAtMs !== Number.POSITIVE_INFINITY && nowMs > aliasUntilMs;
  }

  /** A node found no session. Not `strong`: it may have joined a read that was sent before. Need not be told where no lives are judged. */
  missed(id: string, span: Span, { strong = false } = {}): void {
    this.#lives.missed(id, span, strong ? 0 : this.#options.maxStalenessMs);
  }

  /** A node is gone, with all that it remembered. */
  forgot(): void {
    this.#nodeForgot = true;
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
    this.#lives.answered(id, { startedAtMs, endedAtMs });
    if (strong && startedAtMs > known.clearedAtMs) {
      this.#violated("I3", endedAtMs, id, "it is back after all sessions were cleared");
    }
    const replacedAtMs = this.#replacedAtMs(known, n);
    if (strong && startedAtMs > replacedAtMs) {
      this.#violated("I4", endedAtMs, id, `Redis has change ${n}, and ${known.highest} was acknowledged`);
    }
    const stalenessMs = endedAtMs - Math.min(replacedAtMs, known.deletedAtMs, known.clearedAtMs);
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
    this.#lives.lost(atMs);
    for (const known of this.#sessions.values()) {
      known.acknowledgedAtMs.clear();
      known.highest = 0;
      known.clearedAtMs = Number.POSITIVE_INFINITY;
      if (known.deletedAtMs > sinceMs) {
        known.deletedAtMs = Number.POSITIVE_INFINITY;
        known.deletionWasLost = known.wasDeleted;
      }
      if (known.revokedAtMs > sinceMs) known.revokedAtMs = Number.POSITIVE_INFINITY;
    }
  }

  /**
   * All is well again, and the session is still there, or is not. A deletion that the server lost is made good by whoever remembers it; a
   * node that is gone may have been the only one.
   */
  settled(id: string, isThere: boolean, atMs: number): void {
    const { wasDeleted, deletionWasLost } = this.#known(id);
    if (isThere && wasDeleted && !(deletionWasLost && this.#nodeForgot)) {
      this.#violated("I3", atMs, id, "it is back for good");
    }
    if (!isThere) this.#lives.missed(id, { startedAtMs: atMs, endedAtMs: atMs }, 0);
  }

  /** All is well again: something about a user is not as it should be. */
  unsettled(user: string, atMs: number, what: string): void {
    this.#violated("life", atMs, user, what);
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
        clearedAtMs: never,
        wasDeleted: false,
        deletionWasLost: false,
        user: undefined,
        createdAtMs: never,
        creations: 0,
        aliasUntilMs: Number.NEGATIVE_INFINITY,
      };
      this.#sessions.set(id, known);
    }
    return known;
  }

  #violated(promise: Violation["promise"], atMs: number, id: string, what: string): void {
    this.violations.push({ promise, atMs, id, what });
  }
}
