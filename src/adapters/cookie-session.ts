import { MAX_TTL_MS } from "../options.js";
import type { Session } from "../session/session.js";
import { cloneDeep, type Snapshot } from "../session/snapshot.js";
import type { LifeOptions } from "../stores/store.js";

/**
 * What express-session and those that follow it hand to a store: the application's data with a `cookie` that says, among other things,
 * when the session ends. This module translates between that and a `Session`, whose end is not part of its data.
 */
export interface CookieSession {
  cookie?: Cookie | undefined;
  [key: string]: unknown;
}

interface Cookie {
  expires?: unknown;
  toJSON?(): Cookie;
}

/** The data to store: as it is, with the cookie as its own `toJSON` gives it, since its fields are getters. */
export function dataOf(session: CookieSession): CookieSession {
  const { cookie } = session;
  return typeof cookie?.toJSON === "function" ? { ...session, cookie: cookie.toJSON() } : session;
}

/** How long a session shall live: until its cookie expires, or for the store's TTL if that says nothing. `undefined`: it is over. */
export function lifeOf(session: CookieSession, ttlMs: number, wallNowMs: number): LifeOptions | undefined {
  const expires = session.cookie?.expires;
  const endMs =
    expires instanceof Date || typeof expires === "string" ? new Date(expires).getTime() : Number.NaN;
  if (Number.isNaN(endMs)) return { ttlMs };
  return endMs > wallNowMs ? { expiresAtMs: Math.min(endMs, wallNowMs + MAX_TTL_MS) } : undefined;
}

/**
 * A mutable copy for the middleware, just as JSON would have given it. The end of a session moves with every touch without its data
 * being written, so `cookie.expires` is filled in here; a record of another store may have no end of its own.
 */
export function cookieSessionOf({ data, expiresAtMs }: Session<CookieSession>): CookieSession {
  const copy = cloneDeep<CookieSession>(data);
  if (typeof copy.cookie?.expires === "string" && expiresAtMs !== Number.POSITIVE_INFINITY) {
    copy.cookie.expires = new Date(expiresAtMs).toISOString();
  }
  return copy;
}

/** Whether two sessions hold the same, apart from when they end. */
export function isUnchanged(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  return JSON.stringify(withoutEnd(stored)) === JSON.stringify(withoutEnd(session));
}

/** Whether two sessions have the same cookie, apart from when it expires. */
export function hasSameCookie(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  return JSON.stringify(withoutEnd(stored).cookie) === JSON.stringify(withoutEnd(session).cookie);
}

function withoutEnd(session: Snapshot<CookieSession>): Snapshot<CookieSession> {
  const { cookie } = session;
  return typeof cookie === "object" && cookie !== null
    ? { ...session, cookie: { ...cookie, expires: null } }
    : session;
}
