import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import {
  InvalidOptionError,
  InvalidSessionIdError,
  type KeyValueStore,
  MemoryStore,
  type RedisClient,
  RedisStore,
  SessionConflictError,
  SessionRevokedError,
  StoreClosedError,
} from "../src/index.js";
import { eventually } from "./support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, clusterNames, startNode } from "./support/node.js";
import { useRedis } from "./support/redis-server.js";

type Data = { n: number };

const redis = useRedis();
const kinds = CURRENT_CLIENT_KINDS.flatMap((kind) => [
  {
    name: `RedisStore on ${kind.name}`,
    async open(): Promise<KeyValueStore<Data>> {
      const client = await kind.connect(redis.port);
      onTestFinished(() => kind.close(client));
      return new RedisStore<Data>({ client: client as RedisClient, prefix: `${randomUUID()}:` });
    },
  },
  {
    name: `ClusteredRedisStore on ${kind.name}`,
    open: (): Promise<KeyValueStore<Data>> => startNode({ port: redis.port, kind, ...clusterNames() }),
  },
]);
const memory = {
  name: "MemoryStore",
  open: async (): Promise<KeyValueStore<Data>> => new MemoryStore<Data>(),
};

describe.each([memory, ...kinds])("a $name", ({ open }) => {
  let store: KeyValueStore<Data>;
  beforeEach(async () => {
    store = await open();
  });

  test("adds what is not there yet", async () => {
    const added = await store.add("a", { n: 1 }, { user: "ann", ttlMs: 60_000 });
    expect(added).toMatchObject({ id: "a", data: { n: 1 }, user: "ann" });
    expect(await store.get("a")).toEqual(added);
    await expect(store.add("a", { n: 2 })).rejects.toThrow(SessionConflictError);
    expect(await store.get("a")).toEqual(added);
    await store.delete("a");
    await expect(store.add("a", { n: 3 })).rejects.toThrow(SessionRevokedError);
  });

  test("under an id that was rotated, adds nothing, and takes the session", async () => {
    await store.add("a", { n: 1 });
    await store.rotate("a", "b", { graceMs: 60_000 });
    await store.add("b", { n: 2 });
    await expect(store.add("a", { n: 3 })).rejects.toThrow(SessionRevokedError);
    expect(await store.take("a")).toMatchObject({ id: "b", data: { n: 2 } });
    expect(await store.get("b")).toBeUndefined();
  });

  test("of many who add, one does", async () => {
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((n) => store.add("a", { n })));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("gives to one of many who take", async () => {
    const { id, data } = await store.create({ n: 1 });
    const taken = await Promise.all([1, 2, 3, 4, 5].map(() => store.take(id)));
    expect(taken.filter((session) => session !== undefined).map((session) => session.data)).toEqual([data]);
    expect(await store.get(id)).toBeUndefined();
    expect(await store.take(id)).toBeUndefined();
    expect((await store.set(id, { n: 2 })).data).toEqual({ n: 2 });
  });

  test("takes nothing that was deleted", async () => {
    const { id } = await store.create({ n: 1 });
    await store.delete(id);
    expect(await store.take(id)).toBeUndefined();
    await expect(store.set(id, { n: 2 })).rejects.toThrow(SessionRevokedError);
  });

  test("counts, beside its sessions", async () => {
    await store.set("a", { n: 1 });
    const counts = await Promise.all([1, 2, 3, 4, 5].map(() => store.increment("a", 60_000)));
    expect(counts.toSorted()).toEqual([1, 2, 3, 4, 5]);
    expect((await store.get("a"))?.data).toEqual({ n: 1 });
    expect(await store.size()).toBe(1);
    await store.clear();
    expect(await store.increment("a", 60_000)).toBe(6);
    expect(await store.increment("b", 60_000)).toBe(1);
    expect(await store.size()).toBe(0);
  });

  test("a counter ends", async () => {
    expect(await store.increment("a", 30)).toBe(1);
    await eventually(async () => (await store.increment("a", 30)) === 1);
  });

  test("refuses bad ids and lives, and everything once it is closed", async () => {
    for (const call of [store.add("", { n: 1 }), store.take(""), store.increment("", 1)]) {
      await expect(call).rejects.toThrow(InvalidSessionIdError);
    }
    for (const ttlMs of [0, -1, 1.5, Number.NaN, "1", undefined]) {
      await expect(store.increment("a", ttlMs as number)).rejects.toThrow(InvalidOptionError);
    }
    await expect(store.add("a", { n: 1 }, { ifRevision: "x" } as object)).rejects.toThrow(InvalidOptionError);
    await store.close();
    for (const call of [store.add("a", { n: 1 }), store.take("a"), store.increment("a", 1)]) {
      await expect(call).rejects.toThrow(StoreClosedError);
    }
  });
});

describe.each(CURRENT_CLIENT_KINDS)("two nodes on $name", (kind) => {
  async function twoNodes() {
    const shared = { kind, port: redis.port, ...clusterNames() };
    return Promise.all([startNode(shared), startNode(shared)]);
  }

  test.each([
    ["taken", async (node: KeyValueStore<Data>, id: string) => (await node.take(id)) !== undefined],
    [
      "deleted without a tombstone",
      (node: KeyValueStore<Data>, id: string) => node.delete(id, { tombstone: false }),
    ],
  ])("drop what was %s, and take it up again", async (_, remove) => {
    const [here, there] = await twoNodes();
    const { id } = await here.create({ n: 1 });
    for (let n = 2; n <= 4; n++) {
      await cached(there, id);
      expect(await remove(here, id)).toBe(true);
      expect(here.peek(id)).toBeUndefined();
      await eventually(() => there.peek(id) === undefined);
      expect(await there.get(id)).toBeUndefined();
      await there.set(id, { n });
      await eventually(async () => (await here.get(id))?.data.n === n);
    }
  });
});
