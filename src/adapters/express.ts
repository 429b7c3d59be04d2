import type session from "express-session";
import type { SessionData } from "express-session";
import type { Session } from "../session/session.js";
import type { SessionStore } from "../stores/store.js";
import { answer, type Callback } from "./callback.js";
import { COOKIE_FORMAT, type CookieSession, cookieSessionOf, dataOf } from "./cookie-session.js";
import { installed } from "./installed.js";
import type { AdapterOptions } from "./owned-store.js";
import loaded from "./require-express-session.cjs";
import { flowOf, SessionBase, type SessionFlow } from "./session-flow.js";

const { Store, Session: RequestSession }: typeof session = installed("express-session", loaded);

/**
 * Either the options of `ClusteredRedisStore`, or `{ store }` with a store of your own. With a `codec` of your own, sessions still
 * consist of what JSON can express: they are copied and compared as such.
 */
export type ExpressSessionStoreOptions<T = SessionData> = AdapterOptions<T>;

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
export class ExpressSessionStore<T = SessionData> extends Store {
  /** The store behind the adapter. */
  readonly store: SessionStore<T>;
  readonly #flow: SessionFlow<CookieSession>;
  /** What each session that was handed out is based on; express-session copies them, but says so in `createSession()`. */
  readonly #bases = new WeakMap<object, SessionBase<CookieSession>>();

  constructor(options: ExpressSessionStoreOptions<T>) {
    super();
    this.#flow = flowOf(options as ExpressSessionStoreOptions<CookieSession>, COOKIE_FORMAT);
    this.store = this.#flow.store as SessionStore<never>;
  }

  /** The session, or `undefined`. */
  override get(id: string): Promise<SessionData | undefined>;
  override get(id: string, callback: Callback<SessionData>): void;
  override get(id: string, callback?: Callback<SessionData>): Promise<SessionData | undefined> | undefined {
    return answer(
      this.#flow.store.get(id).then((found) => found && this.#handOut(id, found)),
      callback,
    );
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
    return answer(this.#flow.end(id), callback);
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

  /** Called by express-session to make the request's session of what `get()` gave. */
  override createSession(
    request: Parameters<session.Store["createSession"]>[0],
    data: SessionData,
  ): session.Session & SessionData {
    const created = super.createSession(request, data);
    const base = this.#bases.get(data);
    if (base !== undefined) this.#bases.set(created, base);
    return created;
  }

  /** Called by express-session to give the request a new session under a new id. */
  override regenerate(request: Parameters<session.Store["regenerate"]>[0], callback: Callback): void {
    if (this.#flow.rotationGraceMs === 0) super.regenerate(request, callback);
    else answer(this.#rotate(request), callback);
  }

  async #rotate(request: Parameters<session.Store["regenerate"]>[0]): Promise<void> {
    const { sessionID } = request;
    request.sessionStore.generate(request);
    const data = dataOf(request.session as unknown as CookieSession);
    const base = await this.#flow.rotate(sessionID, request.sessionID, data);
    if (base !== undefined) this.#bases.set(request.session, base);
  }

  #handOut(id: string, found: Session<CookieSession>): SessionData {
    const copy = cookieSessionOf(found);
    this.#bases.set(copy, new SessionBase(id, found));
    return copy as unknown as SessionData;
  }

  async #set(id: string, data: SessionData): Promise<void> {
    const base = await this.#flow.save(id, dataOf(data as unknown as CookieSession), this.#bases.get(data));
    // What a request has begun and saved, it may save again.
    if (base !== undefined && data instanceof RequestSession) this.#bases.set(data, base);
  }

  async #touch(id: string, data: SessionData): Promise<void> {
    const base = this.#bases.get(data) ?? (await this.#latest(id));
    if (base === undefined) return;
    const { cookie } = dataOf(data as unknown as CookieSession);
    await this.#flow.save(id, { ...(base.seen as CookieSession), cookie }, base);
  }

  async #latest(id: string): Promise<SessionBase<CookieSession> | undefined> {
    const found = this.#flow.store.peek(id) ?? (await this.#flow.store.get(id));
    return found && new SessionBase(id, found);
  }

  async #all(): Promise<SessionData[]> {
    const sessions: SessionData[] = [];
    for await (const found of this.#flow.store.all()) {
      sessions.push(Object.assign(this.#handOut(found.id, found), { id: found.id }));
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
