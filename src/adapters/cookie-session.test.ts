import session from "express-session";
import { describe, expect, test } from "vitest";
import { freezeDeep } from "../session/snapshot.js";
import {
  type CookieSession,
  cookieSessionOf,
  dataOf,
  hasSameCookie,
  isShortened,
  isUnchanged,
  lifeOf,
} from "./cookie-session.js";

const NOW_MS = Date.parse("2026-01-01T00:00:00.000Z");
const TTL_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A cookie as express-session has it in memory: its fields are getters. */
function liveCookie(options: { maxAge?: number; path?: string } = {}): CookieSession {
  const store = new session.MemoryStore();
  const { cookie } = store.createSession(
    { sessionID: "an-id" } as never,
    { cookie: { originalMaxAge: options.maxAge ?? null, ...options } } as never,
  );
  return { cookie: cookie as never };
}

function stored(data: CookieSession, expiresAtMs = NOW_MS + MINUTE_MS) {
  const copy = freezeDeep(JSON.parse(JSON.stringify(data))) as CookieSession;
  return { id: "an-id", data: copy, revision: "r", createdAtMs: NOW_MS, expiresAtMs };
}

describe("dataOf", () => {
  test("gives the cookie as its toJSON does, and leaves the session as it was", () => {
    const live = { ...liveCookie({ maxAge: MINUTE_MS, path: "/shop" }), user: "ada" };
    const { cookie } = live;
    const data = dataOf(live);
    expect(data).toMatchObject({
      user: "ada",
      cookie: { originalMaxAge: MINUTE_MS, path: "/shop", httpOnly: true },
    });
    expect(data.cookie?.expires).toBeInstanceOf(Date);
    expect(live.cookie).toBe(cookie);
  });

  test.each([
    [{ user: "ada" }],
    [{ cookie: { expires: null } }],
    [{ cookie: undefined }],
  ])("gives %j as it is", (plain) => {
    expect(dataOf(plain)).toBe(plain);
  });
});

describe("lifeOf", () => {
  const life = (expires: unknown) => lifeOf({ cookie: { expires } }, TTL_MS, NOW_MS);

  test.each([
    ["a Date", new Date(NOW_MS + MINUTE_MS)],
    ["a string", new Date(NOW_MS + MINUTE_MS).toISOString()],
  ])("is until the cookie expires: %s", (_, expires) => {
    expect(life(expires)).toEqual({ expiresAtMs: NOW_MS + MINUTE_MS });
  });

  test.each([
    [undefined],
    [null],
    [false],
    [1],
    ["no date"],
    [new Date(Number.NaN)],
  ])("is the store's TTL where the cookie names no time: %s", (expires) => {
    expect(life(expires)).toEqual({ ttlMs: TTL_MS });
  });

  test("is the store's TTL without a cookie", () => {
    expect(lifeOf({}, TTL_MS, NOW_MS)).toEqual({ ttlMs: TTL_MS });
  });

  test.each([[0], [-1], [-TTL_MS]])("is over %d ms after now", (fromNowMs) => {
    expect(life(new Date(NOW_MS + fromNowMs))).toBeUndefined();
  });

  test("is a duration where the end is so near that it might pass on the way to Redis", () => {
    expect(life(new Date(NOW_MS + 1))).toEqual({ ttlMs: 1 });
    expect(life(new Date(NOW_MS + 9_999))).toEqual({ ttlMs: 9_999 });
    expect(life(new Date(NOW_MS + 10_000))).toEqual({ expiresAtMs: NOW_MS + 10_000 });
  });

  test("is no longer than a store takes", () => {
    const { expiresAtMs = 0 } = life(new Date(8.64e15)) ?? {};
    expect(expiresAtMs - NOW_MS).toBe(100 * 365 * 86_400_000);
  });
});

describe("isShortened", () => {
  const shortened = (storedEndMs: number, endMs: number) =>
    isShortened(stored({}, storedEndMs), { cookie: { expires: new Date(endMs) } }, TTL_MS, NOW_MS);

  test("is true of an end that is sooner by more than a tenth of the new life", () => {
    expect(shortened(NOW_MS + 1_101, NOW_MS + 1_000)).toBe(true);
    expect(shortened(NOW_MS + TTL_MS, NOW_MS + MINUTE_MS)).toBe(true);
  });

  test("is false of an end that is later, or sooner by less", () => {
    expect(shortened(NOW_MS + 1_100, NOW_MS + 1_000)).toBe(false);
    expect(shortened(NOW_MS + MINUTE_MS, NOW_MS + TTL_MS)).toBe(false);
  });

  test("counts a session without an end as one with the store's TTL", () => {
    expect(isShortened(stored({}, NOW_MS + TTL_MS), {}, TTL_MS, NOW_MS)).toBe(false);
    expect(isShortened(stored({}, NOW_MS + 2 * TTL_MS), {}, TTL_MS, NOW_MS)).toBe(true);
  });

  test("is false of a record that another store wrote without an end", () => {
    expect(shortened(Number.POSITIVE_INFINITY, NOW_MS + MINUTE_MS)).toBe(false);
  });
});

describe("cookieSessionOf", () => {
  test("gives a mutable copy of its own", () => {
    const frozen = stored({ cookie: { expires: null }, nested: { list: ["a"] } });
    const copy = cookieSessionOf(frozen) as CookieSession & { nested: { list: string[] } };
    copy.nested.list.push("b");
    expect(frozen.data).toEqual({ cookie: { expires: null }, nested: { list: ["a"] } });
  });

  test("gives the end to which the session was touched, as JSON would", () => {
    const found = stored({ cookie: { expires: new Date(NOW_MS) } }, NOW_MS + MINUTE_MS);
    expect(cookieSessionOf(found).cookie?.expires).toBe("2026-01-01T00:01:00.000Z");
  });

  test.each([[null], [false]])("gives no end where the cookie has none: %s", (expires) => {
    expect(cookieSessionOf(stored({ cookie: { expires } })).cookie?.expires).toBe(expires);
  });

  test("leaves the end of a record that another store wrote without one", () => {
    const expires = new Date(NOW_MS).toISOString();
    expect(cookieSessionOf(stored({ cookie: { expires } }, Number.POSITIVE_INFINITY)).cookie?.expires).toBe(
      expires,
    );
  });

  test("adds no cookie", () => {
    expect(cookieSessionOf(stored({ user: "ada" }))).toEqual({ user: "ada" });
  });
});

describe("isUnchanged and hasSameCookie", () => {
  const base: CookieSession = { cookie: { expires: new Date(NOW_MS), path: "/" } as never, user: "ada" };
  const later = new Date(NOW_MS + MINUTE_MS);

  test.each<[string, CookieSession, { unchanged: boolean; sameCookie: boolean }]>([
    ["nothing", { ...base }, { unchanged: true, sameCookie: true }],
    [
      "the end",
      { ...base, cookie: { ...base.cookie, expires: later } },
      { unchanged: true, sameCookie: true },
    ],
    [
      "no end",
      { ...base, cookie: { ...base.cookie, expires: null } },
      { unchanged: false, sameCookie: false },
    ],
    [
      "the path",
      { ...base, cookie: { ...base.cookie, path: "/shop" } as never },
      { unchanged: false, sameCookie: false },
    ],
    ["the data", { ...base, user: "grace" }, { unchanged: false, sameCookie: true }],
    ["a property more", { ...base, more: null }, { unchanged: false, sameCookie: true }],
    ["one that JSON leaves out", { ...base, more: undefined }, { unchanged: true, sameCookie: true }],
    ["no cookie", { user: "ada" }, { unchanged: false, sameCookie: false }],
  ])("see what has changed: %s", (_, changed, { unchanged, sameCookie }) => {
    const { data } = stored(base);
    expect(isUnchanged(data, changed)).toBe(unchanged);
    expect(hasSameCookie(data, changed)).toBe(sameCookie);
  });

  test.each([
    [1, true],
    [-10, true],
    [1_000, false],
  ])("an originalMaxAge that differs by %s ms", (differenceMs, same) => {
    const aged = (originalMaxAge: number) => ({ ...base, cookie: { ...base.cookie, originalMaxAge } });
    const { data } = stored(aged(MINUTE_MS));
    expect(isUnchanged(data, aged(MINUTE_MS + differenceMs))).toBe(same);
    expect(hasSameCookie(data, aged(MINUTE_MS + differenceMs))).toBe(same);
  });

  test.each<[string, unknown, unknown]>([
    ["an item more", [1], [1, 2]],
    ["an array for an object", [1], { 0: 1 }],
    ["an object for an array", { 0: 1 }, [1]],
    ["null for an object", {}, null],
    ["an object for null", null, {}],
    ["a property that was renamed", { a: 1 }, { b: 1 }],
    ["a property less", { a: 1, b: 2 }, { a: 1 }],
    ["something far inside", { a: [{ b: "c" }] }, { a: [{ b: "d" }] }],
    ["another date", new Date(0).toISOString(), new Date(1)],
  ])("see what has changed in the data: %s", (_, before, after) => {
    expect(isUnchanged({ value: before } as never, { value: before })).toBe(true);
    expect(isUnchanged({ value: before } as never, { value: after })).toBe(false);
  });

  test("see no change where JSON sees none", () => {
    const value = { at: new Date(0), gone: undefined, run: () => 1, list: [{ at: new Date(0) }] };
    expect(isUnchanged(JSON.parse(JSON.stringify({ value })), { value })).toBe(true);
  });

  test("compare a live cookie with a stored one", () => {
    const live = { ...liveCookie({ maxAge: MINUTE_MS }), user: "ada" };
    const { data } = stored(dataOf(live));
    expect(isUnchanged(data, dataOf(live))).toBe(true);
  });
});
