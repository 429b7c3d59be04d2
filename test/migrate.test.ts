import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { RedisStore as ConnectRedis } from "connect-redis";
import express from "express";
import expressSession, { type SessionData } from "express-session";
import fastify from "fastify";
import Koa from "koa";
import koaSession from "koa-session";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ExpressSessionStore } from "../src/adapters/express.js";
import { FastifySessionStore } from "../src/adapters/fastify.js";
import { KoaSessionStore } from "../src/adapters/koa.js";
import { type RedisClient, RedisStore } from "../src/index.js";
import { packageJson } from "./repo/package-json.js";
import type { TestClient } from "./support/clients.js";
import { CURRENT_CLIENT_KINDS } from "./support/node.js";
import { Program } from "./support/program.js";
import { useRawRedis } from "./support/raw-redis.js";

const redis = useRawRedis();
const SECRET = "a secret of at least thirty-two characters";
const TTL_S = 600;

/** Runs `sessionmesh migrate` as a process of its own. */
function run(...args: string[]): Program {
  const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
  return new Program("dist/cli/main.js", env, ["migrate", ...args]);
}

/** The same, to its end. */
async function migrate(...args: string[]): Promise<{ code: unknown; output: string }> {
  const program = run(...args);
  const code = await program.ended();
  return { code, output: program.output };
}

async function texts(prefix: string): Promise<string[]> {
  const keys = (await redis.send("KEYS", `${prefix}*`)) as string[];
  return Promise.all(keys.map(async (key) => String(await redis.send("GET", key))));
}

let prefix: string;
let theirs: ConnectRedis;
let ours: RedisStore<{ n: number }>;
beforeEach(() => {
  prefix = `${randomUUID()}:`;
  theirs = new ConnectRedis({ client: redis.client, prefix, ttl: TTL_S });
  ours = new RedisStore<{ n: number }>({
    client: redis.client,
    prefix,
    channel: null,
    commandTimeoutMs: 5_000,
  });
});

const write = (n: number) =>
  theirs.set(`${n}`, { n, cookie: { originalMaxAge: null } } as unknown as SessionData);
async function writeMany(count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, n) => n);
  while (numbers.length > 0) await Promise.all(numbers.splice(0, 500).map(write));
}

describe.each(["redis", "ioredis"])("with %s, sessions of connect-redis", (client) => {
  test("become ours and plain JSON again, with the lives that they have", async () => {
    await writeMany(1_200);
    const flags = ["--prefix", prefix, "--client", client, "--batch", "100"];
    const before = (await texts(prefix)).sort();
    expect(await migrate("--to", "sessionmesh", ...flags)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/1200 {2}rewritten for sessionmesh\n +0 {2}already done\n/),
    });
    for (const text of await texts(prefix)) expect(text).toMatch(/^L1/);
    expect((await ours.get("7"))?.data).toMatchObject({ n: 7 });
    expect(Number(await redis.send("PTTL", `${prefix}7`))).toBeLessThanOrEqual(TTL_S * 1_000);
    expect(await migrate("--to", "sessionmesh", ...flags)).toMatchObject({
      code: 0,
      output: expect.stringMatching(/ 0 {2}rewritten.*\n +1200 {2}already done/),
    });
    await ours.delete("8");
    await redis.send("SET", `${prefix}text`, "hello");
    const { code, output } = await migrate("--to", "connect-redis", ...flags);
    expect(code).toBe(0);
    expect(output).toMatch(/1199 {2}rewritten for connect-redis/);
    expect(output).toMatch(/ 1 {2}tombstones deleted/);
    expect(output).toMatch(/ 1 {2}unreadable/);
    expect(await redis.send("GET", `${prefix}text`)).toBe("hello");
    await redis.send("DEL", `${prefix}text`);
    expect((await theirs.get("7")) as unknown).toMatchObject({ n: 7 });
    expect(((await theirs.all()) as unknown[]).length).toBe(1_199);
    expect((await texts(prefix)).sort()).toEqual(before.filter((text) => !text.includes('"n":8,')));
  });

  test("are counted by a dry run, which changes nothing", async () => {
    await writeMany(10);
    const before = (await texts(prefix)).sort();
    const { code, output } = await migrate(
      "--to",
      "sessionmesh",
      "--prefix",
      prefix,
      "--client",
      client,
      "--dry-run",
    );
    expect({ code, output }).toMatchObject({
      code: 0,
      output: expect.stringContaining("10  would be rewritten"),
    });
    expect((await texts(prefix)).sort()).toEqual(before);
  });

  test("go on where an interrupted run ended", async () => {
    await writeMany(4_000);
    const flags = ["--to", "sessionmesh", "--prefix", prefix, "--client", client];
    const first = run(...flags, "--batch", "1");
    await first.printed(/(\d+) records, \d+ per second/);
    first.interrupt();
    expect(await first.ended()).toBe(130);
    const done = (await texts(prefix)).filter((text) => text.startsWith("L1")).length;
    expect(done).toBeLessThan(4_000);
    const cursor = await first.printed(/Go on with --cursor (\d+)/);
    expect((await migrate(...flags, "--cursor", cursor)).code).toBe(0);
    for (const text of await texts(prefix)) expect(text).toMatch(/^L1/);
  });
});

describe("a node that writes meanwhile loses nothing", () => {
  /** Rewrites again and again while sessions are incremented; how often each was. */
  async function whileIncrementing(to: string): Promise<number[]> {
    const ids = ["0", "1", "2", "3"];
    const counts = ids.map(() => 0);
    let over = false;
    const node = ids.map(async (id, i) => {
      while (!over) {
        await ours.update(id, (data) => ({ ...data, n: data.n + 1 }));
        counts[i] = (counts[i] ?? 0) + 1;
        await setImmediate();
      }
    });
    for (let runs = 0; runs < 3; runs++) {
      expect(await migrate("--to", to, "--prefix", prefix)).toMatchObject({ code: 0 });
    }
    over = true;
    await Promise.all(node);
    return counts;
  }

  test.each(["sessionmesh", "connect-redis"])("to %s", async (to) => {
    const ids = ["0", "1", "2", "3"];
    for (const id of ids) await theirs.set(id, { n: 0, cookie: {} } as unknown as SessionData);
    const counts = await whileIncrementing(to);
    const found = await Promise.all(ids.map(async (id) => (await ours.get(id))?.data.n));
    expect(found).toEqual(counts);
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(await migrate("--to", to, "--prefix", prefix)).toMatchObject({ code: 0 }); // the node is done, so this ends it
    for (const text of await texts(prefix)) expect(text).toMatch(to === "sessionmesh" ? /^L1/ : /^\{/);
  });
});

test("whoever comes back with an id from before a rotation has no session in connect-redis, and no error", async () => {
  const rotations = [
    ["ended", 0],
    ["just", 1],
    ["running", 3_600_000],
  ] as const;
  for (const [id, graceMs] of rotations) {
    for (const name of [id, `new-${id}`]) await ours.set(name, { n: 1 });
    await ours.rotate(id, `new-${id}`, { graceMs });
  }
  const { code, output } = await migrate("--to", "connect-redis", "--prefix", prefix);
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringMatching(
      /3 {2}rewritten for connect-redis\n +0 {2}already done\n +3 {2}tombstones deleted\n +0 {2}unreadable/,
    ),
  });
  for (const [id] of rotations) {
    expect(await theirs.get(id)).toBeFalsy();
    expect(await theirs.get(`new-${id}`)).toMatchObject({ n: 1 });
  }
});

test("the keys beside the sessions are left and named, and no user is", async () => {
  const { id } = await ours.create({ n: 1 }, { user: "zoe" });
  await ours.revokeUser("ann");
  const { output } = await migrate("--to", "connect-redis", "--prefix", prefix);
  expect(output).toContain(`sessionmesh:generations:${prefix}`);
  expect(output).toContain("sessionmesh:user:*");
  expect(output).not.toContain("zoe");
  expect(await redis.send("GET", prefix + id)).toBe('{"n":1}');
  expect(await redis.send("EXISTS", `sessionmesh:generations:${prefix}`)).toBe(1);
});

describe("the command line", () => {
  const sessionmesh = async (...args: string[]) => {
    const program = new Program("dist/cli/main.js", { REDIS_URL: "" }, args);
    const code = await program.ended();
    return { code, output: program.output };
  };

  test("shows its help and its version", async () => {
    expect(await sessionmesh("--help")).toMatchObject({
      code: 0,
      output: expect.stringContaining("--dry-run"),
    });
    expect(await sessionmesh("migrate", "-h")).toMatchObject({ code: 0 });
    expect(await sessionmesh("--version")).toEqual({ code: 0, output: `${packageJson.version}\n` });
  });

  test.each([
    [[], "A command is missing"],
    [["fly"], 'Unknown command "fly"'],
    [["migrate", "--fast"], "--fast"],
    [["migrate", "--to", "sessionmesh"], "--url is required"],
  ])("says what is wrong with %j, with exit code 2", async (args, message) => {
    const { code, output } = await sessionmesh(...args);
    expect(code).toBe(2);
    expect(output).toMatch(/^Error: .* See sessionmesh --help\.\n$/);
    expect(output).toContain(message);
  });

  test.each([
    "redis",
    "ioredis",
  ])("says that there is no server, with exit code 1, with %s", async (client) => {
    const url = "redis://user:secret@127.0.0.1:1";
    const { code, output } = await sessionmesh(
      "migrate",
      "--to",
      "sessionmesh",
      "--url",
      url,
      "--client",
      client,
    );
    expect(code).toBe(1);
    expect(output).toMatch(/^Error: Redis cannot be reached: .*ECONNREFUSED/);
    expect(output).not.toContain("secret");
  });
});

/** An application that counts the visits of a session. */
interface App {
  /** The answer to a visit, and the cookie to come back with. */
  visit(cookie?: string): Promise<{ views: number; cookie: string }>;
}

async function appOn(server: Server): Promise<App> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return {
    async visit(cookie = "") {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie } });
      const set = response.headers.getSetCookie().map((line) => line.split(";")[0]);
      return { views: Number(await response.text()), cookie: set.length > 0 ? set.join("; ") : cookie };
    },
  };
}

interface KoaStore {
  get(key: string): Promise<object | undefined>;
  set(key: string, session: object, maxAge: number | "session"): Promise<unknown>;
  destroy(key: string): Promise<unknown>;
}

function expressApp(store: expressSession.Store): Promise<App> {
  const app = express();
  app.use(expressSession({ store, secret: SECRET, resave: false, saveUninitialized: false }));
  app.get("/", (request, response) => {
    const session = request.session as unknown as { views?: number };
    session.views = (session.views ?? 0) + 1;
    response.send(String(session.views));
  });
  return appOn(createServer(app));
}

async function fastifyApp(store: FastifySessionStore | ConnectRedis): Promise<App> {
  const app = fastify();
  await app.register(fastifyCookie);
  await app.register(fastifySession, { store: store as never, secret: SECRET, cookie: { secure: false } });
  app.get("/", async (request) => {
    const session = request.session as unknown as { views?: number };
    session.views = (session.views ?? 0) + 1;
    return String(session.views);
  });
  await app.ready();
  onTestFinished(() => app.close());
  return appOn(app.server);
}

function koaApp(store: KoaStore | KoaSessionStore): Promise<App> {
  const app = new Koa();
  app.keys = [SECRET];
  app.use(koaSession({ store: store as never, prefix: `koa:${prefix}` }, app));
  app.use((context) => {
    const session = context.session as { views?: number };
    session.views = (session.views ?? 0) + 1;
    context.body = String(session.views);
  });
  return appOn(createServer(app.callback()));
}

/** What koa-redis does: the bare external key, JSON, whole seconds. */
const koaRedis: KoaStore = {
  async get(key) {
    const text = await redis.send("GET", key);
    return text === null ? undefined : JSON.parse(String(text));
  },
  set: (key, session, maxAge) =>
    redis.send("SETEX", key, String(Math.ceil(Number(maxAge) / 1_000)), JSON.stringify(session)),
  destroy: (key) => redis.send("DEL", key),
};

describe.each(CURRENT_CLIENT_KINDS)("on $name, visitors stay logged in, forth and back, with", (kind) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await kind.connect(redis.port);
  });
  afterAll(() => kind.close(client));

  /** What an adapter is made of. */
  const sessions = (legacyPrefix?: string) => {
    const options = { client: client as RedisClient, prefix: `new-${prefix}`, channel: null };
    const legacy = legacyPrefix === undefined ? {} : { legacy: { prefix: legacyPrefix } };
    return { store: new RedisStore<never>({ ...options, ...legacy }) };
  };
  const connectRedis = () => new ConnectRedis({ client: redis.client, prefix: `old-${prefix}` });
  const middlewares = [
    {
      name: "express-session and connect-redis",
      theirs: () => expressApp(connectRedis()),
      ours: (legacyPrefix?: string) => expressApp(new ExpressSessionStore(sessions(legacyPrefix))),
      oldPrefix: () => `old-${prefix}`,
      flags: (): string[] => [],
      format: "connect-redis",
    },
    {
      name: "@fastify/session and connect-redis",
      theirs: () => fastifyApp(connectRedis()),
      ours: (legacyPrefix?: string) => fastifyApp(new FastifySessionStore(sessions(legacyPrefix))),
      oldPrefix: () => `old-${prefix}`,
      flags: () => [],
      format: "connect-redis",
    },
    {
      name: "koa-session and koa-redis",
      theirs: () => koaApp(koaRedis),
      ours: (legacyPrefix?: string) => koaApp(new KoaSessionStore(sessions(legacyPrefix))),
      oldPrefix: () => "",
      flags: () => ["--id-prefix", `koa:${prefix}`],
      format: "koa-redis",
    },
  ];

  test.each(middlewares)("$name", async ({ theirs, ours, oldPrefix, flags, format }) => {
    const [before, beside, after] = await Promise.all([theirs(), ours(oldPrefix()), ours()]);
    const cli = [...flags(), "--client", kind.name.startsWith("ioredis") ? "ioredis" : "redis"];
    const { cookie } = await before.visit();
    const idle = await before.visit();
    expect((await before.visit(cookie)).views).toBe(2);
    expect((await beside.visit(cookie)).views).toBe(3);
    expect((await beside.visit(cookie)).views).toBe(4);

    const forth = ["--to", "sessionmesh", "--from-prefix", oldPrefix(), "--prefix", `new-${prefix}`, ...cli];
    expect(await migrate(...forth)).toMatchObject({
      code: 0,
      output: expect.stringContaining(" 1  rewritten for sessionmesh"), // the idle one: the other became ours by itself
    });
    expect((await after.visit(idle.cookie)).views).toBe(2);
    expect((await after.visit(cookie)).views).toBe(5);

    const back = ["--to", format, "--from-prefix", `new-${prefix}`, "--prefix", oldPrefix(), ...cli];
    expect(await migrate(...back)).toMatchObject({
      code: 0,
      output: expect.stringContaining(` 2  rewritten for ${format}`),
    });
    expect((await before.visit(cookie)).views).toBe(6);
    expect((await before.visit(idle.cookie)).views).toBe(3);
  });
});
