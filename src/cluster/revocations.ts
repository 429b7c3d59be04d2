/** How many deletions, and how many users, a node remembers. */
const MAX_REMEMBERED = 10_000;
/** How many users whose time is over one revocation makes it forget: two, so that they become fewer again after many. */
const FORGOTTEN_PER_REVOCATION = 2;

/** For how long a node remembers, in milliseconds. */
export interface RevocationsOptions {
  /** Deletions: not longer than the tombstones live, since after them the id may be used again. */
  readonly sessionMs: number;
  /** Users who were revoked, at the least: as long as a copy of one of their sessions may be cached, or longer. */
  readonly userMs: number;
}

/**
 * What this node knows to be over: sessions that were deleted, and users who were revoked, by the generation that their sessions
 * must have at least.
 *
 * A reply that was read before, or from a server that lost the deletion in a failover, is told by it and not handed out; and
 * after a change of history it is repeated to the new server. All that counts is repeated: a server that lost a user's generation gives new
 * sessions a lower one, and to hold them to a generation that nobody repeats would lock the user out. Bounded in number; deletions in time, too.
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
    let inTime = true;
    for (let n = 0; n < FORGOTTEN_PER_REVOCATION; n++) {
      const [[oldest, { untilMs }] = ["", { untilMs: 0 }]] = this.#users;
      const isOver = untilMs <= nowMs;
      if (!isOver && this.#users.size <= MAX_REMEMBERED) break;
      this.#users.delete(oldest);
      inTime &&= isOver;
    }
    return inTime;
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

  /** The users to revoke again, with their generations: all that `hasUser()` knows of, also when their time is over. */
  users(): [user: string, generation: number][] {
    return [...this.#users].map(([user, { generation }]) => [user, generation]);
  }
}
