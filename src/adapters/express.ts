import session, { type SessionData } from "express-session";
import { SessionRevokedError } from "../errors.js";
import type { Session } from "../session/session.js";
import type { Snapshot } from "../session/snapshot.js";
import type { SessionStore } from "../stores/store.js";
import {
  type CookieSession,
  cookieSessionOf,
  dataOf,
  hasSameCookie,
  isShortened,
  isUnchanged,
  lifeOf,
} from "./cookie-session.js";
import { type AdapterOptions, startedStore } from "./owned-store.js";

/** What a method tells its callback. */
// biome-ignore lint/suspicious/noExplicitAny: as express-session types it
type Callback<R = void> = (error?: any, result?: R) => void;

/**
 * Either the options of `ClusteredRedisStore`, or `{ store }` with a store of your own. With a `codec` of your own, sessions still
 * consist of what JSON can express: they are copied and compared as such.
 */
export type ExpressSessionStoreOptions = AdapterOptions<CookieSession>;

/**
 * A store for express-session, and so for Express, NestJS and whatever else runs it.
 *
 * Every method takes a callback, as express-session calls it, or returns a promise. An error always reaches one of the two.
 *
 * @example
 * app.use(session({
 *   store: new ExpressSessionStore({ client }),
 *   secret, resave: false, saveUninitialized: false,
 * }));
 */
export class ExpressSessionStore extends session.Store {
  /** The store behind the adapter. */
  readonly store: SessionStore<CookieSession>;
  /** The last write of each session that has one under way. */
  readonly #writes = new Map<string, Promise<unknown>>();

  constructor(options: ExpressSessionStoreOptions) {
    super();
    this.store = startedStore(options);
  }

  /** The session, or `undefined`. */
  override get(id: string): Promise<SessionData | undefined>;
  override get(id: string, callback: Callback<SessionData>): void;
  override get(id: string, callback?: Callback<SessionData>): Promise<SessionData | undefined> | undefined {
    return answer(this.store.get(id).then(sessionDataOf), callback);
  }

  /** Stores the session until its cookie expires. If nothing but that has changed, it costs what a touch costs. */
  override set(id: string, session: SessionData): Promise<void>;
  override set(id: string, session: SessionData, callback: Callback | undefined): void;
  override set(id: string, session: SessionData, callback?: Callback) {
    return answer(this.#set(id, session), callback);
  }

  /** Moves the session's end to that of its cookie, and stores the cookie if its other attributes have changed. */
  override touch(id: string, session: SessionData): Promise<void>;
  override touch(id: string, session: SessionData, callback: Callback | undefined): void;
  override touch(id: string, session: SessionData, callback?: Callback) {
    return answer(this.#touch(id, session), callback);
  }

  /** Ends the session, on all nodes. No error if there is none. */
  override destroy(id: string): Promise<void>;
  override destroy(id: string, callback: Callback | undefined): void;
  override destroy(id: string, callback?: Callback) {
    return answer(this.#destroy(id), callback);
  }

  /** All sessions, each with its `id`. */
  override all(): Promise<SessionData[]>;
  override all(callback: Callback<SessionData[]>): void;
  override all(callback?: Callback<SessionData[]>) {
    return answer(this.#all(), callback);
  }

  /** How many sessions there are. */
  override length(): Promise<number>;
  override length(callback: Callback<number>): void;
  override length(callback?: Callback<number>) {
    return answer(this.store.size(), callback);
  }

  /** The ids of all sessions. */
  ids(): Promise<string[]>;
  ids(callback: Callback<string[]>): void;
  ids(callback?: Callback<string[]>) {
    return answer(this.#ids(), callback);
  }

  /** Ends all sessions. */
  override clear(): Promise<void>;
  override clear(callback: Callback | undefined): void;
  override clear(callback?: Callback) {
    return answer(this.#clear(), callback);
  }

  async #set(id: string, session: SessionData): Promise<void> {
    const data = dataOf(session as unknown as CookieSession);
    const held = this.#writes.has(id) ? undefined : this.store.peek(id);
    if (held !== undefined && isUnchanged(held.data, data) && (await this.#prolong(held, data))) return;
    const life = lifeOf(data, this.store.ttlMs, Date.now());
    await (life === undefined ? this.#destroy(id) : this.#write(id, this.store.set(id, data, life)));
  }

  async #touch(id: string, session: SessionData): Promise<void> {
    const data = dataOf(session as unknown as CookieSession);
    const found = this.store.peek(id) ?? (await this.store.get(id));
    if (found === undefined) return;
    if (hasSameCookie(found.data, data) && (await this.#prolong(found, data))) return;
    const life = lifeOf(data, this.store.ttlMs, Date.now());
    const { cookie } = data;
    const withCookie = (stored: Snapshot<CookieSession>) => ({ ...(stored as CookieSession), cookie });
    await (life === undefined ? this.#destroy(id) : this.#write(id, this.store.update(id, withCookie, life)));
  }

  /** Moves the end of a session to that of its cookie by a mere touch. `false` if that cannot do it, or the session is gone. */
  async #prolong(found: Session<CookieSession>, data: CookieSession): Promise<boolean> {
    const { ttlMs } = this.store;
    const wallNowMs = Date.now();
    const life = lifeOf(data, ttlMs, wallNowMs);
    if (life === undefined || isShortened(found, data, ttlMs, wallNowMs)) return false;
    return this.store.touch(found.id, life);
  }

  #destroy(id: string): Promise<void> {
    return this.#write(id, this.store.delete(id));
  }

  /** Until a write is done, what the store holds does not show it, so that another one cannot be left out as unchanged. */
  async #write(id: string, write: Promise<unknown>): Promise<void> {
    this.#writes.set(id, write);
    try {
      await write;
    } catch (error) {
      // The session ended while its request was under way: the answer is right, and there is nothing left to save.
      if (!(error instanceof SessionRevokedError)) throw error;
    } finally {
      if (this.#writes.get(id) === write) this.#writes.delete(id);
    }
  }

  async #all(): Promise<SessionData[]> {
    const sessions: SessionData[] = [];
    for await (const found of this.store.all()) {
      sessions.push({ ...cookieSessionOf(found), id: found.id } as unknown as SessionData);
    }
    return sessions;
  }

  async #ids(): Promise<string[]> {
    const ids: string[] = [];
    for await (const id of this.store.ids()) ids.push(id);
    return ids;
  }

  async #clear(): Promise<void> {
    await this.store.clear();
  }
}

/**
 * Tells the callback, once, or hands over the promise if there is none. The callback runs outside of the promise's chain: an
 * error that it throws is not the store's, and must neither come back as a second call nor vanish in a rejection.
 */
function answer<R>(
  outcome: Promise<R>,
  callback: Callback<NonNullable<R>> | undefined,
): Promise<R> | undefined {
  if (callback === undefined) return outcome;
  outcome.then(
    (result) => queueMicrotask(() => callback(null, result ?? undefined)),
    (error: unknown) => queueMicrotask(() => callback(error)),
  );
  return undefined;
}

function sessionDataOf(found: Session<CookieSession> | undefined): SessionData | undefined {
  return found && (cookieSessionOf(found) as unknown as SessionData);
}
