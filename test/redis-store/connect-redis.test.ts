import { RedisStore as ConnectRedis } from "connect-redis";
import type { SessionData } from "express-session";
import { beforeEach, describe, expect, test } from "vitest";
import { ClusteredRedisStore, type RedisStore } from "../../src/index.js";
import { storeOn, useRawRedis } from "../support/raw-redis.js";

const ID = "an-id";
const TTL_S = 600;

/** What express-session stores, as connect-redis writes it. */
const DATA = {
  cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: "/" },
  user: { name: "Zoë" },
};

describe("a session that connect-redis wrote", () => {
  const redis = useRawRedis();
  let theirs: ConnectRedis;
  let store: RedisStore;
  let prefix: string;

  beforeEach(async () => {
    ({ store, prefix } = storeOn(redis));
    theirs = new ConnectRedis({ client: redis.client, prefix, ttl: TTL_S });
    await theirs.set(ID, DATA as unknown as SessionData);
  });

  const record = () => redis.send("GET", prefix + ID);

  test("is read as it is, and left as it is", async () => {
    const before = await record();
    const session = await store.get(ID);
    expect(session).toMatchObject({ id: ID, data: DATA });
    expect(session).not.toHaveProperty("user");
    expect(await record()).toBe(before);
    expect(store.corruptRecords).toBe(0);
  });

  test("ends when Redis says", async () => {
    const beforeMs = Date.now();
    const session = await store.get(ID);
    const remainingMs = Number(await redis.send("PTTL", prefix + ID));
    expect(session?.expiresAtMs).toBeGreaterThanOrEqual(beforeMs + remainingMs);
    expect(session?.expiresAtMs).toBeLessThanOrEqual(Date.now() + TTL_S * 1_000);
  });

  test("is listed, counted and found", async () => {
    const ours = await store.create({ ours: true });
    expect(await store.size()).toBe(2);
    const [found] = await store.find(({ id }) => id !== ours.id);
    expect(found?.data).toEqual(DATA);
  });

  test("becomes one of ours with a write, and loses nothing but what was replaced", async () => {
    const updated = await store.update(ID, (data) => ({ ...(data as object), visits: 1 }));
    expect(updated?.data).toEqual({ ...DATA, visits: 1 });
    expect(updated?.revision).toMatch(/^[\w-]{12}$/);
    expect(await store.get(ID)).toEqual(updated);
    expect(String(await record()).slice(0, 14)).toBe(`L1${updated?.revision}`);
  });

  test("has a revision to be compared with, like any other", async () => {
    const session = await store.get(ID);
    const written = await store.set(ID, { n: 1 }, { ifRevision: session?.revision ?? "none" });
    await expect(store.set(ID, { n: 2 }, { ifRevision: session?.revision ?? "none" })).rejects.toMatchObject({
      code: "SESSION_CONFLICT",
    });
    expect(await store.get(ID)).toEqual(written);
  });

  test("is prolonged by a touch, which leaves its data", async () => {
    const before = await record();
    expect(await store.touch(ID, { ttlMs: 2 * TTL_S * 1_000 })).toBe(true);
    expect(await record()).toBe(before);
    expect(Number(await redis.send("PTTL", prefix + ID))).toBeGreaterThan(TTL_S * 1_000);
  });

  test("gets the store's own TTL from a touch that asks for none", async () => {
    expect(await store.touch(ID)).toBe(true);
    expect(Number(await redis.send("PTTL", prefix + ID))).toBeGreaterThan(TTL_S * 1_000);
  });

  test("is deleted, also on the condition that it is still the same", async () => {
    const session = await store.get(ID);
    expect(await store.delete(ID, { ifRevision: session?.revision ?? "none" })).toBe(true);
    expect(await store.get(ID)).toBeUndefined();
    await theirs.set(ID, DATA as unknown as SessionData);
    expect(await store.delete(ID)).toBe(true);
    expect(await store.get(ID)).toBeUndefined();
  });

  test("is cleared", async () => {
    await store.create({});
    expect(await store.clear()).toBe(2);
    expect(await record()).toBeNull();
  });

  test("is cached like any other", async () => {
    await using clustered = new ClusteredRedisStore({ client: redis.client, prefix });
    await clustered.start();
    expect((await clustered.get(ID))?.data).toEqual(DATA);
    expect(clustered.peek(ID)?.data).toEqual(DATA);
  });

  test("that has no end has none for us, and a touch gives it none", async () => {
    theirs = new ConnectRedis({ client: redis.client, prefix, disableTTL: true });
    await theirs.set(ID, DATA as unknown as SessionData);
    expect((await store.get(ID))?.expiresAtMs).toBe(Number.POSITIVE_INFINITY);
    expect(await store.touch(ID)).toBe(true);
    expect(await redis.send("PTTL", prefix + ID)).toBe(-1);
  });
});
