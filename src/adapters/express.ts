import session, { type SessionData } from "express-session";
import type { SessionStore } from "../stores/store.js";
import {
  type CookieSession,
  cookieSessionOf,
  dataOf,
  hasSameCookie,
  isUnchanged,
  lifeOf,
} from "./cookie-session.js";
import { type AdapterOptions, startedStore } from "./owned-store.js";

/** What a method tells its callback. */
// biome-ignore lint/suspicious/noExplicitAny: as express-session types it
type Callback<R = void> = (error?: any, result?: R) => void;

/** Either the options of `ClusteredRedisStore`, or `{ store }` with a store of your own. */
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

  constructor(options: ExpressSessionStoreOptions) {
    super();
    this.store = startedStore(options);
  }

  /** The session, or `undefined`. */
  override get(id: string): Promise<SessionData | undefined>;
  override get(id: string, callback: Callback<SessionData>): void;
  override get(id: string, callback?: Callback<SessionData>): Promise<SessionData | undefined> | undefined {
    return answer(this.#get(id), callback);
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

  async #get(id: string): Promise<SessionData | undefined> {
    const found = await this.store.get(id);
    return found && (cookieSessionOf(found) as unknown as SessionData);
  }

  async #set(id: string, session: SessionData): Promise<void> {
    const data = dataOf(session as unknown as CookieSession);
    const life = lifeOf(data, this.store.ttlMs, Date.now());
    if (life === undefined) return this.#destroy(id);
    const held = this.store.peek(id);
    if (held !== undefined && isUnchanged(held.data, data) && (await this.store.touch(id, life))) return;
    await this.store.set(id, data, life);
  }

  async #touch(id: string, session: SessionData): Promise<void> {
    const data = dataOf(session as unknown as CookieSession);
    const life = lifeOf(data, this.store.ttlMs, Date.now());
    if (life === undefined) return this.#destroy(id);
    const found = this.store.peek(id) ?? (await this.store.get(id));
    if (found === undefined) return;
    if (hasSameCookie(found.data, data)) await this.store.touch(id, life);
    else
      await this.store.update(id, (stored) => ({ ...(stored as CookieSession), cookie: data.cookie }), life);
  }

  async #destroy(id: string): Promise<void> {
    await this.store.delete(id);
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
