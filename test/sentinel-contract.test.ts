import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ClusteredRedisStore, type RedisClient, RedisStore } from "../src/index.js";
import { type MakeStoreOptions, sessionStoreContract } from "../src/testing/index.js";
import type { ClientKind, TestClient } from "./support/clients.js";
import { useSentinel } from "./support/sentinel.js";
import { sentinelClientKinds } from "./support/sentinel-clients.js";

const sentinel = useSentinel();
const PATIENT = { commandTimeoutMs: 1_200, maxStalenessMs: 1_500 };
const ANY = 0; // these clients ask sentinels

describe.each(["node-redis 6", "ioredis 6"])("on %s, behind sentinels", (name) => {
  let kind: ClientKind;
  let client: TestClient;
  beforeAll(() => {
    kind = sentinelClientKinds(sentinel.topology).find((kind) => kind.name === name) as ClientKind;
    client = kind.create(ANY);
  });
  afterAll(() => kind.close(client));

  const own = () => ({
    client: client as RedisClient,
    prefix: `${randomUUID()}:`,
    commandTimeoutMs: PATIENT.commandTimeoutMs,
  });
  const membership = () => ({ channel: randomUUID(), maxStalenessMs: PATIENT.maxStalenessMs });

  describe("RedisStore", () => {
    const makeStore = (options: MakeStoreOptions) =>
      new RedisStore({ ...own(), ...membership(), ...options });
    for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
  });

  describe("ClusteredRedisStore", () => {
    const makeStore = async (options: MakeStoreOptions) => {
      const store = new ClusteredRedisStore({ ...own(), cluster: membership(), ...options });
      await store.start();
      return store;
    };
    for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
  });
});
