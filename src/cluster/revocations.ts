/** How many deletions, and how many users, a node remembers. */
const MAX_REMEMBERED = 10_000;

/** For how long a node remembers, in milliseconds. */
export interface RevocationsOptions {
  /** Deletions: not longer than the tombstones live, since after them the id may be used again. */
  readonly sessionMs: number;
  /** Users who were revoked: at least as long as a copy of one of their sessions may be cached. */
  readonly userMs: number;
}

/**
 * What this node knows to be over: sessions that were deleted, and users who were revoked, by the generation that their sessions
 * must have at least.
 *
 * A reply that was read before, or from a server that lost the deletion in a failover, is told by it and not handed out; and
 * after a change of history it is repeated to the new server. Bounded in number and time.
 *
 * A pure state machine: the caller says what happened and what time it is.
 */
export class Revocations {
  readonly #options: RevocationsOptions;
  /** Until when each is remembered; in the order of their ends, since each insertion goes to the end. */
  readonly #sessions = new Map<string, number>();
  readonly #users = new Map<string, { generation: number; untilMs: number }>();

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** A session was deleted. */
  add(id: string, nowMs: number): void {
    this.#sessions.delete(id);
    this.#sessions.set(id, nowMs + this.#options.sessionMs);
    const [[oldest, untilMs] = ["", 0]] = this.#sessions;
    if (untilMs <= nowMs || this.#sessions.size > MAX_REMEMBERED) this.#sessions.delete(oldest);
  }

  /** A user was revoked. `false` if another had to be forgotten for it too early: then a copy of their sessions must not be kept. */
  addUser(user: string, generation: number, nowMs: number): boolean {
    const known = this.#users.get(user)?.generation ?? 0;
    this.#users.delete(user);
    this.#users.set(user, { generation: Math.max(generation, known), untilMs: nowMs + this.#options.userMs });
    const [[oldest, { untilMs }] = ["", { untilMs: 0 }]] = this.#users;
    const isOver = untilMs <= nowMs;
    if (!isOver && this.#users.size <= MAX_REMEMBERED) return true;
    this.#users.delete(oldest);
    return isOver;
  }

  /** Whether this session was deleted. */
  has(id: string, nowMs: number): boolean {
    const untilMs = this.#sessions.get(id);
    return untilMs !== undefined && nowMs < untilMs;
  }

  /** Whether a session of this user and generation is over. On the hot path: one comparison as long as nobody was revoked. */
  hasUser(user: string | undefined, generation: number): boolean {
    if (user === undefined || this.#users.size === 0) return false;
    const revoked = this.#users.get(user);
    return revoked !== undefined && generation < revoked.generation;
  }

  /** The sessions to delete again. */
  sessions(nowMs: number): string[] {
    return [...this.#sessions].filter(([, untilMs]) => nowMs < untilMs).map(([id]) => id);
  }

  /** The users to revoke again, with their generations. */
  users(nowMs: number): [user: string, generation: number][] {
    return [...this.#users]
      .filter(([, { untilMs }]) => nowMs < untilMs)
      .map(([user, { generation }]) => [user, generation]);
  }
}
