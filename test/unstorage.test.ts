import { H3 } from "h3";
import { createStorage, prefixStorage } from "unstorage";
import redisDriver from "unstorage/drivers/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { unstorageDriver } from "../src/adapters/unstorage.js";
import {
  ClusteredRedisStore,
  InvalidOptionError,
  InvalidSessionIdError,
  MemoryStore,
  type RedisClient,
  SessionCorruptError,
  SessionRevokedError,
  StoreClosedError,
  StoreUnavailableError,
} from "../src/index.js";
import { ManualClock } from "../src/testing/manual-clock.js";
import type { ClientKind } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "./support/node.js";
import { useRedis } from "./support/redis-server.js";
import { callsOf } from "./support/short-bound.js";

const redis = useRedis();

/** A storage on one node, closed when the test is over. */
async function startStorage(kind: ClientKind, names: ReturnType<typeof clusterNames>) {
  const client = kind.create(redis.port);
  const store = new ClusteredRedisStore<string>({ client: client as RedisClient, ...names });
  onTestFinished(async () => {
    await store.close();
    await kind.close(client);
  });
  await store.start();
  return createStorage({ driver: unstorageDriver({ store }) });
}

describe.each(CURRENT_CLIENT_KINDS)("on $name", (kind) => {
  async function twoNodes() {
    const names = clusterNames();
    return Promise.all([startStorage(kind, names), startStorage(kind, names)]);
  }

  test("what one node sets, changes and removes, the other sees", async () => {
    const [here, there] = await twoNodes();
    expect(await there.getItem("users:1")).toBeNull();
    await here.setItem("users:1", { name: "Ada" });
    expect(await there.getItem("users:1")).toEqual({ name: "Ada" });
    expect(await there.hasItem("users:1")).toBe(true);
    await here.setItem("users:1", { name: "Eve" });
    await eventually(async () => (await there.getItem<{ name: string }>("users:1"))?.name === "Eve");
    await here.removeItem("users:1");
    expect(await here.getItem("users:1")).toBeNull();
    await eventually(async () => !(await there.hasItem("users:1")));
    await there.setItem("users:1", { name: "Zoë" });
    await eventually(async () => (await here.getItem<{ name: string }>("users:1"))?.name === "Zoë");
  });

  test("every kind of value comes back", async () => {
    const [here, there] = await twoNodes();
    const values = ["text", "", 42, true, [1, { a: 2 }], { a: { b: null } }];
    for (const [n, value] of values.entries()) {
      await here.setItem(`value:${n}`, value);
      expect(await there.getItem(`value:${n}`)).toEqual(value);
    }
    const items = await there.getItems(values.map((_, n) => `value:${n}`));
    expect(items).toEqual(values.map((value, n) => ({ key: `value:${n}`, value })));
    await here.setItems(values.map((value, n) => ({ key: `more:${n}`, value })));
    expect(await there.getItem("more:4")).toEqual([1, { a: 2 }]);

    const bytes = Buffer.from([0, 255, 128, 10]);
    await here.setItemRaw("raw", bytes);
    expect(await there.getItemRaw("raw")).toEqual(bytes);
    await here.setItemRaw("raw", "text");
    await eventually(async () => (await there.getItemRaw("raw")) === "text");
  });

  test("keys are listed and cleared by their beginning, without KEYS", async () => {
    const [here, there] = await twoNodes();
    const before = await callsOf(redis.port, "keys");
    const keys = Array.from({ length: 250 }, (_, n) => `users:${n}`);
    await here.setItems([...keys, "user", "posts:1"].map((key) => ({ key, value: key })));
    expect((await there.getKeys("users")).sort()).toEqual(keys.toSorted());
    expect(await there.getKeys()).toHaveLength(252);
    expect(await prefixStorage(there, "posts").getKeys()).toEqual(["1"]);
    await here.getMount("").driver.clear?.("users:", {});
    expect((await there.getKeys()).sort()).toEqual(["posts:1", "user"]);
    await eventually(async () => !(await there.hasItem("users:7")));
    await there.setItem("users:7", "again");
    await here.clear();
    expect(await there.getKeys()).toEqual([]);
    expect(await callsOf(redis.port, "keys")).toBe(before);
  });

  test("what is said of an item goes with it", async () => {
    const [here, there] = await twoNodes();
    const startMs = Date.now();
    await here.setItem("a", 1, { ttl: 90 });
    await here.setMeta("a", { color: "red" });
    const meta = await there.getMeta("a");
    expect(meta).toMatchObject({ color: "red", birthtime: expect.any(Date) });
    expect(Number(meta.birthtime)).toBeGreaterThanOrEqual(startMs);
    expect(meta.ttl).toBeGreaterThan(0);
    expect(meta.ttl).toBeLessThanOrEqual(90);
    expect(await there.getKeys()).toEqual(["a"]);
    await here.removeItem("a", { removeMeta: true });
    await eventually(async () => Object.keys(await there.getMeta("a")).length === 0);
  });

  test("a login of h3 on one node is known on the other, until the logout", async () => {
    const apps = (await twoNodes()).map(loginApp);
    const [here, there] = apps;
    const login = await here?.request("/login/Ada", { method: "POST" });
    const cookie = login?.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const visit = async (app = here) => (await app?.request("/", { headers: { cookie } }))?.text();
    expect(await visit(here)).toBe("Ada");
    expect(await visit(there)).toBe("Ada");
    await there?.request("/logout", { method: "POST", headers: { cookie } });
    expect(await visit(there)).toBe("nobody");
    await eventually(async () => (await visit(here)) === "nobody");
  });

  test("without Redis, every call is rejected in time", async () => {
    const client = kind.create(1);
    const driver = unstorageDriver({ client: client as RedisClient, commandTimeoutMs: 200 });
    const storage = createStorage({ driver });
    onTestFinished(async () => {
      await storage.dispose();
      await kind.close(client);
    });
    const outcomes = await Promise.allSettled([
      storage.getItem("a"),
      storage.getItems(["a", "b"]),
      storage.setItem("a", 1),
      storage.hasItem("a"),
      storage.removeItem("a"),
      storage.getMeta("a"),
      storage.getKeys(),
      storage.clear(),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(StoreUnavailableError) });
    }
  });

  test("dispose() closes the store that the driver made, and no other", async () => {
    const client = await kind.connect(redis.port);
    onTestFinished(() => kind.close(client));
    const own = createStorage({
      driver: unstorageDriver({ client: client as RedisClient, ...clusterNames() }),
    });
    await own.setItem("a", 1);
    await own.dispose();
    await expect(own.getItem("a")).rejects.toThrow(StoreClosedError);

    const store = new MemoryStore();
    const given = createStorage({ driver: unstorageDriver({ store }) });
    await given.dispose();
    await given.setItem("a", 1);
    expect(await given.getItem("a")).toBe(1);
  });
});

/** Keeps who logged in under the id in a cookie. */
function loginApp(storage: ReturnType<typeof createStorage>) {
  const idOf = (request: Request) => /(?:^|; )id=(\w+)/.exec(request.headers.get("cookie") ?? "")?.[1];
  return new H3()
    .post("/login/:name", async ({ context, res }) => {
      const id = crypto.randomUUID().replaceAll("-", "");
      await storage.setItem(`logins:${id}`, { name: context.params?.name ?? "" }, { ttl: 3_600 });
      res.headers.set("set-cookie", `id=${id}; HttpOnly`);
      return "welcome";
    })
    .get("/", async ({ req }) => {
      const id = idOf(req);
      const login = id === undefined ? null : await storage.getItem<{ name: string }>(`logins:${id}`);
      return login?.name ?? "nobody";
    })
    .post("/logout", async ({ req }) => {
      await storage.removeItem(`logins:${idOf(req)}`);
      return "bye";
    });
}

test("objects that the Redis driver of unstorage wrote are found, and overwritten; what else it wrote is refused", async () => {
  const [kind] = CURRENT_CLIENT_KINDS;
  if (kind === undefined) throw new Error("no client kind");
  const { prefix, cluster } = clusterNames();
  const before = createStorage({ driver: redisDriver({ url: redis.url, base: prefix }) });
  onTestFinished(() => before.dispose());
  await before.setItem("object", { n: 1 });
  await before.setItem("list", [1]);

  const storage = await startStorage(kind, { prefix, cluster });
  expect(await storage.getItem("object")).toEqual({ n: 1 });
  await storage.setItem("object", { n: 2 });
  expect(await storage.getItem("object")).toEqual({ n: 2 });
  await expect(storage.getItem("list")).rejects.toThrow(SessionCorruptError);
});

describe("the driver", () => {
  function inMemory(options: { tombstones?: boolean } = {}) {
    const clock = new ManualClock();
    const store = new MemoryStore<string>({ ttlMs: 100_000, clock });
    return { clock, store, storage: createStorage({ driver: unstorageDriver({ store, ...options }) }) };
  }

  test("keeps an item for its seconds, fractions included, and otherwise for those of the store", async () => {
    const { clock, storage } = inMemory();
    await storage.setItem("short", 1, { ttl: 1.5 });
    await storage.setItem("long", 2);
    await storage.setItem("short-long", 1, { ttl: 1 });
    await storage.setItem("short-long", 2);
    clock.advance(1_499);
    expect(await storage.getItem("short")).toBe(1);
    clock.advance(1);
    expect(await storage.getItem("short")).toBeNull();
    clock.advance(98_499);
    expect(await storage.getItem("long")).toBe(2);
    expect(await storage.getItem("short-long")).toBe(2);
    clock.advance(1);
    expect(await storage.getKeys()).toEqual([]);
  });

  test.each([
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "60",
    null,
  ])("refuses %s as a number of seconds", async (ttl) => {
    const { storage } = inMemory();
    await expect(storage.setItem("a", 1, { ttl })).rejects.toThrow(InvalidOptionError);
    expect(await storage.hasItem("a")).toBe(false);
  });

  test("removed items may be set again, unless tombstones are wanted", async () => {
    const { storage } = inMemory();
    await storage.setItem("a", 1);
    await storage.removeItem("a");
    await storage.setItem("a", 2);
    expect(await storage.getItem("a")).toBe(2);

    const { storage: remembering } = inMemory({ tombstones: true });
    await remembering.setItems(["a", "b"].map((key) => ({ key, value: 1 })));
    await remembering.removeItem("a");
    await remembering.clear("");
    for (const key of ["a", "b"]) {
      await expect(remembering.setItem(key, 2)).rejects.toThrow(SessionRevokedError);
    }
  });

  test("refuses a key that can be none, and says why", async () => {
    const { storage } = inMemory();
    for (const key of ["a\nb", "k".repeat(513)]) {
      await expect(storage.getItem(key)).rejects.toThrow(InvalidSessionIdError);
      await expect(storage.setItem(key, 1)).rejects.toThrow(InvalidSessionIdError);
      await expect(storage.removeItem(key)).rejects.toThrow(InvalidSessionIdError);
    }
    await storage.setItem("k".repeat(512), 1);
    expect(await storage.getItem("k".repeat(512))).toBe(1);
  });

  test("refuses tombstones that are neither wanted nor not", () => {
    expect(() => unstorageDriver({ store: new MemoryStore(), tombstones: "no" as never })).toThrow(
      InvalidOptionError,
    );
  });

  test("shows the store, and reads what the application stores there as JSON", async () => {
    const { storage, store } = inMemory();
    expect(storage.getMount("").driver.getInstance?.()).toBe(store);
    await store.set("a", { n: 1 } as never);
    expect(await storage.getItem("a")).toEqual({ n: 1 });
  });
});
