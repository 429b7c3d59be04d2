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
  originalMaxAge?: unknown;
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

/** By how much `originalMaxAge` may differ, in milliseconds: express-session makes it of two looks at the clock. */
const MAX_AGE_TOLERANCE_MS = 10;

/** Whether two sessions hold the same, apart from when they end. */
export function isUnchanged(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  return (
    isStoredAs({ ...stored, cookie: null }, { ...session, cookie: null }) && hasSameCookie(stored, session)
  );
}

/** Whether two sessions have the same cookie, apart from when it expires: of that, only whether it ever does counts. */
export function hasSameCookie(stored: Snapshot<CookieSession>, session: CookieSession): boolean {
  const sameEnd = (endOf(stored) === undefined) === (endOf(session) === undefined);
  return sameEnd && hasSameMaxAge(stored, session) && isStoredAs(withoutTimes(stored), withoutTimes(session));
}

function hasSameMaxAge({ cookie: a }: Snapshot<CookieSession>, { cookie: b }: CookieSession): boolean {
  const ages = [a?.originalMaxAge, b?.originalMaxAge] as const;
  if (typeof ages[0] !== "number" || typeof ages[1] !== "number") return isStoredAs(ages[0], ages[1]);
  return Math.abs(ages[0] - ages[1]) <= MAX_AGE_TOLERANCE_MS;
}

function withoutTimes({ cookie }: Snapshot<CookieSession>): unknown {
  return typeof cookie === "object" && cookie !== null
    ? { ...cookie, expires: null, originalMaxAge: null }
    : cookie;
}

/**
 * Whether JSON would make `stored` of `value`, in the same order; several times faster than spelling both. Where JSON merely
 * tolerates a value (NaN, a function in an array), it may count as another: that costs a write and nothing else.
 */
function isStoredAs(stored: unknown, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === stored;
  if ("toJSON" in value && typeof value.toJSON === "function") return isStoredAs(stored, value.toJSON());
  if (typeof stored !== "object" || stored === null) return false;
  if (Array.isArray(value) || Array.isArray(stored)) {
    if (!Array.isArray(value) || !Array.isArray(stored) || stored.length !== value.length) return false;
    return value.every((item, i) => isStoredAs(stored[i], item));
  }
  const keys = Object.keys(stored);
  let matched = 0;
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    if (child === undefined || typeof child === "function") continue;
    if (keys[matched++] !== key || !isStoredAs((stored as Record<string, unknown>)[key], child)) return false;
  }
  return matched === keys.length;
}
