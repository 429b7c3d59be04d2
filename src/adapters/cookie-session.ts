import { MAX_TTL_MS } from "../options.js";
import type { Session } from "../session/session.js";
import { cloneDeep, type Snapshot } from "../session/snapshot.js";
import { isStoredAs } from "../session/stored-as.js";
import type { SessionFormat, WithEnd } from "./session-flow.js";

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
  /** Where @fastify/session notes the end that the cookie had when it was loaded. */
  originalExpires?: unknown;
  originalMaxAge?: unknown;
  toJSON?(): Cookie;
}

/** The data to store: as it is, with the cookie as its own `toJSON` gives it, since its fields are getters. */
export function dataOf(session: CookieSession): CookieSession {
  const { cookie } = session;
  return typeof cookie?.toJSON === "function" ? { ...session, cookie: cookie.toJSON() } : session;
}

/** When the cookie expires, in milliseconds since 1970; `undefined` if it names no time. */
export function endOf({ cookie }: Snapshot<CookieSession>): number | undefined {
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

/** By how much `originalMaxAge` may differ, in milliseconds: express-session makes it of two looks at the clock. */
const MAX_AGE_TOLERANCE_MS = 10;

/**
 * The session, with the times that move with every request replaced by those that the cookie of `data` has. For how long it lives after a request is
 * no such time: only what the clock makes of it does not count.
 */
function withTimesOf(
  data: CookieSession | Snapshot<CookieSession>,
  stored: Snapshot<CookieSession>,
): Snapshot<CookieSession> {
  if (!isObject(data.cookie) || !isObject(stored.cookie)) return stored;
  const { expires, originalExpires, originalMaxAge } = JSON.parse(JSON.stringify(data.cookie));
  const age = hasSameMaxAge(stored, data) && { originalMaxAge };
  return { ...stored, cookie: { ...stored.cookie, expires, originalExpires, ...age } };
}

/** Another request has changed for how long the session lives, and this one has only renewed it for as long as it knew of. */
function withMergedEnd(
  merged: CookieSession,
  mine: CookieSession,
  wallNowMs: number,
): WithEnd<CookieSession> | undefined {
  if (!isObject(merged.cookie) || hasSameMaxAge(mine, merged)) return undefined;
  const { originalMaxAge } = merged.cookie;
  const isTimed = typeof originalMaxAge === "number" && Number.isFinite(originalMaxAge);
  const endMs = isTimed ? wallNowMs + Math.min(originalMaxAge, MAX_TTL_MS) : undefined;
  const expires = endMs === undefined ? null : new Date(endMs).toISOString();
  return { data: { ...merged, cookie: { ...merged.cookie, expires } }, endMs };
}

/** How express-session and @fastify/session keep sessions. */
export const COOKIE_FORMAT: SessionFormat<CookieSession> = {
  endOf,
  isUnchanged,
  withTimesOf,
  withMergedEnd,
};

/** Whether two sessions hold the same, apart from when they end. */
export function isUnchanged(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  return (
    isStoredAs({ ...stored, cookie: null }, { ...session, cookie: null }) && hasSameCookie(stored, session)
  );
}

/** Whether two sessions have the same cookie, apart from when it expires: of that, only whether it ever does counts. */
function hasSameCookie(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  const sameEnd = (endOf(stored) === undefined) === (endOf(session) === undefined);
  return sameEnd && hasSameMaxAge(stored, session) && isStoredAs(withoutTimes(stored), withoutTimes(session));
}

/** Whether two sessions live as long after each request, but for what the clock makes of it. */
export function hasSameMaxAge(
  { cookie: a }: CookieSession | Snapshot<CookieSession>,
  { cookie: b }: CookieSession | Snapshot<CookieSession>,
): boolean {
  const ages = [a?.originalMaxAge, b?.originalMaxAge] as const;
  if (typeof ages[0] !== "number" || typeof ages[1] !== "number") return isStoredAs(ages[0], ages[1]);
  return Math.abs(ages[0] - ages[1]) <= MAX_AGE_TOLERANCE_MS;
}

function withoutTimes({ cookie }: Snapshot<CookieSession>): unknown {
  if (!isObject(cookie)) return cookie;
  const { expires, originalExpires, originalMaxAge, ...rest } = cookie as Cookie;
  return rest;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
