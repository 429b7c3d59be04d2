import { createStorage, type Driver } from "unstorage";
import { describe, expectTypeOf, test } from "vitest";
import {
  type UnstorageDriver,
  type UnstorageDriverOptions,
  unstorageDriver,
} from "../../src/adapters/unstorage.js";
import { createStore, type RedisClient, type SessionStore } from "../../src/index.js";

declare const client: RedisClient;

describe("a driver for unstorage", () => {
  const driver = unstorageDriver({ client });

  test("fits where unstorage wants one", () => {
    expectTypeOf<UnstorageDriver>().toExtend<Driver>();
    createStorage({ driver }).mount("sessions", driver);
  });

  test("answers with texts, and shows its store", () => {
    expectTypeOf(driver.getItem("a")).resolves.toEqualTypeOf<string | null>();
    expectTypeOf(driver.getKeys()).resolves.toEqualTypeOf<string[]>();
    expectTypeOf(driver.getInstance()).toEqualTypeOf<SessionStore<string>>();
  });

  test("takes the options of a clustered store, or a store", () => {
    expectTypeOf<{ client: RedisClient; ttlMs: number }>().toExtend<UnstorageDriverOptions>();
    unstorageDriver({ client, prefix: "a:", tombstones: true });
    unstorageDriver({ store: createStore(), tombstones: true });
  });

  test("takes nothing else", () => {
    // @ts-expect-error: neither a store nor a client
    unstorageDriver({});
    // @ts-expect-error: a misspelt option
    unstorageDriver({ client, ttl: 1_000 });
    // @ts-expect-error: seconds are numbers
    driver.setItem("a", "b", { ttl: "60" });
  });
});
