import { randomUUID } from "node:crypto";
import { RedisStore as ConnectRedis } from "connect-redis";
import type { SessionData } from "express-session";
import { createClient } from "redis";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  ClusteredRedisStore,
  type LegacyOptions,
  type RedisClient,
  RedisStore,
  SessionConflictError,
  type SessionStore,
} from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS } from "../support/node.js";
import { useRawRedis } from "../support/raw-redis.js";
import { recordSessionCommands } from "../support/session-commands.js";

type Data = Record<string, unknown>;
type Legacy = LegacyOptions<Data>;

const ID = "an-id";
const TTL_S = 600;
const DATA = {
  cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: "/" },
  user: { name: "Zoë" },
};

/** A serializer as an application may give connect-redis one: what it writes does not look like JSON. */
const serializer = {
  stringify: (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64"),
  parse: (text: string) => JSON.parse(Buffer.from(text, "base64").toString()) as SessionData,
};
const base64 = { decode: (text: string) => serializer.parse(text) as unknown as Data };

/** Where the other store's sessions are, beside ours, and how they are spelt. */
const ARRANGEMENTS = [
  { name: "JSON under another prefix", theirPrefix: (own: string) => `old-${own}`, format: "json" },
  { name: "another format under another prefix", theirPrefix: (own: string) => `old-${own}`, format: base64 },
  { name: "another format under the same prefix", theirPrefix: (own: string) => own, format: base64 },
  { name: "JSON under the same prefix", theirPrefix: (own: string) => own, format: "json" },
] as const;

const STORES = [
  {
    name: "RedisStore",
    create: (options: ConstructorParameters<typeof RedisStore<Data>>[0]) => new RedisStore(options),
  },
  {
    name: "ClusteredRedisStore",
    create: ({ channel: _, ...options }: ConstructorParameters<typeof RedisStore<Data>>[0]) =>
      new ClusteredRedisStore<Data>({ ...options, cluster: { channel: randomUUID() } }),
  },
] as const;

const redis = useRawRedis();

describe.each(CURRENT_CLIENT_KINDS)("on $name,", (kind) => {
  describe.each(STORES)("$name:", ({ create }) => {
    describe.each(ARRANGEMENTS)("a session that connect-redis wrote, $name,", ({ theirPrefix, format }) => {
      let theirs: ConnectRedis;
      let store: SessionStore<Data>;
      let prefix: string;
      let oldPrefix: string;

      const open = async () => {
        const client = await kind.connect(redis.port);
        const legacy: Legacy = { prefix: oldPrefix, format };
        const opened = create({ client: client as RedisClient, prefix, legacy });
        onTestFinished(async () => {
          await opened.close();
          await kind.close(client);
        });
        await opened.start();
        return opened;
      };
      const record = () => redis.send("GET", oldPrefix + ID);
      const ourRecord = () => redis.send("GET", prefix + ID);
      const collected = async <I>(items: AsyncIterable<I>) => {
        const all: I[] = [];
        for await (const item of items) all.push(item);
        return all;
      };

      beforeEach(async () => {
        prefix = `${randomUUID()}:`;
        oldPrefix = theirPrefix(prefix);
        theirs = new ConnectRedis({
          client: redis.client,
          prefix: oldPrefix,
          ttl: TTL_S,
          ...(format !== "json" && { serializer }),
        });
        await theirs.set(ID, DATA as unknown as SessionData);
        store = await open();
      });

      test("is read as it is, left as it is, and ends when Redis says", async () => {
        const before = await record();
        const session = await store.get(ID);
        expect(session).toMatchObject({ id: ID, data: DATA, revision: "" });
        expect(session?.expiresAtMs).toBeLessThanOrEqual(Date.now() + TTL_S * 1_000);
        expect(session?.expiresAtMs).toBeGreaterThan(Date.now() + (TTL_S - 60) * 1_000);
        expect(await record()).toBe(before);
      });

      test("is listed, counted and found once, also when it has become ours", async () => {
        const { id } = await store.create({ ours: true });
        const expectBoth = async () => {
          expect((await collected(store.ids())).sort()).toEqual([ID, id].sort());
          expect((await collected(store.all())).map(({ id }) => id).sort()).toEqual([ID, id].sort());
          expect(await store.size()).toBe(2);
          expect(await store.count(() => true)).toBe(2);
          expect(await store.find(({ data }) => "user" in data)).toMatchObject([{ data: DATA }]);
        };
        await expectBoth();
        await store.update(ID, (data) => ({ ...data, visits: 1 }));
        await expectBoth();
      });

      test("becomes ours with its first change", async () => {
        const updated = await store.update(ID, (data) => ({ ...data, visits: 1 }));
        expect(updated?.data).toEqual({ ...DATA, visits: 1 });
        expect(await store.get(ID, { consistency: "strong" })).toEqual(updated);
        expect(String(await ourRecord()).slice(0, 14)).toBe(`L1${updated?.revision}`);
        if (oldPrefix !== prefix) expect(await record()).toBeNull();
      });

      test("becomes ours with a write that asks for nothing", async () => {
        await store.set(ID, { n: 1 });
        expect((await store.get(ID))?.data).toEqual({ n: 1 });
        expect(String(await ourRecord())).toMatch(/^L1.*\{"n":1\}$/);
        if (oldPrefix !== prefix) expect(await record()).toBeNull();
        expect(Number(await redis.send("PTTL", prefix + ID))).toBeGreaterThan(TTL_S * 1_000); // the store's own
      });

      test("has a revision to be compared with: of first saves on two nodes, one is a conflict", async () => {
        const other = await open();
        const revision = (await store.get(ID))?.revision ?? "none";
        const saves = await Promise.allSettled([
          store.set(ID, { n: 1 }, { ifRevision: revision }),
          other.set(ID, { n: 2 }, { ifRevision: revision }),
        ]);
        const lost = saves.filter(({ status }) => status === "rejected");
        expect(lost).toMatchObject([{ reason: expect.any(SessionConflictError) }]);
        const [won] = saves.filter(({ status }) => status === "fulfilled");
        expect(won).toMatchObject({ value: await store.get(ID, { consistency: "strong" }) });
        const { data } = (await other.get(ID)) ?? {};
        await expect(store.set(ID, {}, { ifRevision: revision })).rejects.toMatchObject({
          current: { data },
        });
      });

      test("loses no update of many at once", async () => {
        const other = await open();
        const increment = (data: Data) => ({ ...data, n: ((data.n as number | undefined) ?? 0) + 1 });
        for (let n = 0; n < 5; n++)
          await Promise.all([store.update(ID, increment), other.update(ID, increment)]);
        expect((await store.get(ID, { consistency: "strong" }))?.data.n).toBe(10);
      });

      test("is prolonged by a touch, where it is", async () => {
        const before = await record();
        expect(await store.touch(ID, { ttlMs: 2 * TTL_S * 1_000 })).toBe(true);
        expect(await record()).toBe(before);
        expect(Number(await redis.send("PTTL", oldPrefix + ID))).toBeGreaterThan(TTL_S * 1_000);
        expect(await store.touch("nobody")).toBe(false);
      });

      test("is deleted for good: connect-redis may write it again, and it stays over", async () => {
        await store.get(ID);
        expect(await store.delete(ID)).toBe(true);
        expect(await record()).toSatisfy((text) => text === null || String(text).startsWith("T1"));
        expect(await store.get(ID)).toBeUndefined();
        expect(await store.delete(ID)).toBe(false);
        await expect(store.set(ID, {})).rejects.toMatchObject({ code: "SESSION_REVOKED" });
        if (oldPrefix === prefix) return; // there it would write over the tombstone
        await theirs.set(ID, DATA as unknown as SessionData);
        expect(await store.get(ID, { consistency: "strong" })).toBeUndefined();
        expect(await store.touch(ID)).toBe(false);
        expect(await collected(store.ids())).toEqual([]);
        expect(await collected(store.all())).toEqual([]);
        await expect(store.set(ID, {})).rejects.toMatchObject({ code: "SESSION_REVOKED" });
        await expect(store.set(ID, {}, { ifRevision: "" })).rejects.toMatchObject({
          code: "SESSION_REVOKED",
        });
      });

      test("is deleted on the condition that nobody wrote it", async () => {
        const { revision } = (await store.get(ID)) ?? { revision: "none" };
        await expect(store.delete(ID, { ifRevision: "another" })).rejects.toThrow(SessionConflictError);
        expect(await store.delete(ID, { ifRevision: revision })).toBe(true);
        expect(await store.get(ID)).toBeUndefined();
        expect(await store.delete(ID, { ifRevision: revision })).toBe(false);
      });

      test("is revoked", async () => {
        await store.get(ID);
        await store.revoke(ID);
        expect(await store.get(ID)).toBeUndefined();
        if (oldPrefix !== prefix) expect(await record()).toBeNull();
      });

      test("goes with deleteWhere() and clear(), each once", async () => {
        await store.create({ ours: true });
        expect(await store.deleteWhere(({ data }) => "user" in data)).toBe(1);
        await theirs.set("another", DATA as unknown as SessionData);
        expect(await store.clear()).toBe(2);
        expect(await store.size()).toBe(0);
        expect(await redis.send("EXISTS", `${oldPrefix}another`)).toBe(0);
      });

      test("without an end becomes one with an end at its first write", async () => {
        await redis.send("PERSIST", oldPrefix + ID);
        expect((await store.get(ID))?.expiresAtMs).toBe(Number.POSITIVE_INFINITY);
        expect(await store.touch(ID)).toBe(true);
        expect(await redis.send("PTTL", oldPrefix + ID)).toBe(-1);
        await store.update(ID, (data) => ({ ...data, n: 1 }));
        expect(Number(await redis.send("PTTL", prefix + ID))).toBeGreaterThan(0);
      });
    });
  });
});

describe.each(CURRENT_CLIENT_KINDS)("beside sessions of another store, on $name,", (kind) => {
  const name = randomUUID();
  const prefix = `new-${name}:`;
  const storeWith = (legacy: Legacy, own = prefix) =>
    new RedisStore<Data>({ client: redis.client, prefix: own, legacy, channel: null });

  test("ours wins, and a write removes what it hides", async () => {
    const store = storeWith({ prefix: `old-${name}:` });
    await store.set("both", { ours: true });
    await redis.send("SET", `old-${name}:both`, '{"theirs":true}');
    expect((await store.get("both"))?.data).toEqual({ ours: true });
    await store.update("both", () => ({ n: 1 }));
    expect(await redis.send("EXISTS", `old-${name}:both`)).toBe(0);
    await store.clear();
  });

  test("what is no session of that store is neither read nor removed", async () => {
    const store = storeWith({ prefix: `old-${name}:` });
    await redis.send("SET", `old-${name}:text`, "hello");
    await redis.send("HSET", `old-${name}:hash`, "field", "value");
    for (const id of ["text", "hash"]) {
      expect(await store.get(id)).toBeUndefined();
      expect(await store.touch(id)).toBe(false);
      expect(await store.delete(id)).toBe(false);
      expect(await redis.send("EXISTS", `old-${name}:${id}`)).toBe(1);
    }
    expect(await store.size()).toBe(0);
  });

  test("with the empty prefix of koa-redis, neither listings nor clear() touch the rest of the database", async () => {
    const store = storeWith({ prefix: "" });
    const id = `koa:${name}`;
    await redis.send("SET", id, '{"n":1,"_expire":1,"_maxAge":1}');
    await redis.send("SET", `cache:${name}`, '{"not":"a session"}');
    expect((await store.get(id))?.data).toMatchObject({ n: 1 });
    await store.set("ours", {});
    expect(await store.size()).toBe(1);
    expect(await store.clear()).toBe(1);
    expect(await redis.send("EXISTS", id, `cache:${name}`)).toBe(2);
    expect(await store.delete(id)).toBe(true);
    expect(await redis.send("EXISTS", id)).toBe(0);
  });

  test("with a prefix that ours begins with, our keys are none of theirs", async () => {
    const store = storeWith({ prefix: "" });
    const hidden = await store.create({ secret: true });
    await redis.send("SET", `${prefix}foreign`, "{}");
    for (const id of [prefix + hidden.id, `${prefix}foreign`]) {
      expect(await store.get(id)).toBeUndefined();
      await store.delete(id);
    }
    expect((await store.get(hidden.id))?.data).toEqual({ secret: true });
    expect(await redis.send("EXISTS", `${prefix}foreign`)).toBe(1);
    await store.clear();
  });

  test("a text that cannot be decoded is corrupt, left as it is, and can be deleted", async () => {
    const store = storeWith({ prefix: `old-${name}:`, format: base64 });
    await redis.send("SET", `old-${name}:bad`, "?!");
    await expect(store.get("bad")).rejects.toMatchObject({ code: "SESSION_CORRUPT" });
    await expect(store.set("bad", {})).rejects.toMatchObject({ code: "SESSION_CORRUPT" });
    expect(await redis.send("GET", `old-${name}:bad`)).toBe("?!");
    expect(await store.delete("bad")).toBe(true);
    expect(await redis.send("EXISTS", `old-${name}:bad`)).toBe(0);
  });

  test.each<[string, string[], (store: SessionStore<Data>) => unknown]>([
    ["a read of ours", ["read"], (store) => store.get("ours")],
    ["a read of theirs", ["read", "legacy-read"], (store) => store.get("theirs")],
    ["a read of none", ["read", "legacy-read", "read"], (store) => store.get("nobody")],
    ["a write of ours", ["legacy-read", "put"], (store) => store.set("ours", {})],
    [
      "the first write of theirs",
      ["legacy-read", "replace", "GETRANGE", "UNLINK", "put"],
      (store) => store.set("theirs", {}),
    ],
    ["a touch of ours", ["touch"], (store) => store.touch("ours")],
    ["a touch of theirs", ["touch", "read", "GETRANGE", "legacy-touch"], (store) => store.touch("theirs")],
    ["a deletion", ["GETRANGE", "delete"], (store) => store.delete("ours")],
  ])("%s costs %j", async (_, commands, call) => {
    const client = await kind.connect(redis.port);
    onTestFinished(() => kind.close(client));
    const sent = recordSessionCommands(client);
    const store = new RedisStore<Data>({
      client: client as RedisClient,
      prefix,
      legacy: { prefix: `old-${name}:` },
    });
    await store.set("ours", {});
    await redis.send("SET", `old-${name}:theirs`, "{}");
    sent.splice(0);
    await call(store);
    expect(sent).toEqual(commands);
    await store.clear();
  });
});

test("a cached copy of such a session goes with its first write on another node, and a cached read costs nothing", async () => {
  const name = randomUUID();
  const options = { prefix: `new-${name}:`, legacy: { prefix: `old-${name}:` }, cluster: { channel: name } };
  const [one, other] = await Promise.all(
    [1, 2].map(async () => {
      const client = createClient({ url: `redis://127.0.0.1:${redis.port}` });
      await client.connect();
      const store = new ClusteredRedisStore<Data>({ client, ...options });
      onTestFinished(async () => {
        await store.close();
        client.destroy();
      });
      await store.start();
      return store;
    }),
  );
  if (one === undefined || other === undefined) throw new Error("two nodes were started");
  await redis.send("SET", `old-${name}:${ID}`, '{"n":1}', "PX", "60000");
  expect((await one.get(ID))?.data).toEqual({ n: 1 });
  expect(one.peek(ID)?.data).toEqual({ n: 1 });
  await other.update(ID, () => ({ n: 2 }));
  await eventually(() => one.peek(ID) === undefined);
  expect((await one.get(ID))?.data).toEqual({ n: 2 });
  await redis.send("SET", `old-${name}:late`, '{"n":1}', "PX", "60000");
  await one.get("late");
  await other.delete("late");
  await eventually(() => one.peek("late") === undefined);
  expect(await one.get("late")).toBeUndefined();
});
