import { describe, expectTypeOf, test } from "vitest";
import {
  type CacheStats,
  type ClusterCoordinator,
  ClusteredRedisStore,
  type Codec,
  createStore,
  LocalCache,
  MemoryStore,
  type RedisClient,
  RedisStore,
  type Session,
  type SessionStore,
} from "../../src/index.js";

interface UserSession {
  userId: number;
  roles: string[];
  address?: { city: string };
}

declare const client: RedisClient;
declare const store: ClusteredRedisStore<UserSession>;
declare const id: string;

describe("a session", () => {
  test("has data that is readonly all the way down", () => {
    expectTypeOf<Session<UserSession>["data"]>().toEqualTypeOf<{
      readonly userId: number;
      readonly roles: readonly string[];
      readonly address?: { readonly city: string };
    }>();
  });

  test("cannot be changed by its reader", async () => {
    const session = await store.get(id);
    if (session === undefined) return;
    // @ts-expect-error: readonly
    session.data = { userId: 1, roles: [] };
    // @ts-expect-error: readonly
    session.data.userId = 1;
    // @ts-expect-error: a readonly array has no push
    session.data.roles.push("admin");
    // @ts-expect-error: readonly
    if (session.data.address) session.data.address.city = "Rome";
  });

  test("says by its types what it is", () => {
    expectTypeOf<Session<UserSession>>().toMatchTypeOf<{
      readonly id: string;
      readonly revision: string;
      readonly createdAtMs: number;
      readonly expiresAtMs: number;
      readonly user?: string;
    }>();
  });
});

describe("a store", () => {
  test("gives sessions of its type", () => {
    expectTypeOf(store.get(id)).resolves.toEqualTypeOf<Session<UserSession> | undefined>();
    expectTypeOf(store.get(id, { consistency: "strong" })).resolves.toEqualTypeOf<
      Session<UserSession> | undefined
    >();
    expectTypeOf(store.peek(id)).toEqualTypeOf<Session<UserSession> | undefined>();
    expectTypeOf(store.create({ userId: 1, roles: [] }, { user: "1" })).resolves.toEqualTypeOf<
      Session<UserSession>
    >();
    expectTypeOf(store.set(id, { userId: 1, roles: [] }, { ifRevision: "r" })).resolves.toEqualTypeOf<
      Session<UserSession>
    >();
    expectTypeOf(store.all()).toExtend<AsyncIterable<Session<UserSession>>>();
    expectTypeOf(store.ids()).toExtend<AsyncIterable<string>>();
    expectTypeOf(store.find(({ data }) => data.userId === 1)).resolves.toEqualTypeOf<
      Session<UserSession>[]
    >();
  });

  test("answers by booleans and numbers otherwise", () => {
    expectTypeOf(store.touch(id, { ttlMs: 1_000 })).resolves.toBeBoolean();
    expectTypeOf(store.delete(id, { ifRevision: "r" })).resolves.toBeBoolean();
    expectTypeOf(store.evictFromCache(id)).toBeBoolean();
    expectTypeOf(store.healthy()).resolves.toBeBoolean();
    expectTypeOf(store.clear()).resolves.toBeNumber();
    expectTypeOf(store.size()).resolves.toBeNumber();
    expectTypeOf(store.count(() => true)).resolves.toBeNumber();
    expectTypeOf(store.deleteWhere(({ user }) => user === "42")).resolves.toBeNumber();
  });

  test("shows its parts", () => {
    expectTypeOf(store.cacheStats()).toEqualTypeOf<CacheStats>();
    expectTypeOf(store.coordinator).toEqualTypeOf<ClusterCoordinator | undefined>();
    expectTypeOf(store.redisStore).toEqualTypeOf<RedisStore<UserSession>>();
    expectTypeOf(store.coordinator?.lease).toEqualTypeOf<
      { held: boolean; remainingMs: number } | undefined
    >();
  });

  test("takes back the data that it gave", async () => {
    const session = await store.create({ userId: 1, roles: [] });
    await store.set(id, session.data);
    await store.set(id, { ...session.data, roles: [...session.data.roles, "admin"] });
  });

  test("takes no other data", () => {
    // @ts-expect-error: roles are missing
    store.create({ userId: 1 });
    // @ts-expect-error: not a number
    store.set(id, { userId: "1", roles: [] });
  });

  test("updates by a function of the data, which may be asynchronous", () => {
    store.update(id, (data) => ({ ...data, userId: data.userId + 1 }));
    store.update(id, async (data, session) => (session.user === "1" ? data : { userId: 1, roles: [] }));
    expectTypeOf(store.update(id, (data) => data)).resolves.toEqualTypeOf<Session<UserSession> | undefined>();
    // @ts-expect-error: nothing is returned
    store.update(id, () => {});
    store.update(id, (data) => {
      // @ts-expect-error: readonly
      data.userId++;
      return data;
    });
  });

  test("is ended by the scope that made it", async () => {
    await using clustered = new ClusteredRedisStore<UserSession>({ client });
    await using inMemory = new MemoryStore<UserSession>();
    expectTypeOf(clustered).toExtend<AsyncDisposable>();
    expectTypeOf(inMemory).toExtend<AsyncDisposable>();
  });

  test("is any of the three", () => {
    expectTypeOf<ClusteredRedisStore<UserSession>>().toExtend<SessionStore<UserSession>>();
    expectTypeOf<RedisStore<UserSession>>().toExtend<SessionStore<UserSession>>();
    expectTypeOf<MemoryStore<UserSession>>().toExtend<SessionStore<UserSession>>();
    expectTypeOf(createStore<UserSession>({ client })).toEqualTypeOf<ClusteredRedisStore<UserSession>>();
    expectTypeOf(createStore<UserSession>()).toEqualTypeOf<MemoryStore<UserSession>>();
  });
});

describe("options that are wrong do not compile:", () => {
  test("of a store", () => {
    // @ts-expect-error: there is no store in Redis without a client
    new ClusteredRedisStore({});
    // @ts-expect-error: a misspelt option
    new ClusteredRedisStore({ client, ttl: 1_000 });
    // @ts-expect-error: milliseconds are a number
    new ClusteredRedisStore({ client, ttlMs: "1d" });
    // @ts-expect-error: a misspelt option of the cache
    new ClusteredRedisStore({ client, localCache: { max: 10 } });
    // @ts-expect-error: the channel is an option of `cluster` here
    new ClusteredRedisStore({ client, channel: "c" });
    // @ts-expect-error: a codec of other data
    new RedisStore<UserSession>({ client, codec: {} as Codec<{ other: true }> });
    // @ts-expect-error: a store in memory has no prefix
    new MemoryStore({ prefix: "sess:" });
  });

  test("of a call", () => {
    // @ts-expect-error: a misspelt option
    store.get(id, { consistent: true });
    // @ts-expect-error: no such level
    store.get(id, { consistency: "eventual" });
    // @ts-expect-error: only `create` sets the absolute end
    store.set(id, { userId: 1, roles: [] }, { absoluteTtlMs: 1 });
    // @ts-expect-error: a touch is unconditional
    store.touch(id, { ifRevision: "r" });
    // @ts-expect-error: a misspelt option
    store.delete(id, { revision: "r" });
  });
});

test("a local cache holds anything but undefined", () => {
  const cache = new LocalCache<{ name: string }>({ maxEntries: 10 });
  expectTypeOf(cache.get("a")).toEqualTypeOf<{ name: string } | undefined>();
  // @ts-expect-error: undefined says that there is no entry
  new LocalCache<string | undefined>();
});
