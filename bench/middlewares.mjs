import { once } from "node:events";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { serve } from "@hono/node-server";
import { useSession, useSessionStorage } from "@hono/session";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { Hono } from "hono";
import { sessionMiddleware } from "hono-sessions";
import Koa from "koa";
import koaSession from "koa-session";
import { betterAuthStorage } from "sessionmesh/better-auth";
import { ExpressSessionStore } from "sessionmesh/express";
import { FastifySessionStore } from "sessionmesh/fastify";
import { HonoSessionStore } from "sessionmesh/hono";
import { KoaSessionStore } from "sessionmesh/koa";
import { unstorageDriver } from "sessionmesh/unstorage";
import {
  plainDriver,
  plainHonoSessionsStore,
  plainHonoStorage,
  plainKoaStore,
  plainTexts,
} from "./plain-stores.mjs";
import { PREFIX, WIDE_BOUNDS } from "./redis.mjs";
import { openBetterAuth, openUnstorage } from "./storages.mjs";

/**
 * One application on each session middleware, with the paths `/read`, `/save`, which saves what it has not changed, and `/change`.
 *
 * @typedef {import("./plain-stores.mjs").Client} Client
 * @typedef {import("sessionmesh").SessionStore<unknown>} Store
 *
 * @typedef {object} Site
 * @property {number} port
 * @property {Store} [store] of sessionmesh, where there is one
 * @property {() => void} stop
 *
 * @typedef {object} Middleware
 * @property {string} name with the options that count
 * @property {(client: Client) => Promise<Site>} before on a plain store for Redis
 * @property {(client: Client) => Promise<Site>} after on sessionmesh
 */

const SECRET = "a secret of the benchmark, 32 characters or more";
const PLAIN_PREFIX = `${PREFIX}plain:`;

let changes = 0;

/** @param {Client} client */
const options = (client) => ({ client, prefix: PREFIX, ...WIDE_BOUNDS });

/** @param {Client} client */
const connectRedis = (client) => new ConnectRedisStore({ client, prefix: PLAIN_PREFIX });

/** @type {readonly Middleware[]} */
export const MIDDLEWARES = [
  ...[false, true].map((resave) => ({
    name: `express-session, resave: ${resave}`,
    before: (/** @type {Client} */ client) => openExpress(connectRedis(client), resave),
    after: async (/** @type {Client} */ client) => {
      const store = new ExpressSessionStore(options(client));
      return { ...(await openExpress(store, resave)), store: /** @type {any} */ (store.store) };
    },
  })),
  {
    name: "@fastify/session, with rolling: true, its default",
    before: (client) => openFastify(connectRedis(client)),
    after: async (client) => {
      const store = new FastifySessionStore(options(client));
      return { ...(await openFastify(store)), store: store.store };
    },
  },
  ...[false, true].map((rolling) => ({
    name: `koa-session, rolling: ${rolling}`,
    before: (/** @type {Client} */ client) => openKoa(plainKoaStore(client, PLAIN_PREFIX), rolling),
    after: async (/** @type {Client} */ client) => {
      const store = new KoaSessionStore(options(client));
      return { ...(await openKoa(store, rolling)), store: store.store };
    },
  })),
  {
    name: "hono-sessions",
    before: (client) => openHonoSessions(plainHonoSessionsStore(client, PLAIN_PREFIX)),
    after: async (client) => {
      const store = new HonoSessionStore(options(client));
      return { ...(await openHonoSessions(store)), store: store.store };
    },
  },
  {
    name: "@hono/session",
    before: (client) => openHono(useSessionStorage(plainHonoStorage(client, PLAIN_PREFIX))),
    after: async (client) => {
      const store = new HonoSessionStore(options(client));
      return { ...(await openHono(store.storage)), store: store.store };
    },
  },
  {
    name: "unstorage, on h3",
    before: (client) => openUnstorage(plainDriver(client, PLAIN_PREFIX)),
    after: async (client) => {
      const driver = unstorageDriver(options(client));
      return { ...(await openUnstorage(driver)), store: /** @type {any} */ (driver.getInstance()) };
    },
  },
  {
    name: "better-auth",
    before: (client) => openBetterAuth(plainTexts(client, PLAIN_PREFIX)),
    after: async (client) => {
      const storage = betterAuthStorage(options(client));
      return { ...(await openBetterAuth(storage)), store: /** @type {any} */ (storage.store) };
    },
  },
];

/**
 * @param {session.Store} store
 * @param {boolean} resave
 * @returns {Promise<Site>}
 */
async function openExpress(store, resave) {
  const app = express();
  app.use(session({ store, secret: SECRET, resave, saveUninitialized: false }));
  app.get("/read", (_req, res) => void res.end());
  app.get("/save", (req, res) => void req.session.save(() => res.end()));
  app.get("/change", (req, res) => {
    Object.assign(req.session, { changes: changes++ });
    res.end();
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return siteOf(server);
}

/**
 * @param {import("@fastify/session").SessionStore} store
 * @returns {Promise<Site>}
 */
async function openFastify(store) {
  const app = fastify();
  app.register(fastifyCookie);
  app.register(fastifySession, {
    store,
    secret: SECRET,
    saveUninitialized: false,
    cookie: { secure: false },
  });
  app.get("/read", async () => "");
  app.get("/save", async (req) => {
    await req.session.save();
    return "";
  });
  app.get("/change", async (req) => {
    Object.assign(req.session, { changes: changes++ });
    return "";
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return siteOf(app.server);
}

/**
 * @param {NonNullable<import("koa-session").CreateSessionOptions["store"]>} store
 * @param {boolean} rolling
 * @returns {Promise<Site>}
 */
async function openKoa(store, rolling) {
  const app = new Koa();
  app.keys = [SECRET];
  app.use(koaSession({ store, rolling }, app));
  app.use(async (ctx) => {
    if (ctx.path === "/save") await ctx.session.save();
    if (ctx.path === "/change") ctx.session.changes = changes++;
    ctx.body = "";
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return siteOf(server);
}

/**
 * @param {import("hono-sessions").Store} store
 * @returns {Promise<Site>}
 */
function openHonoSessions(store) {
  /** @type {Hono<{ Variables: { session: import("hono-sessions").Session<{ changes: number }> } }>} */
  const app = new Hono();
  app.use(
    sessionMiddleware({
      store,
      encryptionKey: SECRET,
      expireAfterSeconds: 86_400,
      cookieOptions: { path: "/" },
    }),
  );
  app.get("/:action", (c) => {
    if (c.req.path === "/change") c.var.session.set("changes", changes++);
    return c.text(""); // it saves after each request, changed or not
  });
  return listen(app);
}

/**
 * @param {import("hono").MiddlewareHandler} storage
 * @returns {Promise<Site>}
 */
function openHono(storage) {
  /** @type {Hono<import("@hono/session").SessionEnv<{ changes?: number }>>} */
  const app = new Hono();
  app.use(storage);
  app.use(useSession({ secret: SECRET }));
  app.get("/:action", async (c) => {
    const data = (await c.var.session.get()) ?? {};
    if (c.req.path === "/save") await c.var.session.update({ ...data });
    if (c.req.path === "/change") await c.var.session.update({ ...data, changes: changes++ });
    return c.text("");
  });
  return listen(app);
}

/**
 * @param {Hono<any>} app
 * @returns {Promise<Site>}
 */
async function listen(app) {
  const server = /** @type {import("node:http").Server} */ (
    serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" })
  );
  await once(server, "listening");
  return siteOf(server);
}

/**
 * @param {import("node:http").Server} server
 * @returns {Site}
 */
function siteOf(server) {
  return {
    port: /** @type {import("node:net").AddressInfo} */ (server.address()).port,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
