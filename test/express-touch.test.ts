import { setTimeout as delay } from "node:timers/promises";
import type { SessionData } from "express-session";
import { describe, expect, test } from "vitest";
import type { ExpressSessionStore } from "../src/adapters/express.js";
import type { ClientKind } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { startExpressNode } from "./support/express-node.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";
import { recordSessionCommands } from "./support/session-commands.js";

const HOUR_MS = 3_600_000;
const ID = "an-id";

const redis = useRedis();

/** A session as express-session has it at the end of a request: its end is counted from now. */
function sessionEndingIn(maxAgeMs: number, path = "/"): SessionData {
  const expires = new Date(Date.now() + maxAgeMs);
  return { cookie: { originalMaxAge: maxAgeMs, expires, httpOnly: true, path }, user: "ada", color: "green" };
}

async function startNode(kind: ClientKind, names = clusterNames()) {
  const { store, client } = await startExpressNode({ kind, port: redis.port, names });
  return { store, commands: recordSessionCommands(client), key: names.prefix + ID, names };
}

/** How much longer Redis keeps a key, in milliseconds; negative if it does not. */
async function remainingMs(key: string): Promise<number> {
  return Number(/^:(-?\d+)/.exec(await redisCommand(redis.port, "PTTL", key))?.[1]);
}

/** What express-session does in a request that changes nothing. */
const REQUESTS = {
  "resave: false": async (store: ExpressSessionStore, maxAgeMs: number) => {
    const found = await store.get(ID);
    await store.touch(ID, sessionEndingIn(maxAgeMs));
    return found;
  },
  "resave: true": async (store: ExpressSessionStore, maxAgeMs: number) => {
    const found = await store.get(ID);
    if (found !== undefined) await store.set(ID, sessionEndingIn(maxAgeMs));
    return found;
  },
};

describe.each(CURRENT_CLIENT_KINDS)("on $name", (kind) => {
  describe.each(Object.entries(REQUESTS))("with %s", (_, request) => {
    test("all requests within a tenth of a session's life send one command together", async () => {
      const { store, commands } = await startNode(kind);
      await store.set(ID, sessionEndingIn(HOUR_MS));
      expect(commands.splice(0)).toEqual(["put"]);
      for (let n = 0; n < 200; n++) await request(store, HOUR_MS);
      await Promise.all(Array.from({ length: 200 }, () => request(store, HOUR_MS)));
      expect(commands).toEqual(["touch"]);
    });

    test("every node sends one command at most, and reads the session once", async () => {
      const here = await startNode(kind);
      const there = await startNode(kind, here.names);
      await here.store.set(ID, sessionEndingIn(HOUR_MS));
      here.commands.length = 0;
      for (let n = 0; n < 100; n++) {
        for (const { store } of [here, there]) await request(store, HOUR_MS);
      }
      expect(here.commands).toEqual(["touch"]);
      expect(there.commands.filter((command) => command !== "touch")).toEqual(["read"]);
      expect(there.commands.length).toBeLessThanOrEqual(2);
    });

    test("a node that comes to know a session after another has touched it need not touch it itself", async () => {
      const here = await startNode(kind);
      const there = await startNode(kind, here.names);
      await here.store.set(ID, sessionEndingIn(HOUR_MS));
      await request(here.store, HOUR_MS);
      await request(there.store, HOUR_MS);
      expect(there.commands).toEqual(["read"]);
    });

    test("an active user's session lives on, at one touch in each tenth of its life", async () => {
      const maxAgeMs = 600;
      const { store, commands } = await startNode(kind);
      const active = async (): Promise<"alive" | "ended" | "idle"> => {
        await store.set(ID, sessionEndingIn(maxAgeMs));
        commands.length = 0;
        const startMs = performance.now();
        let lastMs = startMs;
        while (lastMs < startMs + 3 * maxAgeMs) {
          const found = await request(store, maxAgeMs);
          const idleMs = performance.now() - lastMs;
          if (idleMs > maxAgeMs / 2) return "idle"; // this process was not given the time to be active
          if (found === undefined) return "ended";
          lastMs += idleMs;
          await delay(2);
        }
        const touches = commands.filter((command) => command === "touch").length;
        expect(touches).toBeLessThanOrEqual(1 + (lastMs - startMs) / (maxAgeMs / 10));
        expect(touches).toBeGreaterThan(1);
        // a copy in memory is as old as the session's life allowed when it was read, whatever was touched since
        expect(commands.length - touches).toBeLessThanOrEqual((lastMs - startMs) / (maxAgeMs / 2));
        return "alive";
      };
      let outcome = await active();
      for (let n = 0; n < 3 && outcome === "idle"; n++) outcome = await active();
      expect(outcome).toBe("alive");
    });

    test("an idle user's session ends between its end and a tenth of its life later", async () => {
      const maxAgeMs = 500;
      const { store, key } = await startNode(kind);
      await store.set(ID, sessionEndingIn(maxAgeMs));
      let lastRequestMs = Date.now();
      for (let n = 0; n < 5; n++) {
        lastRequestMs = Date.now();
        await request(store, maxAgeMs);
      }
      expect(await remainingMs(key)).toBeLessThanOrEqual(1.1 * maxAgeMs);
      await eventually(async () => (await remainingMs(key)) < 0);
      expect(Date.now() - lastRequestMs).toBeGreaterThanOrEqual(maxAgeMs);
      expect(await store.get(ID)).toBeUndefined();
      expect(await store.all()).toEqual([]);
    });
  });

  test("a change of the cookie alone is stored by a touch, without the data", async () => {
    const here = await startNode(kind);
    const there = await startNode(kind, here.names);
    await here.store.set(ID, sessionEndingIn(HOUR_MS));
    here.commands.length = 0;
    await here.store.touch(ID, { ...sessionEndingIn(HOUR_MS, "/shop"), user: "not stored" });
    expect(here.commands).toEqual(["put"]);
    expect(await there.store.get(ID)).toMatchObject({ user: "ada", cookie: { path: "/shop" } });
  });

  test("a change of the data is written, whatever was touched before", async () => {
    const { store, commands } = await startNode(kind);
    await store.set(ID, sessionEndingIn(HOUR_MS));
    await store.touch(ID, sessionEndingIn(HOUR_MS));
    commands.length = 0;
    await store.set(ID, { ...sessionEndingIn(HOUR_MS), color: "blue" });
    expect(commands).toEqual(["put"]);
  });

  test("a life of less than a second is one in Redis, too", async () => {
    const { store, key } = await startNode(kind);
    await store.set(ID, sessionEndingIn(400));
    expect(await remainingMs(key)).toBeLessThanOrEqual(400);
    await eventually(async () => (await remainingMs(key)) < 0);
    expect(await store.get(ID)).toBeUndefined();
  });

  test.each([
    "set",
    "touch",
  ] as const)("%s with a past end removes the session from all nodes", async (method) => {
    const here = await startNode(kind);
    const there = await startNode(kind, here.names);
    await here.store.set(ID, sessionEndingIn(HOUR_MS));
    await eventually(async () => (await there.store.get(ID)) && there.store.store.peek(ID) !== undefined);
    await here.store[method](ID, sessionEndingIn(-1));
    expect(await here.store.get(ID)).toBeUndefined();
    await eventually(() => there.store.store.peek(ID) === undefined);
    expect(await there.store.get(ID)).toBeUndefined();
  });
});
