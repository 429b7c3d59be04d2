import { randomUUID } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { RedisStore, type SessionStore } from "../../src/index.js";
import type { RedisClient } from "../../src/redis/detect.js";
import { metaKey } from "../../src/redis/session-table.js";
import { CLIENT_KINDS, type TestClient } from "../support/clients.js";
import { storeOn, useRawRedis } from "../support/raw-redis.js";
import { recordSessionCommands } from "../support/session-commands.js";

type Store = SessionStore<{ n: number }>;

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

/** What each method sends to Redis. A script, a command: each is one round trip. */
const COSTS: readonly [string, (store: Store, id: string) => unknown, string[]][] = [
  ["get()", (store, id) => store.get(id), ["read"]],
  ["get() of no session", (store) => store.get("nobody"), ["read"]],
  ["get() with strong consistency", (store, id) => store.get(id, { consistency: "strong" }), ["read"]],
  ["peek()", (store, id) => store.peek(id), []],
  ["create()", (store) => store.create({ n: 1 }), ["put"]],
  ["set()", (store, id) => store.set(id, { n: 2 }), ["put"]],
  ["update()", (store, id) => store.update(id, ({ n }) => ({ n: n + 1 })), ["read", "put"]],
  ["touch()", (store, id) => store.touch(id), ["touch"]],
  ["delete()", (store, id) => store.delete(id), ["delete"]],
  ["rotate()", (store, id) => store.rotate(id, "new", { graceMs: 1_000 }), ["rotate"]],
  ["size()", (store) => store.size(), ["SCAN", "list"]],
  ["ids()", (store) => drain(store.ids()), ["SCAN", "list"]],
  ["all()", (store) => drain(store.all()), ["SCAN", "read"]],
  ["deleteWhere()", (store) => store.deleteWhere(() => true), ["SCAN", "read", "delete"]],
  ["healthy()", (store) => store.healthy(), ["PING"]],
  ["start()", (store) => store.start(), []],
  ["close()", (store) => store.close(), []],
];

describe.each(CLIENT_KINDS)("what a method costs, on $name:", (kind) => {
  const redis = useRawRedis();
  let client: TestClient;
  let sent: string[];
  let store: Store;
  let id: string;

  beforeAll(async () => {
    client = await kind.connect(redis.port);
    sent = recordSessionCommands(client);
    return () => kind.close(client);
  });

  beforeEach(async () => {
    await redis.send("FLUSHALL");
    store = new RedisStore({ client: client as RedisClient, prefix: `${randomUUID()}:` });
    ({ id } = await store.create({ n: 1 }));
    sent.splice(0);
  });

  test.each(COSTS)("%s", async (_, call, commands) => {
    await call(store, id);
    expect(sent).toEqual(commands);
  });
});

describe("what Redis holds", () => {
  const redis = useRawRedis();

  test("is one record, in the documented layout", async () => {
    const { store, prefix } = storeOn(redis);
    const beforeMs = await redis.nowMs();
    const options = { user: "Zoë", ttlMs: 60_000, absoluteTtlMs: 120_000 };
    const session = await store.create({ text: "é" }, options);
    const afterMs = await redis.nowMs();
    const record = String(await redis.send("GET", prefix + session.id));
    const times = { created: record.slice(14, 27), expires: record.slice(27, 40), ttl: record.slice(40, 53) };

    expect(record.slice(0, 2)).toBe("L1");
    expect(record.slice(2, 14)).toBe(session.revision);
    expect(times).toEqual({
      created: String(session.createdAtMs),
      expires: String(session.expiresAtMs),
      ttl: "0000000060000",
    });
    expect(Number(record.slice(53, 66))).toBeGreaterThanOrEqual(beforeMs + 120_000);
    expect(Number(record.slice(53, 66))).toBeLessThanOrEqual(afterMs + 120_000);
    expect(record.slice(66, 74)).toBe("00000000");
    expect(record.slice(74, 78)).toBe("0008");
    expect(record.slice(78)).toBe('Zo%C3%AB{"text":"é"}');
  });

  test("is a header with no user and no absolute end where there is none", async () => {
    const { store, prefix } = storeOn(redis);
    const { id } = await store.set("an-id", [1]);
    const record = String(await redis.send("GET", prefix + id));
    expect(record.slice(53)).toBe(`${"0".repeat(13)}${"0".repeat(8)}0000[1]`);
  });

  test("ends to the millisecond", async () => {
    const { store, prefix } = storeOn(redis);
    const beforeMs = await redis.nowMs();
    const { id } = await store.create({}, { ttlMs: 12_345 });
    const endMs = Number(await redis.send("PEXPIRETIME", prefix + id));
    expect(endMs).toBeGreaterThanOrEqual(beforeMs + 12_345);
    expect(endMs).toBeLessThanOrEqual((await redis.nowMs()) + 12_345);
  });

  test("lives a tenth longer than a touch was asked for, so that the next ones can be left out", async () => {
    const { store, prefix } = storeOn(redis);
    const { id } = await store.create({}, { ttlMs: 10_005 });
    const beforeMs = await redis.nowMs();
    await store.touch(id);
    const endMs = Number(await redis.send("PEXPIRETIME", prefix + id));
    expect(endMs).toBeGreaterThanOrEqual(beforeMs + 11_005);
    expect(endMs).toBeLessThanOrEqual((await redis.nowMs()) + 11_005);
  });

  test("is a tombstone of 15 characters for an hour when the session is gone, then nothing", async () => {
    const { store, prefix } = storeOn(redis);
    const { id } = await store.create({});
    await store.delete(id);
    expect(await redis.send("GET", prefix + id)).toMatch(/^T1[\w-]{12}1$/);
    const lifeMs = Number(await redis.send("PTTL", prefix + id));
    expect(lifeMs).toBeGreaterThan(3_590_000);
    expect(lifeMs).toBeLessThanOrEqual(3_600_000);
  });

  test("is a tombstone for as long as the store was told", async () => {
    const { store, prefix } = storeOn(redis, { tombstoneTtlMs: 5_000 });
    await store.delete("an-id");
    expect(Number(await redis.send("PTTL", `${prefix}an-id`))).toBeLessThanOrEqual(5_000);
  });

  test("holds the head of the chain under a name that depends on the channel alone", async () => {
    const { store, channel } = storeOn(redis);
    const { revision } = await store.create({});
    expect(await redis.send("HGET", metaKey(channel), "c")).toBe(revision);
  });

  test("holds no chain for a store without a channel", async () => {
    await redis.send("FLUSHALL");
    const { store } = storeOn(redis, { prefix: "alone:", channel: null });
    await store.set("1", {});
    await store.set("2", {});
    await store.delete("1");
    expect((await redis.send("KEYS", "*")) as string[]).toHaveLength(2);
    expect(await redis.send("KEYS", "sessionmesh:*")).toEqual([]);
  });

  test("is what the codec made of the data", async () => {
    const codec = {
      encode: (n: number) => `<${n}>`,
      decode: (text: string) => Number(text.slice(1, -1)),
    };
    const { store, prefix } = storeOn<number>(redis, { codec });
    const { id } = await store.create(7);
    expect(String(await redis.send("GET", prefix + id)).slice(78)).toBe("<7>");
    expect((await store.get(id))?.data).toBe(7);
  });
});
