import { once } from "node:events";
import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import { fastifySession } from "@fastify/session";
import fastify from "fastify";
import { Hono } from "hono";
import { sessionMiddleware } from "hono-sessions";
import Koa from "koa";
import koaSession from "koa-session";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { COOKIE_FORMAT, type CookieSession } from "../../src/adapters/cookie-session.js";
import { FastifySessionStore } from "../../src/adapters/fastify.js";
import { HonoSessionStore } from "../../src/adapters/hono.js";
import { KoaSessionStore } from "../../src/adapters/koa.js";
import { flowOf, SessionBase, type SessionFlow } from "../../src/adapters/session-flow.js";
import { MemoryStore, StoreUnavailableError } from "../../src/index.js";

const ID = "an-id";
const HOUR_MS = 3_600_000;

type Session = CookieSession & Record<string, unknown>;

/** A session's data, with a cookie that a middleware has just renewed. */
function data(fields: Record<string, unknown> = {}): Session {
  const expires = new Date(Date.now() + HOUR_MS);
  return { cookie: { originalMaxAge: HOUR_MS, expires } as never, ...fields };
}

/** A store in which things happen before and after a write, as on the way to Redis and back. */
class Slow extends MemoryStore<Session> {
  before = async () => {};
  after = async () => {};

  override async set(...[id, value, options]: Parameters<MemoryStore<Session>["set"]>) {
    const sent = JSON.parse(JSON.stringify(value));
    await this.before();
    const written = await super.set(id, sent, options);
    await this.after();
    return written;
  }
}

describe("requests of one session", () => {
  let store: Slow;
  let flow: SessionFlow<Session>;
  beforeEach(() => {
    store = new Slow();
    flow = flowOf<Session>({ store, rotationGraceMs: 5_000 }, COOKIE_FORMAT);
  });

  async function load(id = ID): Promise<SessionBase<Session>> {
    const found = await store.get(id);
    if (found === undefined) throw new Error("there is no such session");
    return new SessionBase(id, found);
  }

  async function stored(id = ID): Promise<Record<string, unknown>> {
    const { cookie: _, ...fields } = (await store.get(id))?.data ?? {};
    return fields;
  }

  test("two that rotate it at once end neither's new session, and save each into its own", async () => {
    await store.set("old", data());
    const [one] = await Promise.all([flow.rotate("old", "n1", data()), flow.rotate("old", "n2", data())]);
    expect((await store.get("n1"))?.id).toBe("n1");
    expect((await store.get("n2"))?.id).toBe("n2");
    await flow.save("n1", data({ user: "ada" }), one);
    expect([await stored("n1"), await stored("n2")]).toEqual([{ user: "ada" }, {}]);
  });

  test("a change inside an object, made while a merged save is under way, is saved by the next save", async () => {
    await store.set(ID, data({ cart: { items: 1 } }));
    const base = await load();
    await store.set(ID, data({ cart: { items: 1 }, other: true }));
    const session = data({ cart: { items: 2 } });
    store.after = async () => {
      session.cart = Object.assign(session.cart as object, { items: 3 });
    };
    const saved = await flow.save(ID, { ...session }, base);
    await flow.save(ID, { ...session }, saved);
    expect(await stored()).toEqual({ cart: { items: 3 }, other: true });
  });

  test("a save that takes back an earlier one of the same request counts, however long that one takes", async () => {
    await store.set(ID, data({ n: 0 }));
    const base = await load();
    let answer = () => {};
    store.before = () =>
      new Promise((resolve) => {
        answer = resolve;
        store.before = async () => {};
      });
    const saves = [flow.save(ID, data({ n: 1 }), base), flow.save(ID, data({ n: 0 }), base)];
    await new Promise((resolve) => setTimeout(resolve, 150)); // longer than a turn is waited for
    answer();
    await Promise.all(saves);
    expect(await stored()).toEqual({ n: 0 });
  });

  test("one under way does not log in again whom another one has logged out", async () => {
    const user = (seen: number) => ({ user: { name: "ada", seen } });
    await store.set(ID, data(user(1)));
    const [logout, other] = [await load(), await load()];
    await flow.save(ID, data(), logout);
    await flow.save(ID, data(user(2)), other);
    expect(await stored()).toEqual({});

    await store.set("old", data(user(1)));
    const underWay = await load("old");
    await flow.rotate("old", "new", data());
    await flow.save("old", data(user(2)), underWay);
    expect(await stored("new")).toEqual({});
  });
});

test("koa: two sessions of one request, in one store, are both merged", async () => {
  const store = new MemoryStore<Record<string, unknown>>();
  const koa = new KoaSessionStore({ store });
  await store.set("a", { n: 1 });
  await store.set("b", { n: 1 });
  const ctx = {};
  const a = await koa.get("a", 1_000, { ctx });
  await koa.get("b", 1_000, { ctx });
  await store.set("a", { n: 1, other: true });
  await koa.set("a", { ...a, n: 2 }, 60_000, { ctx });
  expect((await store.get("a"))?.data).toEqual({ n: 2, other: true });
});

describe("koa: a session whose life one request changes, and another one only renews", () => {
  let store: MemoryStore<Record<string, unknown>>;
  let koa: KoaSessionStore<Record<string, unknown>>;
  beforeEach(async () => {
    store = new MemoryStore();
    koa = new KoaSessionStore({ store });
  });

  /** What koa-session saves. */
  const saved = (maxAgeMs: number | "session", fields: object) =>
    maxAgeMs === "session"
      ? { ...fields, _session: true }
      : { ...fields, _expire: Date.now() + maxAgeMs, _maxAge: maxAgeMs };
  const storedFor = (maxAgeMs: number | "session") => (maxAgeMs === "session" ? maxAgeMs : maxAgeMs + 10_000);

  test.each([
    ["longer", HOUR_MS, 720 * HOUR_MS],
    ["shorter", 720 * HOUR_MS, HOUR_MS],
    ["as long as the browser runs", HOUR_MS, "session"],
    ["no longer just as long as the browser runs", "session", HOUR_MS],
  ] as const)("lives %s", async (_, before, after) => {
    await koa.set("a", saved(before, {}), storedFor(before));
    const [login, other] = [{ session: {} }, { session: {} }];
    for (const ctx of [login, other]) await koa.get("a", HOUR_MS, { ctx });
    await koa.set("a", saved(after, { user: "ada" }), storedFor(after), { ctx: login });
    await koa.set("a", saved(before, { color: "red" }), storedFor(before), { ctx: other });
    const found = await store.get("a");
    const { _expire, ...data } = found?.data ?? {};
    const own = after === "session" ? { _session: true } : { _maxAge: after };
    expect(data).toEqual({ user: "ada", color: "red", ...own });
    const lifeMs = after === "session" ? store.ttlMs : after;
    const isNear = (endMs: unknown, expectedMs: number) => Math.abs(Number(endMs) - expectedMs) < 30_000;
    expect(isNear(found?.expiresAtMs, Date.now() + lifeMs)).toBe(true);
    if (after === "session") expect(_expire).toBeUndefined();
    else expect(isNear(_expire, Date.now() + lifeMs)).toBe(true);
  });
});

describe("koa: with a grace, the old id stands for no other session", () => {
  let store: MemoryStore<Record<string, unknown>>;
  let koa: KoaSessionStore<Record<string, unknown>>;
  beforeEach(async () => {
    store = new MemoryStore();
    koa = new KoaSessionStore({ store, rotationGraceMs: HOUR_MS });
    await store.set("old", { n: 1 });
  });

  async function save(ctx: { session?: unknown }, ended: string): Promise<string | undefined> {
    await koa.destroy(ended, { ctx });
    await koa.set("new", { n: 2 }, 60_000, { ctx });
    return (await store.get(ended))?.id;
  }

  test("than that which the request has begun in its place", async () => {
    const ctx = { session: {} };
    await koa.get("old", 60_000, { ctx });
    expect(await save(ctx, "old")).toBe("new");
  });

  test("where the request ends a session that is not its own", async () => {
    expect(await save({ session: {} }, "old")).toBeUndefined();
  });

  test("where the request logs out", async () => {
    const ctx = { session: null };
    await koa.get("old", 60_000, { ctx });
    expect(await save(ctx, "old")).toBeUndefined();
  });
});

describe("the cookie of a request says how long another one lets the session live meanwhile", () => {
  const DAYS_MS = 720 * HOUR_MS;
  const daysOf = (cookie: string | undefined) => {
    const expires = /expires=([^;]+)/i.exec(cookie ?? "")?.[1] ?? "";
    return Math.round((Date.parse(expires) - Date.now()) / (24 * HOUR_MS));
  };

  test("with @fastify/session", async () => {
    const store = new MemoryStore<Session>();
    const app = fastify();
    app.register(fastifyCookie);
    app.register(fastifySession, {
      store: new FastifySessionStore({ store }),
      secret: "a secret of at least 32 characters",
      cookie: { secure: false, maxAge: HOUR_MS },
    });
    app.get("/", async ({ session }) => {
      (session as unknown as Session).n = 1;
    });
    app.get("/meanwhile", async ({ session }) => {
      await store.update(session.sessionId, ({ cookie, ...fields }) => ({
        ...fields,
        cookie: { ...cookie, originalMaxAge: DAYS_MS } as never,
      }));
      (session as unknown as Session).n = 2;
      await session.save();
      (session as unknown as Session).n = 3;
    });
    onTestFinished(() => app.close());
    const begun = await app.inject("/");
    const cookies = Object.fromEntries(begun.cookies.map(({ name, value }) => [name, value]));
    const meanwhile = await app.inject({ url: "/meanwhile", cookies });
    expect(daysOf(String(meanwhile.headers["set-cookie"]))).toBe(30);
    for await (const { data } of store.all())
      expect(data).toMatchObject({ n: 3, cookie: { originalMaxAge: DAYS_MS } });
  });

  test("with koa-session", async () => {
    const store = new MemoryStore<Record<string, unknown>>();
    const app = new Koa();
    app.keys = ["a secret"];
    app.use(koaSession({ store: new KoaSessionStore({ store }), maxAge: HOUR_MS } as never, app));
    app.use(async ({ path, session, ...ctx }) => {
      if (session === null) return;
      if (path === "/meanwhile") {
        await store.update(String(session.externalKey), (data) => ({ ...data, _maxAge: DAYS_MS }));
      }
      session.n = path;
      ctx.response.body = "hello";
    });
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const begun = await fetch(url);
    const cookie = begun.headers.getSetCookie().map((text) => text.split(";")[0]);
    const meanwhile = await fetch(`${url}/meanwhile`, { headers: { cookie: cookie.join("; ") } });
    expect(daysOf(meanwhile.headers.getSetCookie()[0])).toBe(30);
    for await (const { data } of store.all())
      expect(data).toMatchObject({ n: "/meanwhile", _maxAge: DAYS_MS });
  });
});

describe("a cookie that cannot be an id begins a new session", () => {
  test("with hono-sessions", async () => {
    const app = new Hono();
    app.use(sessionMiddleware({ store: new HonoSessionStore({ store: new MemoryStore() }) }) as never);
    app.get("/", (context) => context.text("hello"));
    const answer = await app.request("/", { headers: { cookie: `session=${"x".repeat(600)}` } });
    expect(answer.status).toBe(200);
  });

  test("with koa-session, where the visitor's session was in the cookie itself", async () => {
    async function serve(options: object): Promise<string> {
      const app = new Koa();
      app.silent = true;
      app.keys = ["a secret"];
      app.use(koaSession(options as never, app));
      app.use((ctx) => {
        if (ctx.session !== null) ctx.session.cart = "item ".repeat(120);
        ctx.body = "hello";
      });
      const server = app.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(() => {
        server.close();
      });
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    }
    const before = await fetch(await serve({}));
    const cookie = before.headers
      .getSetCookie()
      .map((text) => text.split(";")[0])
      .join("; ");
    const url = await serve({ store: new KoaSessionStore({ store: new MemoryStore() }) });
    expect((await fetch(url, { headers: { cookie } })).status).toBe(200);
  });
});

test("@fastify/session: a reload that fails does not empty the session", async () => {
  class Flaky extends MemoryStore<Session> {
    failing = false;

    override async get(...args: Parameters<MemoryStore<Session>["get"]>) {
      if (!this.failing) return super.get(...args);
      this.failing = false;
      throw new StoreUnavailableError("no reply");
    }
  }
  const store = new Flaky();
  const app = fastify();
  app.register(fastifyCookie);
  app.register(fastifySession, {
    store: new FastifySessionStore({ store }),
    secret: "a secret of at least 32 characters",
    cookie: { secure: false },
  });
  app.get("/login", async ({ session }) => {
    (session as unknown as Session).user = "ada";
    return "welcome";
  });
  app.get("/reload", async ({ session }) => {
    store.failing = true;
    await session.reload();
    return "fine";
  });
  app.get("/", async ({ session }) => (session as unknown as Session).user ?? "nobody");
  onTestFinished(() => app.close());

  const login = await app.inject("/login");
  const cookies = Object.fromEntries(login.cookies.map(({ name, value }) => [name, value]));
  expect((await app.inject({ url: "/reload", cookies })).statusCode).toBe(500);
  expect((await app.inject({ url: "/", cookies })).body).toBe("ada");
});
