import type { Session } from "../session/session.js";
import type { SessionStore } from "../stores/store.js";
import { answer, type Callback } from "./callback.js";
import {
  COOKIE_FORMAT,
  type CookieSession,
  cookieSessionOf,
  dataOf,
  endOf,
  hasSameMaxAge,
} from "./cookie-session.js";
import type { AdapterOptions } from "./owned-store.js";
import { flowOf, SessionBase, type SessionFlow } from "./session-flow.js";

/** Either the options of `ClusteredRedisStore`, or `{ store }` with a store of your own; and how sessions are saved. */
export type FastifySessionStoreOptions<T = unknown> = AdapterOptions<T>;

/** Under which a cookie carries what its session is based on: @fastify/session spreads cookies, symbols included. */
const BASE = Symbol("sessionmesh.base");

/** Keeps a base from whoever prints the session; or the error that took its place. */
class Carried {
  readonly #base: SessionBase<CookieSession> | Error;

  constructor(base: SessionBase<CookieSession> | Error) {
    this.#base = base;
  }

  /** The base. Throws if there is none since the session could not be read. */
  get base(): SessionBase<CookieSession> {
    if (this.#base instanceof Error) throw this.#base;
    return this.#base;
  }
}

function carrying(base: SessionBase<CookieSession> | Error): object {
  return { [BASE]: new Carried(base) };
}

/**
 * A store for @fastify/session 11. Sessions of connect-redis under the same prefix go on.
 *
 * A session that nobody has changed costs what a touch costs, so `rolling`, which is on by default, need not be turned off.
 *
 * @example
 * app.register(fastifyCookie);
 * app.register(fastifySession, { store: new FastifySessionStore({ client }), secret });
 */
export class FastifySessionStore<T = unknown> {
  /** The store behind the adapter. */
  readonly store: SessionStore<T>;
  readonly #flow: SessionFlow<CookieSession>;
  /** What each session is based on that was saved. */
  readonly #bases = new WeakMap<object, SessionBase<CookieSession>>();

  constructor(options: FastifySessionStoreOptions<T>) {
    this.#flow = flowOf(options as FastifySessionStoreOptions<CookieSession>, COOKIE_FORMAT);
    this.store = this.#flow.store as SessionStore<never>;
  }

  /** The session, or `undefined`. */
  // biome-ignore lint/suspicious/noExplicitAny: the application declares what its sessions hold
  get(id: string, callback: (error: any, session?: any) => void): void {
    this.#flow.store.get(id).then(
      (found) => queueMicrotask(() => callback(null, found && sessionOf(id, found))),
      // `reload()` goes on with what comes beside an error: what is then saved must not pass for a session that the request has emptied.
      (error: Error) => queueMicrotask(() => callback(error, { cookie: carrying(error) })),
    );
  }

  /** Stores the session until its cookie expires. If nothing but that has changed, it costs what a touch costs. */
  set(id: string, session: object, callback: Callback): void {
    answer(this.#set(id, session as CookieSession), callback);
  }

  /** Ends the session, on all nodes. No error if there is none. */
  destroy(id: string, callback: Callback): void {
    answer(this.#flow.endOrRotate(id), callback);
  }

  async #set(id: string, session: CookieSession): Promise<void> {
    const base = await this.#flow.save(id, dataOf(session), this.#bases.get(session) ?? carriedBy(session));
    if (base === undefined) return;
    this.#bases.set(session, base);
    showLife(base, session.cookie as LiveCookie | undefined);
  }
}

/** What of a cookie of @fastify/session says how long it lives. */
interface LiveCookie {
  originalMaxAge?: unknown;
  expires?: unknown;
}

/** If another request has decided for how long the session lives, that is for the cookie, too, which @fastify/session sets when the session is saved. */
function showLife(base: SessionBase<CookieSession>, live: LiveCookie | undefined): void {
  const { cookie } = base.known.data;
  if (!live || !cookie || hasSameMaxAge({ cookie: live }, { cookie })) return;
  const { originalMaxAge } = cookie;
  const endMs = endOf({ cookie });
  Object.assign(live, { expires: endMs === undefined ? null : new Date(endMs), originalMaxAge });
  base.seen = { ...base.seen, cookie: { ...base.seen.cookie, originalMaxAge } };
}

/** A copy for the middleware, with what it is based on. */
function sessionOf(id: string, found: Session<CookieSession>): CookieSession {
  const copy = cookieSessionOf(found);
  copy.cookie = { ...copy.cookie, ...carrying(new SessionBase(id, found)) };
  return copy;
}

/** What a session of @fastify/session is based on: it keeps the options of its cookie under a symbol of its own. */
function carriedBy(session: object): SessionBase<CookieSession> | undefined {
  for (const key of Object.getOwnPropertySymbols(session)) {
    const value = (session as Record<symbol, unknown>)[key];
    if (typeof value !== "object" || value === null) continue;
    const carried = (value as Record<symbol, unknown>)[BASE];
    if (carried instanceof Carried) return carried.base;
  }
  return undefined;
}
