import type { Session } from "../session/session.js";
import type { Snapshot } from "../session/snapshot.js";
import type { OnOutage } from "./outage-policy.js";

/** How long a session lives from a write or a touch on. At most one of the two. */
export interface LifeOptions {
  /** Milliseconds from now. Default: the session's own TTL, or the store's for a new one. A touch may grant up to a tenth more. */
  ttlMs?: number;
  /** The end by the wall clock, in milliseconds since 1970; in the future. For cookies, which have such an end. */
  expiresAtMs?: number;
}

/** What `create()` may be told of a new session. */
export interface CreateOptions extends LifeOptions {
  /** The user it belongs to, for `revokeUser()` and `sessionsOf()`; at most 256 characters, percent-encoded. */
  user?: string;
  /** The end that no touch and no write passes, in milliseconds from now. Default: none. */
  absoluteTtlMs?: number;
}

/** How `set()` writes. */
export interface WriteOptions extends LifeOptions {
  /** Write only if the session still has this revision; otherwise a `SessionConflictError`. */
  ifRevision?: string;
  /** The user it belongs to from now on, as after a login. Default: the one it has. */
  user?: string;
}

/** How fresh the answer of `get()` has to be. */
export interface ReadOptions {
  /** `"strong"` asks Redis, whatever is cached. Default: `"bounded"`, from memory while the bound on staleness holds. */
  consistency?: "bounded" | "strong";
  /** What to do when Redis cannot be asked; nothing but `"fail"` beside `"strong"`. Default: as the store was told. */
  onOutage?: OnOutage;
}

/** What `delete()` deletes. */
export interface DeleteOptions {
  /** Delete only if the session still has this revision; otherwise a `SessionConflictError`. */
  ifRevision?: string;
  /**
   * `false`: leaves no tombstone, so that the id may be written again at once, also by a write that comes too late, and a server that
   * loses the deletion brings the session back; `session-ended` is not told. For values that are no sessions. Default `true`.
   */
  tombstone?: boolean;
  /**
   * Names the deletion, for `rotate()`: 12 characters of base64url, random, and others each time. Default: a name that nobody is told.
   */
  name?: string;
}

/** How `rotate()` ends the old id. */
export interface RotateOptions {
  /**
   * For how long the old id still leads to the session under the new one, in milliseconds: 0 (not at all) to 3,600,000. So long, whoever has
   * the old id has the session, also one who planted it before the login: so a few seconds, as long as requests are in flight.
   */
  graceMs: number;
  /** `false`: an id that was rotated before is left as it is, and so is the session that it leads to. Default `true`: that one is rotated. */
  follow?: boolean;
  /**
   * The name of the deletion that has ended the session under the old id: it becomes a rotation. `false` if it deleted nothing, if the old id
   * led to the session that it deleted, or if that id was deleted once more since. Default: a session is rotated that is there.
   */
  deletion?: string;
}

/** How long `revoke()` may take. */
export interface RevokeOptions {
  /** After so many milliseconds, a `RevocationUncertainError`. Default: as long as it takes, which is bounded by the bound on staleness. */
  timeoutMs?: number;
  /** Stops the waiting, which rejects with the signal's reason; what Redis was told stays done. Aborted before, nothing is done. */
  signal?: AbortSignal;
}

/** How it became certain that no node answers with the session any more. */
export interface Revocation {
  /** `true`: every other node said so. `false`: some did not, and the time is over for which a node answers without hearing of changes. */
  acknowledged: boolean;
  /** How long it took, in milliseconds. */
  waitedMs: number;
  /** How many other nodes were registered. */
  nodes: number;
}

/** What `update()` makes of the data. It may run several times, so it should have no other effect. */
export type Change<T> = (
  data: Snapshot<T>,
  session: Session<T>,
) => T | Snapshot<T> | Promise<T | Snapshot<T>>;

/** Whether a session is meant. */
export type Predicate<T> = (session: Session<T>) => boolean;

/**
 * What every store can do. One contract suite (`sessionmesh/testing`) holds all implementations to it.
 *
 * Every method rejects with a `StoreClosedError` after `close()`, with an `InvalidSessionIdError` for an id that cannot be one, and, where
 * Redis is involved, with a `StoreUnavailableError` when it does not answer in time. A record that cannot be read makes
 * the methods that want this one session reject with a `SessionCorruptError`; those that list sessions pass over it.
 */
export interface SessionStore<T> extends AsyncDisposable {
  /** Life of a session that says nothing else, in milliseconds. */
  readonly ttlMs: number;

  /** Makes the store ready to serve from memory. Every method works before, and without it. */
  start(): Promise<void>;

  /** The session, or `undefined`. */
  get(id: string, options?: ReadOptions): Promise<Session<T> | undefined>;

  /** The session if it can be had without any I/O, or `undefined`. Counts neither as hit nor as miss. */
  peek(id: string): Session<T> | undefined;

  /** Stores a new session under a new id. It is not undone if the sessions that its user has too many (`maxSessionsPerUser`) cannot be ended. */
  create(data: T | Snapshot<T>, options?: CreateOptions): Promise<Session<T>>;

  /**
   * Stores the data under this id, whether or not there is a session yet; but if there was one that was deleted or revoked, rejects with
   * a `SessionRevokedError`.
   */
  set(id: string, data: T | Snapshot<T>, options?: WriteOptions): Promise<Session<T>>;

  /**
   * Reads, changes, and writes if nobody else did meanwhile; otherwise again, at most 32 times, then a `SessionConflictError`.
   * `undefined` if there is no such session. What may have been written once is not written again: where a reply was lost and somebody else was faster
   * with the next write, rejects with a `SessionConflictError` that has `maybeApplied`.
   */
  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined>;

  /** Lets the session live for its TTL from now on at least. `false` if there is none. */
  touch(id: string, options?: LifeOptions): Promise<boolean>;

  /**
   * Deletes the session. `false` if there was none. For a while after it, writes under this id are refused with a `SessionRevokedError`, so
   * that a request that is still under way cannot bring it back.
   */
  delete(id: string, options?: DeleteOptions): Promise<boolean>;

  /**
   * Ends the session under `id`, and lets that id stand for `newId` for `graceMs`: so long, reads and writes under the old id reach the session
   * under the new one, and `delete()` and `revoke()` end it. After that the old id is dead like a deleted one. `false` if there was none.
   *
   * No data is copied: whoever rotates writes the new session, before or after. As long as it is not there, reads under the old id answer
   * `undefined`, and writes are refused with a `SessionRevokedError`. An id that was rotated already leads to the session to rotate;
   * the same rotation again changes nothing. After more than four rotations within their graces, the oldest id finds nothing any more.
   */
  rotate(id: string, newId: string, options: RotateOptions): Promise<boolean>;

  /**
   * Deletes the session, and resolves when no node can answer with it any more. Rejects with a `RevocationUncertainError` if that cannot be
   * said in time.
   */
  revoke(id: string, options?: RevokeOptions): Promise<Revocation>;

  /** Likewise for all sessions that the user has, whatever their number. A login that comes after it is not affected. */
  revokeUser(user: string, options?: RevokeOptions): Promise<Revocation>;

  /** The sessions of a user, the one that ends first first. O(sessions of the user). */
  sessionsOf(user: string): AsyncIterable<Session<T>>;

  /**
   * Deletes all sessions with this store's prefix; how many there were. Unlike `delete()` it keeps no memory of them: for maintenance and for
   * tests, since a request that is under way may save its session again.
   */
  clear(): Promise<number>;

  /** How many sessions there are. O(n). */
  size(): Promise<number>;

  /** The ids of all sessions, in no order; one that comes or goes meanwhile may or may not be among them. */
  ids(): AsyncIterable<string>;

  /** All sessions, likewise. */
  all(): AsyncIterable<Session<T>>;

  /** All sessions that match. O(n). */
  find(predicate: Predicate<T>): Promise<Session<T>[]>;

  /** How many sessions match. O(n). */
  count(predicate: Predicate<T>): Promise<number>;

  /** Deletes all sessions that match, each only if it still matches when it goes; how many went. O(n). */
  deleteWhere(predicate: Predicate<T>): Promise<number>;

  /** Whether sessions can be read and written now. Never rejects. */
  healthy(): Promise<boolean>;

  /** Ends all that `start()` began. The client is the application's and stays open. */
  close(): Promise<void>;
}

/**
 * What the adapters for key-value storages need beside sessions. All stores of this package can do it.
 */
export interface KeyValueStore<T> extends SessionStore<T> {
  /** Stores a session under this id if there is none; otherwise a `SessionConflictError`. */
  add(id: string, data: T | Snapshot<T>, options?: CreateOptions): Promise<Session<T>>;

  /** Deletes the session and answers with what it was: of all who try, on all nodes, one gets it. Leaves no tombstone. */
  take(id: string): Promise<Session<T> | undefined>;

  /**
   * Counts one more and answers with how many there are now, exactly, on all nodes. `ttlMs` is the life of a new counter; counting does not
   * prolong it. Counters have ids of their own: no session is under them, and `clear()` leaves them.
   */
  increment(id: string, ttlMs: number): Promise<number>;
}
