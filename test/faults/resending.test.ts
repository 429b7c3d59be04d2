import { describe, expect, onTestFinished, test } from "vitest";
import { ClusteredRedisStore, StoreUnavailableError } from "../../src/index.js";
import type { RedisClient } from "../../src/redis/detect.js";
import { TcpProxy } from "../../src/testing/index.js";
import { CLIENT_KINDS, type TestClient } from "../support/clients.js";
import { eventually } from "../support/eventually.js";
import { clusterNames, startNode } from "../support/node.js";
import { useRawRedis } from "../support/raw-redis.js";

/** What a client does by itself when its connection breaks or is not there yet must not carry anything out that nobody waits for, or twice. */
describe.each(CLIENT_KINDS)("with $name,", (kind) => {
  const redis = useRawRedis();

  /** A node whose commands go through a proxy, one that is next to Redis, and a client of the application's behind the proxy. */
  async function nodes() {
    const proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    const names = clusterNames();
    const options = { kind, ...names, cluster: { ...names.cluster, enabled: false } };
    const witness = await startNode({ ...options, port: redis.port });
    const store = await startNode({ ...options, port: proxy.port, commandTimeoutMs: 1_500 });
    return { proxy, witness, store, prefix: names.prefix };
  }

  test("what may have been carried out is not counted twice", async () => {
    const { proxy, witness, store } = await nodes();
    await store.increment("warm-up", 60_000);
    proxy.stall("toClient");
    const counted = store.increment("counter", 60_000);
    counted.catch(() => {});
    const keys = () => redis.send("KEYS", "sessionmesh:counter:*:counter") as Promise<string[]>;
    await eventually(async () => (await keys()).length === 1);
    proxy.cut();
    proxy.resume();
    await expect(counted).rejects.toThrow(StoreUnavailableError);
    await eventually(() => store.healthy());
    expect(await witness.increment("counter", 60_000)).toBe(2);
  });

  test("a change whose reply was lost, and that somebody else has changed since, is not made again", async () => {
    const { proxy, witness, store } = await nodes();
    const { id } = await witness.create({ n: 1 });
    const strong = { consistency: "strong" } as const;
    const increment = ({ n }: { n: number }) => ({ n: n + 1 });
    await store.set("warm-up", { n: 1 }); // the server knows the script now
    let runs = 0;
    const updated = store.update(id, (data) => {
      runs++;
      proxy.stall("toClient");
      return increment(data);
    });
    updated.catch(() => {});
    await eventually(async () => (await witness.get(id, strong))?.data.n === 2);
    await witness.update(id, increment);
    proxy.cut();
    proxy.resume();
    await expect(updated).rejects.toMatchObject({ code: "SESSION_CONFLICT", maybeApplied: true });
    expect(runs).toBe(1);
    expect((await witness.get(id, strong))?.data).toEqual({ n: 3 });
  });

  test("what was asked for while there was no connection is not sent when its caller was told that it failed", async () => {
    const { proxy, witness, store, prefix } = await nodes();
    proxy.refuse();
    proxy.cut();
    await eventually(async () => !(await store.healthy()));
    await expect(store.set("late", { n: 1 })).rejects.toThrow(StoreUnavailableError);
    proxy.accept();
    await eventually(() => store.healthy());
    await store.set("next", { n: 1 });
    expect(await witness.get("next")).toBeDefined();
    expect(await redis.send("EXISTS", `${prefix}late`)).toBe(0);
  });
});

describe.each(CLIENT_KINDS.filter(({ name }) => name.startsWith("ioredis")))("with $name,", (kind) => {
  const redis = useRawRedis();

  test("what the application has under way is sent again, as it expects", async () => {
    const proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    const client = (await kind.connect(proxy.port)) as TestClient & {
      call(...command: string[]): Promise<unknown>;
    };
    onTestFinished(() => kind.close(client));
    const store = new ClusteredRedisStore({ client: client as RedisClient, cluster: { enabled: false } });
    onTestFinished(() => store.close());
    proxy.stall("toClient");
    const counted = client.call("INCR", "application");
    await eventually(async () => (await redis.send("GET", "application")) === "1");
    proxy.cut();
    proxy.resume();
    expect(await counted).toBe(2);
  });
});
