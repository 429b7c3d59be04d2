import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { RedisStore } from "../../src/index.js";
import { storeOn, useRawRedis } from "../support/raw-redis.js";

const redis = useRawRedis();

async function ids(store: RedisStore): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of store.ids()) ids.push(id);
  return ids.sort();
}

describe("a prefix is text, not a pattern:", () => {
  const name = randomUUID();

  test.each([
    ["*", "anything"],
    ["?", "x"],
    ["[ab]", "a"],
    ["[^x]", "y"],
    ["a\\*", "a*"],
    ["\\", "\\\\"],
    ["[", "[["],
    ["{tag}*", "{tag}x"],
  ])("%s does not stand for %s", async (special, match) => {
    const { store } = storeOn(redis, { prefix: `${name}${special}:` });
    const { store: other } = storeOn(redis, { prefix: `${name}${match}:` });
    await store.set("1", { mine: true });
    await other.set("2", { mine: false });
    expect(await ids(store)).toEqual(["1"]);
    expect(await store.size()).toBe(1);
    expect((await store.get("1"))?.data).toEqual({ mine: true });
    expect(await store.clear()).toBe(1);
    expect(await ids(other)).toEqual(["2"]);
    await other.clear();
  });
});

test("a prefix that begins with another one lies within it: what is about all sessions of the other is about its own, too", async () => {
  const { store: outer, prefix } = storeOn(redis);
  const { store: inner } = storeOn(redis, { prefix: `${prefix}admin:` });
  await outer.set("1", {});
  await inner.set("1", {});
  expect(await ids(outer)).toEqual(["1", "admin:1"]);
  expect(await ids(inner)).toEqual(["1"]);
  expect(await outer.size()).toBe(2);
  expect((await outer.get("admin:1"))?.revision).toBe((await inner.get("1"))?.revision);
  expect(await outer.deleteWhere(() => true)).toBe(2);
  expect(await inner.get("1")).toBeUndefined();
  await inner.set("2", {});
  expect(await outer.clear()).toBe(1);
  expect(await inner.size()).toBe(0);
});

describe("what is not a session of this store", () => {
  test("with another prefix, is neither counted nor cleared", async () => {
    const { store, prefix } = storeOn(redis);
    const foreign = [`x${prefix}1`, prefix.slice(0, -1), prefix.toUpperCase(), "sess:1"];
    for (const key of foreign) await redis.send("SET", key, "{}");
    await store.set("1", {});
    expect(await store.size()).toBe(1);
    expect(await store.clear()).toBe(1);
    for (const key of foreign) expect(await redis.send("GET", key)).toBe("{}");
  });

  test("because it is no string, is neither counted nor cleared", async () => {
    const { store, prefix } = storeOn(redis);
    await redis.send("HSET", `${prefix}hash`, "field", "value");
    await redis.send("RPUSH", `${prefix}list`, "item");
    await redis.send("SADD", `${prefix}set`, "member");
    await redis.send("ZADD", `${prefix}zset`, "1", "member");
    await redis.send("XADD", `${prefix}stream`, "*", "field", "value");
    await store.set("1", {});
    expect(await ids(store)).toEqual(["1"]);
    expect(await store.size()).toBe(1);
    expect(await store.find(() => true)).toHaveLength(1);
    expect(await store.clear()).toBe(1);
    expect(
      await redis.send("EXISTS", ...["hash", "list", "set", "zset", "stream"].map((k) => prefix + k)),
    ).toBe(5);
  });

  test.each([
    ["the prefix alone", ""],
    ["a key with a line break", "a\nb"],
    ["a key with more bytes than an id has", "x".repeat(513)],
  ])("because it has no id, %s, stands in the way of no listing", async (_, rest) => {
    const { store, prefix } = storeOn(redis);
    await redis.send("SET", prefix + rest, '{"foreign":true}');
    const session = await store.set("1", { n: 1 });
    expect(await ids(store)).toEqual(["1"]);
    expect(await store.size()).toBe(1);
    expect(await store.find(() => true)).toEqual([session]);
    expect(await store.count(() => true)).toBe(1);
    expect(await store.deleteWhere(() => true)).toBe(1);
    expect(await redis.send("GET", prefix + rest)).toBe('{"foreign":true}');
  });
});

test("a prefix may be the beginning of the chain's key, which is none of the sessions", async () => {
  await redis.send("FLUSHALL");
  const { store } = storeOn(redis, { prefix: "sessionmesh:" });
  await store.set("1", {});
  expect(await ids(store)).toEqual(["1"]);
  expect(await store.clear()).toBe(1);
  expect(await store.size()).toBe(0);
});

test("clear() goes through many keys, and leaves as many of others", async () => {
  const { store, prefix } = storeOn(redis);
  const { store: other } = storeOn(redis);
  const write = (to: RedisStore, n: number) => to.set(`${n}`, {});
  for (let n = 0; n < 2_500; n += 100) {
    const batch = Array.from({ length: 100 }, (_, i) => n + i);
    await Promise.all(batch.flatMap((i) => [write(store, i), write(other, i)]));
  }
  expect(await store.clear()).toBe(2_500);
  expect(await redis.send("KEYS", `${prefix}*`)).toEqual([]);
  expect(await other.size()).toBe(2_500);
});
