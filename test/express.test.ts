import session, { type SessionData } from "express-session";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ExpressSessionStore, type ExpressSessionStoreOptions } from "../src/adapters/express.js";
import { MemoryStore } from "../src/index.js";
import type { RedisClient } from "../src/redis/detect.js";
import { type ExpressStoreContractOptions, expressStoreContract } from "../src/testing/express-contract.js";
import { CLIENT_KINDS, type TestClient } from "./support/clients.js";
import { clusterNames } from "./support/node.js";
import { useRedis } from "./support/redis-server.js";

vi.hoisted(() => {
  process.env.NO_DEPRECATION = "express-session"; // two cases leave options out on purpose
});

/** The stores that the running test has made; with an adapter's, all that it holds open. */
const open: ExpressSessionStore[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ store }) => store.close()));
});

async function expressStore(options: ExpressSessionStoreOptions): Promise<ExpressSessionStore> {
  const store = new ExpressSessionStore(options);
  open.push(store);
  await store.store.start(); // so that the cache answers from the first request on
  return store;
}

function holds(options: Omit<ExpressStoreContractOptions, "session">): void {
  for (const { name, run } of expressStoreContract({ session, ...options })) test(name, run);
}

describe("on express-session's own MemoryStore, the contract holds", () => {
  holds({ makeStore: () => new session.MemoryStore() });
});

describe("on MemoryStore, the contract holds", () => {
  holds({ promises: true, tombstones: true, makeStore: () => expressStore({ store: new MemoryStore() }) });
});

describe("on ClusteredRedisStore, the contract holds", () => {
  const redis = useRedis();

  describe.each(CLIENT_KINDS)("with $name", ({ connect, close }) => {
    let client: TestClient;

    beforeAll(async () => {
      client = await connect(redis.port);
    });
    afterAll(() => close(client));

    const makeStore = (options?: { localCache: { enabled: false } }) =>
      expressStore({
        client: client as RedisClient,
        commandTimeoutMs: 1_900, // for machines that are busy with other tests
        ...clusterNames(),
        ...options,
      });

    describe("and a local cache", () => {
      holds({ promises: true, tombstones: true, makeStore: () => makeStore() });

      test("which answers", async () => {
        const { store } = await makeStore();
        const { id } = await store.create({ user: "Ada" } as SessionData);
        expect(store.peek(id)).toBeDefined();
      });
    });

    describe("and without a local cache", () => {
      holds({
        promises: true,
        tombstones: true,
        makeStore: () => makeStore({ localCache: { enabled: false } }),
      });
    });
  });
});
