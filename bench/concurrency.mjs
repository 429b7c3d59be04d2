import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { RedisStore as ConnectRedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import fastify from "fastify";
import { ExpressSessionStore } from "sessionmesh/express";
import { FastifySessionStore } from "sessionmesh/fastify";
import { connectNodeRedis, PREFIX } from "./redis.mjs";
import { Visitor } from "./visitor.mjs";

const FIFTY = Array.from({ length: 50 }, (_, n) => n);
/** How long a handler works between its read of the session and its change, in milliseconds: a query of a database. */
const WORK_MS = 5;

/**
 * @typedef {object} Nodes three processes' worth of an application, on one Redis
 * @property {Node} here
 * @property {Node} there
 * @property {Node} fresh has nothing in memory: what it says is what Redis holds
 *
 * @typedef {object} Scenario
 * @property {boolean} [resave] as the option of express-session; default: `false`
 * @property {boolean} [fastify] on Fastify, with the defaults of its sessions; default: with express-session
 * @property {(nodes: Nodes, visitor: Visitor) => Promise<number>} play with a visitor who has logged in; what is left
 */

/** @type {Record<string, Scenario>} */
export const SCENARIOS = {
  "two requests write a field each: fields left": {
    async play({ here, there, fresh }, visitor) {
      const slow = await here.begin(visitor, "/write/a");
      await there.visit(visitor.tab(), "/write/b");
      await slow.end();
      return fieldsOf(await fresh.data(visitor)).length;
    },
  },
  "fifty requests write a field each: fields left": {
    async play({ here, there, fresh }, visitor) {
      const visits = FIFTY.map((n) => (n % 2 ? here : there).visit(visitor.tab(), `/write/field${n}`));
      await Promise.all(visits);
      return fieldsOf(await fresh.data(visitor)).length;
    },
  },
  "fifty requests add one to req.session.n: counted": {
    play: (nodes, visitor) => count(nodes, visitor, "/add"),
  },
  "fifty requests add one by update(), where there is one: counted": {
    play: (nodes, visitor) => count(nodes, visitor, "/update"),
  },
  "a request writes while the user logs out: sessions back": { play: logOutDuring("/write/a") },
  "a request reads while the user logs out: sessions back": { play: logOutDuring("/read") },
  "a request reads while the user logs out, resave: true: sessions back": {
    resave: true,
    play: logOutDuring("/read"),
  },
  "a request reads while the user logs out, @fastify/session, rolling: true: sessions back": {
    fastify: true,
    play: logOutDuring("/read"),
  },
  "a request writes while the id is regenerated: old ids that live": {
    async play({ here, there, fresh }, visitor) {
      const old = visitor.tab();
      const slow = await here.begin(old, "/write/a");
      await there.visit(visitor, "/login");
      await slow.end();
      return isLoggedIn(await fresh.data(old)) ? 1 : 0;
    },
  },
};

/**
 * What do requests of one session do to each other, over HTTP with express-session? No times are taken.
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl }) {
  const rows = [];
  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    const connectRedis = await playOn(redisUrl, openConnectRedis, scenario);
    rows.push({
      name,
      values: { connectRedis, sessionmesh: await playOn(redisUrl, openSessionmesh, scenario) },
    });
  }
  const columns = /** @type {const} */ ([
    { key: "connectRedis", label: "connect-redis", unit: "count" },
    { key: "sessionmesh", label: "sessionmesh", unit: "count" },
  ]);
  const note =
    `express-session over HTTP unless said, requests of one session spread over two nodes; resave: false unless said. Each of the fifty works for ` +
    `${WORK_MS} ms before its change.`;
  return [{ title: "Requests of one session at the same time", columns, rows, note }];
}

/**
 * @typedef {Awaited<ReturnType<typeof connectNodeRedis>>} Client
 *
 * @typedef {object} OpenStore
 * @property {session.Store} store
 * @property {(id: string) => Promise<unknown>} [addOne] adds one to `n` of a session, at once for all nodes
 * @property {() => Promise<unknown>} close
 */

/**
 * @param {Client} client
 * @returns {Promise<OpenStore>}
 */
export async function openConnectRedis(client) {
  const store = new ConnectRedisStore({ client, prefix: `${PREFIX}connect-redis:` });
  return { store, close: () => store.clear() };
}

/**
 * @param {Client} client
 * @param {boolean} [forFastify]
 * @returns {Promise<OpenStore>}
 */
export async function openSessionmesh(client, forFastify = false) {
  const Store = forFastify ? FastifySessionStore : ExpressSessionStore;
  const store = new Store({ client, prefix: PREFIX });
  await store.store.start();
  const sessions = /** @type {import("sessionmesh").SessionStore<{ n?: number }>} */ (
    /** @type {unknown} */ (store.store)
  );
  return {
    store: /** @type {any} */ (store),
    addOne: (id) => sessions.update(id, (data) => ({ ...data, n: (data.n ?? 0) + 1 })),
    async close() {
      await store.store.clear();
      await store.store.close();
    },
  };
}

/**
 * Plays a scenario on three nodes, each with a store that is opened for it; what is left.
 *
 * @param {string} redisUrl
 * @param {(client: Client, forFastify?: boolean) => Promise<OpenStore>} open
 * @param {Scenario} scenario
 */
export async function playOn(redisUrl, open, { play, ...options }) {
  const openNode = () => Node.open(redisUrl, open, options);
  const [here, there, fresh] = [await openNode(), await openNode(), await openNode()];
  try {
    const visitor = new Visitor();
    await here.visit(visitor, "/login");
    await there.visit(visitor, "/read");
    return await play({ here, there, fresh }, visitor);
  } finally {
    for (const node of [here, there, fresh]) await node.close();
  }
}

/** @param {string} path */
function logOutDuring(path) {
  /** @type {Scenario["play"]} */
  return async ({ here, there, fresh }, visitor) => {
    const slow = await here.begin(visitor.tab(), path);
    await there.visit(visitor.tab(), "/logout");
    await slow.end();
    return isLoggedIn(await fresh.data(visitor)) ? 1 : 0;
  };
}

/**
 * @param {Nodes} nodes
 * @param {Visitor} visitor
 * @param {string} path
 */
async function count({ here, there, fresh }, visitor, path) {
  await Promise.all(FIFTY.map((n) => (n % 2 ? here : there).visit(visitor.tab(), path)));
  return Number((await fresh.data(visitor)).n);
}

/** @typedef {Record<string, unknown>} Data what a session holds, without its cookie */

/** @param {Data} data */
const isLoggedIn = (data) => data.user !== undefined;

/** @param {Data} data */
const fieldsOf = ({ user, ...fields }) => Object.keys(fields);

/** A server with express-session, or with the sessions of Fastify. */
class Node {
  #server;
  #stops;
  #stop;

  /**
   * @param {string} redisUrl
   * @param {(client: Client, forFastify?: boolean) => Promise<OpenStore>} open
   * @param {Omit<Scenario, "play">} options
   */
  static async open(redisUrl, open, { resave = false, fastify: isFastify = false }) {
    const client = await connectNodeRedis(redisUrl);
    const opened = await open(client, isFastify);
    const stops = new Stops();
    const server = isFastify
      ? await fastifyServer(opened, stops)
      : application(opened, resave, stops).listen(0, "127.0.0.1");
    if (!server.listening) await once(server, "listening");
    return new Node(server, stops, async () => {
      await opened.close();
      client.destroy();
    });
  }

  /**
   * @param {import("node:http").Server} server
   * @param {Stops} stops
   * @param {() => Promise<void>} stop
   */
  constructor(server, stops, stop) {
    this.#server = server;
    this.#stops = stops;
    this.#stop = stop;
  }

  /**
   * @param {Visitor} visitor
   * @param {string} path
   */
  visit(visitor, path) {
    const { port } = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return visitor.visit(`http://127.0.0.1:${port}${path}`);
  }

  /**
   * What the visitor's session holds.
   *
   * @param {Visitor} visitor
   * @returns {Promise<Data>}
   */
  async data(visitor) {
    return JSON.parse(await this.visit(visitor.tab(), "/read"));
  }

  /**
   * Lets a request begin, and wait with its session loaded until `end()`.
   *
   * @param {Visitor} visitor
   * @param {string} path
   */
  async begin(visitor, path) {
    const reached = this.#stops.next();
    const response = this.visit(visitor.tab(), `${path}?stop`);
    const goOn = await reached;
    return {
      end() {
        goOn();
        return response;
      },
    };
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#stop();
  }
}

/** Where requests wait that were told to. */
class Stops {
  /** @type {(goOn: () => void) => void} */
  #tell = () => {};

  /** Resolves when a request waits, with what lets it go on. */
  next() {
    /** @type {Promise<() => void>} */
    const reached = new Promise((resolve) => {
      this.#tell = resolve;
    });
    return reached;
  }

  /** @returns {Promise<void>} */
  wait() {
    return new Promise((resolve) => this.#tell(resolve));
  }
}

/**
 * @param {OpenStore} opened
 * @param {boolean} resave
 * @param {Stops} stops
 */
function application({ store, addOne }, resave, stops) {
  const app = express();
  app.use(session({ store, secret: "bench", resave, saveUninitialized: false }));
  app.use(async (req, _res, next) => {
    if ("stop" in req.query) await stops.wait();
    else await delay(WORK_MS);
    next();
  });
  /** @param {import("express").Request} req */
  const dataOf = (req) => /** @type {Data} */ (/** @type {unknown} */ (req.session));
  app.get("/login", (req, res, next) =>
    req.session.regenerate((error) => {
      if (error) return next(error);
      dataOf(req).user = "Ada";
      res.end();
    }),
  );
  app.get("/logout", (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.end())));
  app.get("/read", (req, res) => {
    const { cookie, ...data } = req.session;
    res.json(data);
  });
  app.get("/write/:field", (req, res) => {
    dataOf(req)[req.params.field] = true;
    res.end();
  });
  /** @type {import("express").RequestHandler} */
  const add = (req, res) => {
    const data = dataOf(req);
    data.n = Number(data.n ?? 0) + 1;
    res.end();
  };
  app.get("/add", add);
  app.get(
    "/update",
    addOne === undefined ? add : async (req, res) => res.end(await addOne(req.sessionID).then(() => {})),
  );
  return app;
}

/**
 * What of it the scenario on Fastify needs.
 *
 * @param {OpenStore} opened
 * @param {Stops} stops
 */
async function fastifyServer({ store }, stops) {
  const app = fastify();
  app.register(fastifyCookie);
  app.register(fastifySession, {
    store: /** @type {any} */ (store),
    secret: "a secret of the benchmark, 32 characters or more",
    cookie: { secure: false },
  });
  app.addHook("preHandler", async ({ query }) => {
    if ("stop" in /** @type {object} */ (query)) await stops.wait();
  });
  app.get("/login", async (request) => {
    await request.session.regenerate();
    Object.assign(request.session, { user: "Ada" });
  });
  app.get("/logout", async ({ session }) => {
    await session.destroy();
  });
  app.get("/read", async ({ session }) => {
    const { cookie, ...data } = session;
    return data;
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return app.server;
}
