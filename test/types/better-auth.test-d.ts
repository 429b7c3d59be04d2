import { type BetterAuthOptions, betterAuth } from "better-auth";
import { describe, expectTypeOf, test } from "vitest";
import {
  type BetterAuthStorage,
  type BetterAuthStorageOptions,
  betterAuthStorage,
} from "../../src/adapters/better-auth.js";
import {
  createStore,
  type KeyValueStore,
  MemoryStore,
  type RedisClient,
  type SessionStore,
} from "../../src/index.js";

declare const client: RedisClient;

type SecondaryStorage = NonNullable<BetterAuthOptions["secondaryStorage"]>;

describe("a storage for better-auth", () => {
  const storage = betterAuthStorage({ client });

  test("fits where better-auth wants one", () => {
    expectTypeOf<BetterAuthStorage>().toExtend<SecondaryStorage>();
    betterAuth({ secondaryStorage: storage });
  });

  test("has each of the methods, and its store", () => {
    expectTypeOf<Exclude<keyof SecondaryStorage, keyof BetterAuthStorage>>().toBeNever();
    expectTypeOf(storage.get("a")).resolves.toEqualTypeOf<string | null>();
    expectTypeOf(storage.increment("a", 1)).resolves.toBeNumber();
    expectTypeOf(storage.store).toEqualTypeOf<KeyValueStore<string>>();
  });

  test("takes the options of a clustered store, or a store", () => {
    expectTypeOf<{ client: RedisClient; ttlMs: number }>().toExtend<BetterAuthStorageOptions>();
    betterAuthStorage({ client, prefix: "a:", localCache: { maxEntries: 10 } });
    betterAuthStorage({ store: new MemoryStore() });
    betterAuthStorage({ store: createStore<string>({ client }) });
  });

  test("takes nothing else", () => {
    // @ts-expect-error: neither a store nor a client
    betterAuthStorage({});
    // @ts-expect-error: a misspelt option
    betterAuthStorage({ client, ttl: 1_000 });
    // @ts-expect-error: a store that can only keep sessions
    betterAuthStorage({ store: {} as SessionStore<string> });
  });
});
