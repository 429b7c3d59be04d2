import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findValkeyServer, startRedis } from "../scripts/with-redis.mjs";
import { ClusteredRedisStore, type RedisClient } from "../src/index.js";
import { sessionStoreContract } from "../src/testing/index.js";
import { CLIENT_KINDS, type TestClient } from "./support/clients.js";
import { Program } from "./support/program.js";
import type { RedisServer } from "./support/redis-server.js";

const DOWNLOAD_TIMEOUT_MS = 60_000;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis({ find: findValkeyServer });
}, DOWNLOAD_TIMEOUT_MS);
afterAll(() => server?.stop());

test.each(["redis", "ioredis"])("the doctor knows Valkey, with %s", async (client) => {
  const program = new Program("dist/cli/main.js", {}, ["doctor", "--url", server.url, "--client", client]);
  expect(await program.ended()).toBe(0);
  expect(program.output).toMatch(/^ok +version +Valkey \d+\.\d+\.\d+\.$/m);
});

const CURRENT = CLIENT_KINDS.filter(({ name }) => name.endsWith(" 6"));

describe.each(CURRENT)("ClusteredRedisStore on Valkey, with $name", (kind) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await kind.connect(server.port);
  });
  afterAll(() => kind.close(client));

  const contract = sessionStoreContract({
    async makeStore(options) {
      const cluster = { channel: randomUUID(), maxStalenessMs: 1_500 };
      const own = { client: client as RedisClient, prefix: `${randomUUID()}:`, commandTimeoutMs: 1_200 };
      const store = new ClusteredRedisStore({ ...own, ...options, cluster });
      await store.start();
      return store;
    },
  });
  for (const { name, run } of contract) test.concurrent(name, run);
});
