import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { ClusteredRedisStore, type ClusteredRedisStoreOptions, RedisStore } from "../../src/index.js";
import type { Command, RedisPort } from "../../src/redis/port.js";
import { BEAT } from "../../src/redis/scripts/beat.js";
import { DELETE } from "../../src/redis/scripts/delete.js";
import { PUT } from "../../src/redis/scripts/put.js";
import { READ } from "../../src/redis/scripts/read.js";
import { ROTATE } from "../../src/redis/scripts/rotate.js";
import type { Script } from "../../src/redis/scripts/script.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { SimulatedRedis } from "../../src/testing/simulated-redis.js";

type Data = { n: number };

/*
 * On the simulated server, since each of these is one order of events that a real server and network cannot be made to keep: a reply that is held
 * back after the script has run and while another node is waited for, clocks of node and server that go on together for ten minutes or stand
 * still, and a connection that fails between two turns of the event loop.
 */

let clock: ManualClock;
let server: SimulatedRedis;
beforeEach(() => {
  clock = new ManualClock();
  server = new SimulatedRedis({ clock });
});

/** A connection that fails, and holds replies back, as a test wants it. */
class Connection implements RedisPort {
  down = false;
  deaf = false;
  /** Which reply is held back next. */
  held: string | undefined;
  release = () => {};
  lose = () => {};

  async send(command: Command) {
    if (this.down) throw new Error("connection lost");
    const reply = server.execute(command);
    if (command[1] === this.held) {
      this.held = undefined;
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
    }
    return reply;
  }

  async subscribe({ channels, onMessage, onClose }: Parameters<RedisPort["subscribe"]>[0]) {
    if (this.deaf) throw new Error("no subscription");
    const close = server.subscribe(channels, onMessage);
    this.lose = () => {
      close();
      onClose("lost");
    };
    return { close };
  }
}

function nodeOn(
  client: RedisPort,
  options: Partial<ClusteredRedisStoreOptions<Data>> = {},
): ClusteredRedisStore<Data> {
  return new ClusteredRedisStore<Data>({ client, clock, ...options });
}

/** Without a subscription and without a breaker. */
const ALONE = { cluster: { enabled: false }, breaker: { enabled: false } };

async function pass(ms: number): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 50) {
    clock.advance(50);
    for (let i = 0; i < 20; i++) await turn();
  }
}

describe("a deletion that waits for Redis", () => {
  async function failedLogout(connection: Connection, store: ClusteredRedisStore<Data>): Promise<void> {
    connection.down = true;
    const logout = store.delete("old").catch(({ code }) => code);
    await pass(1_000);
    expect(await logout).toBe("STORE_UNAVAILABLE");
    expect(store.stats().deletionsPending).toBe(1);
    connection.down = false;
  }

  /** A logout by the old id of a session that was rotated. */
  async function loggedOutAfterRotation(): Promise<ClusteredRedisStore<Data>> {
    const connection = new Connection();
    const store = nodeOn(connection, ALONE);
    await store.set("old", { n: 1 });
    await store.set("new", { n: 1 });
    await store.rotate("old", "new", { graceMs: 600_000 });
    await failedLogout(connection, store);
    return store;
  }

  test("does not end the session of a login that came after it", async () => {
    const connection = new Connection();
    const store = nodeOn(connection, ALONE);
    await store.set("old", { n: 0 });
    await failedLogout(connection, store);
    await store.set("new", { n: 1 });
    expect(await store.rotate("old", "new", { graceMs: 60_000 })).toBe(true);
    await pass(3_000);
    expect((await store.get("new", { consistency: "strong" }))?.data).toEqual({ n: 1 });
  });

  test("is called off by a write under an id that was rotated", async () => {
    const store = await loggedOutAfterRotation();
    await store.set("old", { n: 2 });
    await pass(3_000);
    expect(store.stats().deletionsPending).toBe(0);
    expect((await store.get("new", { consistency: "strong" }))?.data).toEqual({ n: 2 });
  });

  test("of an id that was rotated ends the session that it leads to", async () => {
    const store = await loggedOutAfterRotation();
    await pass(3_000);
    expect(await store.get("new", { consistency: "strong" })).toBeUndefined();
  });
});

describe("where the server is replaced by one without it, while its reply is on its way,", () => {
  const KEY = "sess:old";
  /** The server that comes, with the old session. */
  let next: SimulatedRedis;

  /** Does something to the session, whose reply comes when the node listens to the next server. */
  async function meanwhileReplaced<R>(
    script: Script,
    options: Partial<ClusteredRedisStoreOptions<Data>>,
    end: (store: ClusteredRedisStore<Data>) => Promise<R>,
  ): Promise<R> {
    const connection = new Connection();
    const store = nodeOn(connection, options);
    await store.start();
    await store.set("old", { n: 1 }, { user: "ada" });
    next = new SimulatedRedis({ clock });
    next.execute(["SET", KEY, String(server.execute(["GET", KEY])), "PX", "600000"]);
    connection.held = script.lua; // the server does not know its digest yet
    const ended = end(store);
    while (connection.held !== undefined) await turn();
    server = next;
    connection.lose();
    const listens = () => store.coordinator?.stats().subscriptions === 2 && store.coordinator.ready;
    for (let n = 0; n < 20 && !listens(); n++) await pass(50);
    connection.release();
    return ended;
  }

  test("a rotation is made once more", async () => {
    const rotate = (store: ClusteredRedisStore<Data>) => store.rotate("old", "new", { graceMs: 0 });
    expect(await meanwhileReplaced(ROTATE, {}, rotate)).toBe(true);
    expect(next.execute(["GET", KEY])).toMatch(/^T1/);
  });

  test("a session that was one too many is ended once more", async () => {
    const login = (store: ClusteredRedisStore<Data>) => store.set("new", { n: 2 }, { user: "ada" });
    await meanwhileReplaced(DELETE, { maxSessionsPerUser: 1 }, login);
    expect(next.execute(["GET", KEY])).toMatch(/^T1/);
  });
});

test("an alias whose grace is over refuses writes, also after a deletion without a tombstone", async () => {
  const store = new RedisStore<Data>({ client: new Connection(), clock });
  await store.set("old", { n: 1 });
  await store.set("new", { n: 1 });
  await store.rotate("old", "new", { graceMs: 1_000 });
  clock.advance(1_001);
  await store.delete("old", { tombstone: false });
  await expect(store.set("old", { n: 2 })).rejects.toMatchObject({ code: "SESSION_REVOKED" });
});

describe("the circuit stays closed", () => {
  test("where a codec makes what no client can send", async () => {
    const codec = { encode: () => undefined as never, decode: () => ({ n: 0 }) };
    const store = nodeOn(new Connection(), { codec });
    const writes = Array.from({ length: 10 }, () => store.set("id", { n: 1 }));
    for (const { status, reason } of (await Promise.allSettled(writes)) as PromiseRejectedResult[]) {
      expect([status, reason.code]).toEqual(["rejected", "INVALID_SESSION_DATA"]);
    }
    expect(store.stats().breaker).toBe("closed");
  });

  test("at one beat that fails, however many reads wait for it", async () => {
    class FirstBeatFails extends Connection {
      #failed = false;

      override async send(command: Command) {
        if (command[1] !== BEAT.sha1 || this.#failed) return super.send(command);
        this.#failed = true;
        throw new Error("connection lost");
      }

      override subscribe() {
        return new Promise<never>(() => {});
      }
    }
    const store = nodeOn(new FirstBeatFails());
    store.start().catch(() => {});
    await Promise.allSettled([1, 2, 3, 4, 5].map((n) => store.get(`id${n}`)));
    expect(store.stats().breaker).toBe("closed");
  });
});

describe("after revoke() has resolved", () => {
  async function pair() {
    const connection = new Connection();
    const [a, b] = [nodeOn(new Connection()), nodeOn(connection)];
    await Promise.all([a.start(), b.start()]);
    await pass(6_000); // the registry is trusted
    return { a, b, connection };
  }

  test("no other node hands the session to what changes it", async () => {
    const { a, b, connection } = await pair();
    await a.set("id", { n: 0 });
    await b.set("other", { n: 0 }); // Redis knows the script
    let isRevoked = false;
    const calls: boolean[] = [];
    const update = b.update("id", async ({ n }) => {
      calls.push(isRevoked);
      if (calls.length === 1) {
        await a.set("id", { n: 5 });
        connection.held = PUT.sha1;
      }
      return { n: n + 1 };
    });
    for (let i = 0; i < 20; i++) await turn();
    await a.revoke("id");
    isRevoked = true;
    connection.release();
    expect(await update).toBeUndefined();
    expect(calls).toEqual([false]);
  });

  test.each([
    "find",
    "sessionsOf",
  ] as const)("no other node answers %s() with the session", async (method) => {
    const { a, b, connection } = await pair();
    const { id } = await a.create({ n: 0 }, { user: "ada" });
    await b.get("none"); // Redis knows the script
    connection.held = READ.sha1;
    const listing = (async () => {
      const found: string[] = [];
      const list = method === "find" ? await b.find(() => true) : b.sessionsOf("ada");
      for await (const session of list) found.push(session.id);
      return found;
    })();
    for (let i = 0; i < 20; i++) await turn();
    await a.revoke(id);
    connection.release();
    expect(await listing).toEqual([]);
  });
});

test("an outage does not bring back what the node has read a successor of", async () => {
  const connection = new Connection();
  const store = nodeOn(connection, { onOutage: "serve-cached", breaker: { enabled: false } });
  const writer = new RedisStore<Data>({ client: new Connection(), clock });
  await store.start();
  await writer.set("id", { n: 1 });
  expect((await store.get("id"))?.data).toEqual({ n: 1 });
  connection.deaf = true;
  connection.lose();
  await writer.set("id", { n: 2 });
  expect((await store.get("id"))?.data).toEqual({ n: 2 });
  connection.down = true;
  const read = store.get("id").catch(({ code }) => code);
  await pass(1_500);
  expect(await read).toBe("STORE_UNAVAILABLE");
});
