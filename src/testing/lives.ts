/** When something was asked for and when it was answered, by one clock for the whole history. */
export interface Span {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** How long a session may live, and whose it is. */
export interface LifeData {
  readonly user?: string | undefined;
  /** From each write and touch on. Default: for ever, as far as a history goes. */
  readonly ttlMs?: number | undefined;
  /** From its creation on. */
  readonly absoluteTtlMs?: number | undefined;
}

/** What somebody ends: a session, all of a user, or all that there are. */
export type Ending = { readonly id: string } | { readonly user: string } | "all";

/** By how much a touch may grant more than the session's TTL: `docs/internals/protocol.md`, "Touches". */
const TOUCH_EXTRA = 0.1;

interface Life {
  readonly user: string | undefined;
  readonly ttlMs: number;
  /** When its creation was acknowledged. */
  readonly createdAtMs: number;
  /** No touch and no write passes this. */
  readonly absoluteUntilMs: number;
  /** Until when it must be there; `undefined`: somebody may have ended it, or the server lost it. */
  leastUntilMs: number | undefined;
  /** From when on it must be gone, by what was acknowledged. */
  mostUntilMs: number;
}

/** What is asked of many sessions, and may be carried out at any time until it is answered. */
interface Sweep {
  unanswered: number;
  answeredAtMs: number;
}

/**
 * Judges how long sessions live: not shorter than they were told, unless somebody may have ended them, and not longer. `violated` is
 * told of what is neither.
 */
export class Lives {
  readonly #toleranceMs: number;
  readonly #violated: (atMs: number, id: string, what: string) => void;
  readonly #lives = new Map<string, Life>();
  /** What somebody has begun to end: it may be over from then on. */
  readonly #ending = new Set<string>();
  readonly #sweeps = new Map<string, Sweep>();
  /** How many writes and touches of a session may still be carried out. */
  readonly #unanswered = new Map<string, number>();
  #lostAtMs = Number.NEGATIVE_INFINITY;

  constructor(toleranceMs: number, violated: (atMs: number, id: string, what: string) => void) {
    this.#toleranceMs = toleranceMs;
    this.#violated = violated;
  }

  /** Somebody asks for what may end sessions. Whoever is told that it is done, says so by what this returns. */
  ending(what: Ending): (atMs: number) => void {
    if (typeof what === "object" && "id" in what) {
      this.#ending.add(what.id);
      this.#mayBeOver(([id]) => id === what.id);
      return () => {};
    }
    const user = what === "all" ? undefined : what.user;
    const sweep = this.#sweep(user);
    sweep.unanswered++;
    this.#mayBeOver(([, life]) => user === undefined || life.user === user);
    return (atMs) => {
      sweep.unanswered--;
      sweep.answeredAtMs = atMs;
    };
  }

  /** Whether somebody has begun to end it. */
  isEnding(id: string): boolean {
    return this.#ending.has(id);
  }

  /** Somebody asks for a write or a touch. Likewise. */
  granting(id: string): () => void {
    const count = (by: number) => this.#unanswered.set(id, (this.#unanswered.get(id) ?? 0) + by);
    count(1);
    return () => count(-1);
  }

  created(id: string, span: Span, { user, ttlMs, absoluteTtlMs }: LifeData): void {
    const { startedAtMs, endedAtMs } = span;
    const never = Number.POSITIVE_INFINITY;
    const mayBeOver =
      startedAtMs <= this.#lostAtMs ||
      this.#ending.has(id) ||
      [undefined, ...(user === undefined ? [] : [user])].some((whose) => {
        const { unanswered, answeredAtMs } = this.#sweep(whose);
        return unanswered > 0 || answeredAtMs >= startedAtMs;
      });
    this.#lives.set(id, {
      user,
      ttlMs: ttlMs ?? never,
      createdAtMs: endedAtMs,
      absoluteUntilMs: absoluteTtlMs === undefined ? never : endedAtMs + absoluteTtlMs,
      leastUntilMs: mayBeOver ? undefined : startedAtMs + Math.min(ttlMs ?? never, absoluteTtlMs ?? never),
      mostUntilMs: endedAtMs + Math.min(ttlMs ?? never, absoluteTtlMs ?? never),
    });
  }

  /** A write or a touch was acknowledged. */
  prolonged(id: string, { startedAtMs, endedAtMs }: Span, { byTouch }: { byTouch: boolean }): void {
    const life = this.#lives.get(id);
    if (life === undefined) return;
    const { absoluteUntilMs, ttlMs } = life;
    const mostMs = byTouch ? ttlMs * (1 + TOUCH_EXTRA) : ttlMs;
    life.mostUntilMs = Math.max(life.mostUntilMs, Math.min(endedAtMs + mostMs, absoluteUntilMs));
    // its creation was answered later than it was carried out, which is from when the absolute end counts
    if (life.leastUntilMs === undefined || absoluteUntilMs !== Number.POSITIVE_INFINITY) return;
    // a node that has not heard of a write yet takes the life to be longer, by what a touch before it granted more
    const leastMs = byTouch ? ttlMs * (1 - TOUCH_EXTRA) : ttlMs;
    life.leastUntilMs = Math.max(life.leastUntilMs, startedAtMs + leastMs);
  }

  /** A node answered with it, or said that it is there. */
  answered(id: string, { startedAtMs, endedAtMs }: Span): void {
    const mostUntilMs = this.#lives.get(id)?.mostUntilMs ?? Number.POSITIVE_INFINITY;
    if (startedAtMs <= mostUntilMs + this.#toleranceMs || (this.#unanswered.get(id) ?? 0) > 0) return;
    this.#violated(endedAtMs, id, `answered ${startedAtMs - mostUntilMs} ms after its time was over`);
  }

  /** A node found none; what it answered with may have been so `staleMs` before. */
  missed(id: string, { startedAtMs, endedAtMs }: Span, staleMs: number): void {
    const { leastUntilMs, createdAtMs = startedAtMs } = this.#lives.get(id) ?? {};
    if (leastUntilMs === undefined || startedAtMs < createdAtMs + staleMs) return;
    if (endedAtMs + this.#toleranceMs >= leastUntilMs) return;
    const leftMs = leastUntilMs - startedAtMs;
    this.#violated(endedAtMs, id, `not found, though nobody ended it and it had ${leftMs} ms to live`);
  }

  /** The server lost what it had; users may have lost generations that nodes remember, so that their next sessions are over. */
  lost(atMs: number): void {
    this.#lostAtMs = atMs;
    this.#mayBeOver(() => true);
    for (const [user, sweep] of this.#sweeps) if (user !== "") sweep.unanswered++;
  }

  #mayBeOver(which: (entry: [id: string, life: Life]) => boolean): void {
    for (const entry of this.#lives) if (which(entry)) entry[1].leastUntilMs = undefined;
  }

  /** Of a user; without one: of all. */
  #sweep(user = ""): Sweep {
    const sweep = this.#sweeps.get(user) ?? { unanswered: 0, answeredAtMs: Number.NEGATIVE_INFINITY };
    this.#sweeps.set(user, sweep);
    return sweep;
  }
}
