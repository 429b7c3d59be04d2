import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { RedisStore, RevocationUncertainError, StoreUnavailableError } from "../../src/index.js";
import type { RedisClient } from "../../src/redis/detect.js";
import { TcpProxy } from "../../src/testing/index.js";
import { CLIENT_KINDS, type ClientKind } from "../support/clients.js";
import { eventually } from "../support/eventually.js";
import { type RawRedis, useRawRedis } from "../support/raw-redis.js";

type Store = RedisStore<{ n: number }>;

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

/** Every method that asks Redis. */
const METHODS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  get: (store) => store.get("an-id"),
  create: (store) => store.create({ n: 1 }),
  set: (store) => store.set("an-id", { n: 1 }),
  update: (store) => store.update("an-id", (data) => data),
  touch: (store) => store.touch("an-id"),
  delete: (store) => store.delete("another-id"),
  revoke: (store) => store.revoke("another-id"),
  revokeUser: (store) => store.revokeUser("ada"),
  sessionsOf: (store) => drain(store.sessionsOf("ada")),
  clear: (store) => store.clear(),
  size: (store) => store.size(),
  ids: (store) => drain(store.ids()),
  all: (store) => drain(store.all()),
  find: (store) => store.find(() => true),
  count: (store) => store.count(() => true),
  deleteWhere: (store) => store.deleteWhere(() => true),
};

/** A store on a client of its own, which is closed after the test. */
async function openStore(kind: ClientKind, port: number, options: { commandTimeoutMs?: number } = {}) {
  const client = await kind.connect(port);
  onTestFinished(() => kind.close(client));
  const store: Store = new RedisStore({ client: client as RedisClient, ...options });
  return { client, store };
}

/** Checks that every method fails, each for the reason that Redis is not to be had. */
async function allUnavailable(store: Store): Promise<void> {
  const outcomes = Object.entries(METHODS).map(async ([name, call]) => {
    const error = name.startsWith("revoke") ? RevocationUncertainError : StoreUnavailableError;
    await expect(call(store), name).rejects.toThrow(error);
  });
  await Promise.all(outcomes);
  expect(await store.healthy()).toBe(false);
}

describe.each(CLIENT_KINDS)("on $name,", (kind) => {
  const redis: RawRedis = useRawRedis();

  test("a server that has forgotten the scripts costs nobody anything", async () => {
    const { store } = await openStore(kind, redis.port);
    for (const call of Object.values(METHODS)) {
      await redis.send("SCRIPT", "FLUSH");
      await call(store);
    }
    await redis.send("SCRIPT", "FLUSH");
    const session = await store.set("an-id", { n: 2 });
    await redis.send("SCRIPT", "FLUSH");
    expect(await store.get("an-id")).toEqual(session);
    await store.clear();
  });

  test("a server that is paused hangs nobody, and is used again when it goes on", async () => {
    const { store } = await openStore(kind, redis.port, { commandTimeoutMs: 100 });
    await store.set("an-id", { n: 1 });
    await redis.send("CLIENT", "PAUSE", "1500", "ALL");
    await allUnavailable(store);
    await eventually(() => store.healthy());
    const session = await eventually(() => store.set("an-id", { n: 2 }));
    expect(await store.get("an-id")).toEqual(session);
  });

  test("a connection that is stalled hangs nobody", async () => {
    const proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    const { store } = await openStore(kind, proxy.port, { commandTimeoutMs: 100 });
    proxy.stall();
    await allUnavailable(store);
    proxy.resume();
    await eventually(() => store.healthy());
  });

  test("more commands than may wait are refused at once, and taken again when there is room", async () => {
    const proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    const client = await kind.connect(proxy.port);
    onTestFinished(() => kind.close(client));
    const limits = { commandTimeoutMs: 10_000, maxPendingCommands: 2 };
    const store = new RedisStore({ client: client as RedisClient, ...limits });
    proxy.stall();
    let answered = 0;
    const waiting = [1, 2].map(() => store.get("an-id").finally(() => answered++));
    await expect(store.get("an-id")).rejects.toThrow("2 commands wait for it already");
    expect(answered).toBe(0);
    proxy.resume();
    await Promise.all(waiting);
    expect(await store.get("nobody")).toBeUndefined();
  });

  test("a client that cannot connect hangs nobody", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    const client = kind.create(port);
    onTestFinished(() => kind.close(client));
    await allUnavailable(new RedisStore({ client: client as RedisClient, commandTimeoutMs: 100 }));
  });

  test("a client that was closed is no use, and the error says why", async () => {
    const { store, client } = await openStore(kind, redis.port);
    await store.get("an-id");
    await kind.close(client);
    await allUnavailable(store);
    const error: StoreUnavailableError = await store.get("an-id").then(
      () => expect.fail("did not fail"),
      (reason) => reason,
    );
    expect(error.message).toMatch(/closed/i);
    expect(error.cause).toBeInstanceOf(Error);
  });

  test("a server that refuses writes says why", async () => {
    const { store } = await openStore(kind, redis.port);
    await redis.send("CONFIG", "SET", "maxmemory", "1");
    onTestFinished(async () => void (await redis.send("CONFIG", "SET", "maxmemory", "0")));
    await expect(store.create({ n: 1 })).rejects.toThrow(/StoreUnavailable|memory/);
    await expect(store.create({ n: 1 })).rejects.toThrow(StoreUnavailableError);
  });

  test("close() leaves the client open: it is the application's", async () => {
    const { store, client } = await openStore(kind, redis.port);
    await store.close();
    const another: Store = new RedisStore({ client: client as RedisClient });
    expect(await another.healthy()).toBe(true);
  });
});
