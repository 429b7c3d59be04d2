import { once } from "node:events";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { ExpressSessionStore } from "../../dist/adapters/express.js";
import { FastifySessionStore } from "../../dist/adapters/fastify.js";
import { connectNodeRedis } from "../redis.mjs";
import { makeSession } from "../sessions.mjs";

/**
 * The applications that are compared over HTTP: `/login` fills a session with about 1 KB, `/read` answers with something of it,
 * `/write` changes a field.
 *
 * @typedef {Awaited<ReturnType<typeof connectNodeRedis>>} Client
 * @typedef {{ store: any, start?: () => Promise<unknown> }} OpenStore
 *
 * @typedef {object} SiteKind
 * @property {"Express" | "Fastify"} stack
 * @property {string} store its name, or what stands in for one
 * @property {string} configuration as code
 * @property {boolean} usesRedis
 * @property {((client: Client) => OpenStore) | undefined} open none: the route has no session
 * @property {object} [options] of the middleware, beside those of all
 * @property {string} [variant] what they are called
 */

const SECRET = "a secret of the comparison, 32 characters or more";

/** Options of @fastify/session by which it saves what has changed, and nothing else. */
const LEAN = { variant: "rolling: false", options: { rolling: false, saveUninitialized: false } };

/** @type {Record<string, SiteKind>} */
export const SITES = {
  expressBare: {
    stack: "Express",
    store: "no session",
    configuration: "the route alone",
    usesRedis: false,
    open: undefined,
  },
  expressMemory: {
    stack: "Express",
    store: "MemoryStore",
    configuration: "session({ secret, resave: false, saveUninitialized: false })",
    usesRedis: false,
    open: () => ({ store: new session.MemoryStore() }),
  },
  expressConnectRedis: {
    stack: "Express",
    store: "connect-redis",
    configuration:
      "session({ store: new RedisStore({ client }), secret, resave: false, saveUninitialized: false })",
    usesRedis: true,
    open: openConnectRedis,
  },
  expressSessionmesh: {
    stack: "Express",
    store: "sessionmesh",
    configuration:
      "session({ store: new ExpressSessionStore({ client }), secret, resave: false, saveUninitialized: false })",
    usesRedis: true,
    open(client) {
      const store = new ExpressSessionStore({ client });
      return { store, start: () => store.store.start() };
    },
  },
  fastifyBare: {
    stack: "Fastify",
    store: "no session",
    configuration: "the route alone",
    usesRedis: false,
    open: undefined,
  },
  fastifyMemory: {
    stack: "Fastify",
    store: "memory",
    configuration: "fastifySession({ secret, cookie: { secure: false } })",
    usesRedis: false,
    open: openFastifyMemory,
  },
  fastifyConnectRedis: {
    stack: "Fastify",
    store: "connect-redis",
    configuration: "fastifySession({ store: new RedisStore({ client }), secret, cookie: { secure: false } })",
    usesRedis: true,
    open: openConnectRedis,
  },
  fastifySessionmesh: {
    stack: "Fastify",
    store: "sessionmesh",
    configuration:
      "fastifySession({ store: new FastifySessionStore({ client }), secret, cookie: { secure: false } })",
    usesRedis: true,
    open: openFastifyStore,
  },
  fastifyMemoryLean: {
    stack: "Fastify",
    store: "memory",
    configuration:
      "fastifySession({ secret, cookie: { secure: false }, rolling: false, saveUninitialized: false })",
    usesRedis: false,
    open: openFastifyMemory,
    ...LEAN,
  },
  fastifyConnectRedisLean: {
    stack: "Fastify",
    store: "connect-redis",
    configuration:
      "fastifySession({ store: new RedisStore({ client }), secret, cookie: { secure: false }, rolling: false, saveUninitialized: false })",
    usesRedis: true,
    open: openConnectRedis,
    ...LEAN,
  },
  fastifySessionmeshLean: {
    stack: "Fastify",
    store: "sessionmesh",
    configuration:
      "fastifySession({ store: new FastifySessionStore({ client }), secret, cookie: { secure: false }, rolling: false, saveUninitialized: false })",
    usesRedis: true,
    open: openFastifyStore,
    ...LEAN,
  },
};

/** The applications as the page tells of them. */
export function describeSites() {
  return Object.entries(SITES).map(([key, { stack, store, variant, configuration }]) => ({
    key,
    stack,
    store,
    ...(variant && { variant }),
    configuration,
  }));
}

function openFastifyMemory() {
  return { store: undefined }; // the middleware's own
}

/** @param {Client} client */
function openConnectRedis(client) {
  return { store: new ConnectRedisStore({ client }) };
}

/** @param {Client} client */
function openFastifyStore(client) {
  const store = new FastifySessionStore({ client });
  return { store, start: () => store.store.start() };
}

/**
 * Starts an application.
 *
 * @param {SiteKind} site
 * @param {string} redisUrl
 * @returns {Promise<number>} its port
 */
export async function openSite({ stack, open, usesRedis, options }, redisUrl) {
  const client = usesRedis ? await connectNodeRedis(redisUrl) : undefined;
  const opened = open?.(/** @type {Client} */ (client));
  await opened?.start?.();
  return stack === "Express" ? openExpress(opened) : openFastify(opened, options);
}

let logins = 0;

/** What a new session holds, beside its cookie. */
function content() {
  const { cookie, ...data } = makeSession(logins++);
  return data;
}

/** @param {OpenStore | undefined} opened */
async function openExpress(opened) {
  const app = express();
  if (opened !== undefined)
    app.use(session({ store: opened.store, secret: SECRET, resave: false, saveUninitialized: false }));
  app.get("/login", (req, res) => {
    if (req.session !== undefined) Object.assign(req.session, content());
    res.json({});
  });
  app.get("/read", (req, res) => void res.json({ user: /** @type {any} */ (req.session)?.userId ?? 1 }));
  app.get("/write", (req, res) => {
    if (req.session !== undefined) Object.assign(req.session, { changedAt: performance.now() });
    res.json({});
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
}

/**
 * @param {OpenStore | undefined} opened
 * @param {object} [options]
 */
async function openFastify(opened, options) {
  const app = fastify();
  if (opened !== undefined) {
    app.register(fastifyCookie);
    const { store } = opened;
    app.register(fastifySession, {
      ...(store !== undefined && { store }),
      secret: SECRET,
      cookie: { secure: false },
      ...options,
    });
  }
  app.get("/login", async (req) => {
    if (req.session !== undefined) Object.assign(req.session, content());
    return {};
  });
  app.get("/read", async (req) => ({ user: /** @type {any} */ (req.session)?.userId ?? 1 }));
  app.get("/write", async (req) => {
    if (req.session !== undefined) Object.assign(req.session, { changedAt: performance.now() });
    return {};
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return /** @type {import("node:net").AddressInfo} */ (app.server.address()).port;
}
