import session from "express-session";
import { describe, expect, test } from "vitest";
import { freezeDeep } from "../session/snapshot.js";
import { COOKIE_FORMAT, type CookieSession, cookieSessionOf, dataOf } from "./cookie-session.js";

const NOW_MS = Date.parse("2026-01-01T00:00:00.000Z");
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

describe("the end by the cookie", () => {
  const { endOf } = COOKIE_FORMAT;

  test.each([
    ["a Date", new Date(NOW_MS)],
    ["a string", new Date(NOW_MS).toISOString()],
  ])("is when it expires: %s", (_, expires) => {
    expect(endOf({ cookie: { expires } })).toBe(NOW_MS);
  });

  test.each([
    [undefined],
    [null],
    [false],
    [1],
    ["no date"],
    [new Date(Number.NaN)],
  ])("is not known where it names no time: %s", (expires) => {
    expect(endOf({ cookie: { expires } })).toBeUndefined();
  });

  test("is not known without a cookie", () => {
    expect(endOf({})).toBeUndefined();
  });
});

describe("the times of another session", () => {
  const { withTimesOf } = COOKIE_FORMAT;
  const stored = { user: "ada", cookie: { expires: "then", originalMaxAge: MINUTE_MS, path: "/shop" } };

  test.each([
    [MINUTE_MS + 9, MINUTE_MS + 9],
    [2 * MINUTE_MS, MINUTE_MS],
  ])("replace the end of the cookie, and of a life of %s ms only what the clock makes of it", (maxAge, kept) => {
    const live = liveCookie();
    Object.assign(live.cookie as object, { maxAge, originalMaxAge: maxAge });
    const { expires } = JSON.parse(JSON.stringify(live.cookie));
    expect(withTimesOf(live, stored)).toEqual({
      user: "ada",
      cookie: { expires, originalMaxAge: kept, path: "/shop" },
    });
  });

  test.each<[CookieSession, CookieSession]>([
    [{}, stored],
    [stored, {}],
  ])("change nothing where one of them has no cookie", (data, into) => {
    expect(withTimesOf(data, into)).toBe(into);
  });
});

describe("the end of a session for whose life another request has decided", () => {
  const endWith = (mine: unknown, merged: unknown) =>
    COOKIE_FORMAT.withMergedEnd?.(
      { a: 1, cookie: { expires: "mine", originalMaxAge: merged } },
      { cookie: { originalMaxAge: mine } },
      NOW_MS,
    );

  test("follows from that life", () => {
    const expires = new Date(NOW_MS + MINUTE_MS).toISOString();
    const data = { a: 1, cookie: { expires, originalMaxAge: MINUTE_MS } };
    expect(endWith(null, MINUTE_MS)).toEqual({ data, endMs: NOW_MS + MINUTE_MS });
    expect(endWith(1, Number.MAX_VALUE)?.endMs).toBeGreaterThan(NOW_MS);
  });

  test.each([null, undefined, {}, Number.NaN])("is none where that is none: %s", (originalMaxAge) => {
    const data = { a: 1, cookie: { expires: null, originalMaxAge } };
    expect(endWith(MINUTE_MS, originalMaxAge)).toEqual({ data, endMs: undefined });
  });

  test("is that of the request where both have the same", () => {
    expect(endWith(MINUTE_MS, MINUTE_MS + 9)).toBeUndefined();
    expect(endWith(null, null)).toBeUndefined();
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

describe("whether a session is unchanged", () => {
  const { isUnchanged } = COOKIE_FORMAT;
  const base: CookieSession = { cookie: { expires: new Date(NOW_MS), path: "/" } as never, user: "ada" };
  const later = new Date(NOW_MS + MINUTE_MS);

  test.each<[string, CookieSession, boolean]>([
    ["nothing", { ...base }, true],
    ["the end", { ...base, cookie: { ...base.cookie, expires: later } }, true],
    ["no end", { ...base, cookie: { ...base.cookie, expires: null } }, false],
    ["the path", { ...base, cookie: { ...base.cookie, path: "/shop" } as never }, false],
    ["the data", { ...base, user: "grace" }, false],
    ["a property more", { ...base, more: null }, false],
    ["one that JSON leaves out", { ...base, more: undefined }, true],
    ["no cookie", { user: "ada" }, false],
  ])("see what has changed: %s", (_, changed, unchanged) => {
    const { data } = stored(base);
    expect(isUnchanged(data, changed)).toBe(unchanged);
  });

  test.each([
    [1, true],
    [-10, true],
    [1_000, false],
  ])("an originalMaxAge that differs by %s ms", (differenceMs, same) => {
    const aged = (originalMaxAge: number) => ({ ...base, cookie: { ...base.cookie, originalMaxAge } });
    const { data } = stored(aged(MINUTE_MS));
    expect(isUnchanged(data, aged(MINUTE_MS + differenceMs))).toBe(same);
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

  test("ask for what JSON spells once, as JSON does", () => {
    class Cart {
      items = 1;
      toJSON() {
        return this;
      }
    }
    const value = { cart: new Cart(), list: [new Cart()] };
    const data = JSON.parse(JSON.stringify({ value }));
    expect(isUnchanged(data, { value })).toBe(true);
    value.cart.items = 2;
    expect(isUnchanged(data, { value })).toBe(false);
  });

  test("compare a live cookie with a stored one", () => {
    const live = { ...liveCookie({ maxAge: MINUTE_MS }), user: "ada" };
    const { data } = stored(dataOf(live));
    expect(isUnchanged(data, dataOf(live))).toBe(true);
  });
});
