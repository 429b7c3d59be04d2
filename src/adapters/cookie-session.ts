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

/** An end nearer than this, in milliseconds, is given to the store as a duration: longer than any command may take. */
const NEAR_MS = 10_000;

/** The data to store: as it is, with the cookie as its own `toJSON` gives it, since its fields are getters. */
export function dataOf(session: CookieSession): CookieSession {
  const { cookie } = session;
  return typeof cookie?.toJSON === "function" ? { ...session, cookie: cookie.toJSON() } : session;
}

/**
 * How long a session shall live from now on: until its cookie expires, or for the store's TTL if that says nothing. `undefined`: it
 * is over.
 */
export function lifeOf(session: CookieSession, ttlMs: number, wallNowMs: number): LifeOptions | undefined {
  const lifeMs = lifeMsOf(session, ttlMs, wallNowMs);
  if (lifeMs <= 0) return undefined;
  // An end so near might pass on the way to the store, which takes no past one; a duration is the same to some milliseconds.
  return endOf(session) === undefined || lifeMs < NEAR_MS
    ? { ttlMs: lifeMs }
    : { expiresAtMs: wallNowMs + lifeMs };
}

/**
 * Whether a session shall end sooner than it would by itself: then a touch, which only ever lengthens a life, will not do. Less than
 * the tenth by which touched sessions outlive their ends does not count; simultaneous requests differ by some milliseconds.
 */
export function isShortened(
  { expiresAtMs }: Session<CookieSession>,
  session: CookieSession,
  ttlMs: number,
  wallNowMs: number,
): boolean {
  return Number.isFinite(expiresAtMs) && expiresAtMs > wallNowMs + 1.1 * lifeMsOf(session, ttlMs, wallNowMs);
}

function lifeMsOf(session: CookieSession, ttlMs: number, wallNowMs: number): number {
  const endMs = endOf(session);
  return endMs === undefined ? ttlMs : Math.min(endMs - wallNowMs, MAX_TTL_MS);
}

/** When the cookie expires, in milliseconds since 1970; `undefined` if it names no time. */
function endOf({ cookie }: Snapshot<CookieSession>): number | undefined {
  const expires = cookie?.expires;
  if (!(expires instanceof Date || typeof expires === "string")) return undefined;
  const endMs = new Date(expires).getTime();
  return Number.isNaN(endMs) ? undefined : endMs;
}

/** The ends of sessions as cookies spell them: spelling one takes as long as copying half a session, and a cached one is read often. */
const SPELT_ENDS = new WeakMap<Session<CookieSession>, string>();

/**
 * A mutable copy for the middleware, just as JSON would have given it. The end of a session moves with every touch without its data
 * being written, so `cookie.expires` is filled in here; a record of another store may have no end of its own.
 */
export function cookieSessionOf(session: Session<CookieSession>): CookieSession {
  const copy = cloneDeep<CookieSession>(session.data);
  if (typeof copy.cookie?.expires === "string" && session.expiresAtMs !== Number.POSITIVE_INFINITY) {
    copy.cookie.expires = speltEnd(session);
  }
  return copy;
}

function speltEnd(session: Session<CookieSession>): string {
  let end = SPELT_ENDS.get(session);
  if (end === undefined) {
    end = new Date(session.expiresAtMs).toISOString();
    SPELT_ENDS.set(session, end);
  }
  return end;
}

/** Whether two sessions hold the same, apart from when they end. */
export function isUnchanged(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  return JSON.stringify(withoutEnd(stored)) === JSON.stringify(withoutEnd(session));
}

/** Whether two sessions have the same cookie, apart from when it expires. */
export function hasSameCookie(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  return JSON.stringify(withoutEnd(stored).cookie) === JSON.stringify(withoutEnd(session).cookie);
}

/** The session with no more of its end than whether it has one. */
function withoutEnd(session: Snapshot<CookieSession>): Snapshot<CookieSession> {
  const { cookie } = session;
  return typeof cookie === "object" && cookie !== null
    ? { ...session, cookie: { ...cookie, expires: endOf(session) !== undefined } }
    : session;
}
