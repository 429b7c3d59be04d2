import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  ClusteredRedisStore,
  type ClusteredRedisStoreOptions,
  MemoryStore,
  type RedisClient,
  RedisStore,
  type SessionStore,
} from "../src/index.js";
import {
  type MakeStoreOptions,
  type SessionStoreContractOptions,
  sessionStoreContract,
} from "../src/testing/index.js";
import { CLIENT_KINDS, type TestClient } from "./support/clients.js";
import { useRedis } from "./support/redis-server.js";

/** The cases run side by side on a machine that may be busy; but a revocation may take as long as the bound. */
const PATIENT = { commandTimeoutMs: 1_200, maxStalenessMs: 1_500 };

function runContract(makeStore: SessionStoreContractOptions["makeStore"]): void {
  for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
}

describe("MemoryStore", () => runContract((options) => new MemoryStore(options)));

describe.each(CLIENT_KINDS)("on $name", (kind) => {
  const redis = useRedis();
  let client: TestClient;
  beforeAll(async () => {
    client = await kind.connect(redis.port);
  });
  afterAll(() => kind.close(client));

  /** What sets one store apart from the others on the same server. */
  const own = () => ({ client: client as RedisClient, prefix: `${randomUUID()}:` });

  async function clustered(
    { cluster, ...options }: Partial<ClusteredRedisStoreOptions<unknown>> & MakeStoreOptions,
    started: boolean,
  ): Promise<SessionStore<unknown>> {
    const { commandTimeoutMs, maxStalenessMs } = PATIENT;
    const store = new ClusteredRedisStore({
      ...own(),
      ...options,
      commandTimeoutMs,
      cluster: { channel: randomUUID(), maxStalenessMs, ...cluster },
    });
    if (started) await store.start();
    return store;
  }

  describe("RedisStore", () =>
    runContract(
      (options) =>
        new RedisStore({
          ...own(),
          ...options,
          channel: randomUUID(),
          ...PATIENT,
        }),
    ));

  describe("ClusteredRedisStore", () => {
    describe("started", () => runContract((options) => clustered(options, true)));
    if (kind.name.startsWith("node-redis")) {
      describe("by tracking", () =>
        runContract((options) => clustered({ ...options, cluster: { invalidation: "tracking" } }, true)));
    }
    // What remains is more commands or fewer, whichever client sends them.
    if (kind !== CLIENT_KINDS[0]) return;
    describe("not started", () => runContract((options) => clustered(options, false)));
    describe("without its cluster", () =>
      runContract((options) => clustered({ ...options, cluster: { enabled: false } }, true)));
    describe("without its local cache", () =>
      runContract((options) => clustered({ ...options, localCache: { enabled: false } }, true)));
    describe("with sessions of another store", () =>
      runContract((options) => clustered({ ...options, legacy: { prefix: `old-${randomUUID()}:` } }, true)));
  });
});
