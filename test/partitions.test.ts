import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ClusteredRedisStore, PartitionMismatchError, RedisStore } from "../src/index.js";
import { hashTags, keyOf, SLOTS, slotOf } from "../src/redis/cluster-slots.js";
import { portOf } from "../src/redis/detect.js";
import { layoutKeys } from "../src/redis/layout.js";
import type { RedisClusterPort, RedisPort, Subscription } from "../src/redis/port.js";
import { type MakeStoreOptions, sessionStoreContract } from "../src/testing/index.js";
import { eventually } from "./support/eventually.js";
import { clusterNames, type TestData } from "./support/node.js";
import { useRawRedis } from "./support/raw-redis.js";

/** One server that stands in for a cluster: what the partitions of a store do does not depend on where their slots are. */
const redis = useRawRedis();

const PARTITIONS = 4;
/** As many shards as partitions, each with the slot of one of them. */
const SHARDS = Array.from({ length: PARTITIONS }, (_, shard) => shard);
const shardOf = (slot: number) => Math.floor((slot * PARTITIONS) / SLOTS);

/** A client whose shards can be told to be down, one by one. */
class Shards implements RedisClusterPort {
  readonly #port: RedisPort;
  readonly #down = new Set<number>();
  readonly #lose = new Map<number, Set<(reason: string) => void>>();

  constructor(port: RedisPort) {
    this.#port = port;
  }

  slot(slot: number): RedisPort {
    const assertUp = (slot: number) => {
      if (this.#down.has(shardOf(slot))) throw new Error("CLUSTERDOWN the shard is down");
    };
    return {
      send: async (command) => {
        const key = keyOf(command);
        assertUp(key === undefined ? slot : slotOf(key));
        return this.#port.send(command);
      },
      subscribe: async (request) => {
        assertUp(slot);
        const subscription = await this.#port.subscribe(request);
        const losers = this.#lose.get(shardOf(slot)) ?? new Set();
        this.#lose.set(
          shardOf(slot),
          losers.add((reason) => closeAndTell(subscription, reason, request.onClose)),
        );
        return subscription;
      },
    };
  }

  stop(shard: number): void {
    this.#down.add(shard);
    this.cut(shard);
  }

  resume(shard: number): void {
    this.#down.delete(shard);
  }

  /** Ends what is subscribed there. */
  cut(shard: number): void {
    for (const lose of this.#lose.get(shard) ?? []) lose("the shard is down");
    this.#lose.delete(shard);
  }
}

function closeAndTell(subscription: Subscription, reason: string, onClose: (reason: string) => void): void {
  subscription.close();
  onClose(reason);
}

let shards: Shards;
beforeEach(() => {
  shards = new Shards(portOf(redis.client));
});

/** One id of each partition. */
function idsOfAll(store: ClusteredRedisStore<TestData>): string[] {
  const ids: string[] = [];
  for (let n = 0; ids.filter(Boolean).length < PARTITIONS; n++) {
    ids[store.redisStore.partitions.indexOf(`id-${n}`)] ??= `id-${n}`;
  }
  return ids;
}

interface NodeOptions {
  names: ReturnType<typeof clusterNames>;
  partitions?: number;
  pubsub?: "sharded" | "plain";
}

function makeNode({
  names,
  partitions = PARTITIONS,
  pubsub = "plain",
}: NodeOptions): ClusteredRedisStore<TestData> {
  const { prefix, cluster } = names;
  const store = new ClusteredRedisStore<TestData>({
    client: shards,
    prefix,
    cluster: { ...cluster, partitions, pubsub },
  });
  onTestFinished(() => store.close());
  return store;
}

async function startNode(options: NodeOptions): Promise<ClusteredRedisStore<TestData>> {
  const store = makeNode(options);
  await store.start();
  return store;
}

describe("the contract of a store, on several partitions", () => {
  const own = () => ({ client: new Shards(portOf(redis.client)), prefix: `${randomUUID()}:` });
  const layout = { partitions: 3, pubsub: "plain" as const };

  describe("RedisStore", () => {
    const makeStore = (options: MakeStoreOptions) =>
      new RedisStore({ ...own(), ...options, ...layout, channel: randomUUID(), maxStalenessMs: 1_500 });
    for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
  });

  describe("ClusteredRedisStore", () => {
    const makeStore = async (options: MakeStoreOptions) => {
      const cluster = { ...layout, channel: randomUUID(), maxStalenessMs: 1_500 };
      const store = new ClusteredRedisStore({ ...own(), ...options, cluster, commandTimeoutMs: 1_200 });
      await store.start();
      return store;
    };
    for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
  });
});

describe("two nodes", () => {
  let names: ReturnType<typeof clusterNames>;
  let a: ClusteredRedisStore<TestData>;
  let b: ClusteredRedisStore<TestData>;
  let ids: string[];

  beforeEach(async () => {
    names = clusterNames();
    [a, b] = await Promise.all([startNode({ names }), startNode({ names })]);
    ids = idsOfAll(a);
    for (const [n, id] of ids.entries()) await a.set(id, { n });
    for (const id of ids) {
      await eventually(async () => {
        await b.get(id);
        return b.peek(id) !== undefined;
      });
    }
  });

  test("a session of each partition is kept under its hash tag", async () => {
    const keys = await redis.client.keys(`${names.prefix}*`);
    expect(keys.sort()).toEqual(
      hashTags(PARTITIONS)
        .map((tag, n) => `${names.prefix}{${tag}}${ids[n]}`)
        .sort(),
    );
  });

  test("a change of each is heard", async () => {
    for (const id of ids) await a.set(id, { n: 100 });
    for (const id of ids) await eventually(async () => (await b.get(id))?.data.n === 100);
    expect(b.coordinator?.stats().changesReceived).toBe(2 * PARTITIONS);
    expect(b.coordinator?.stats().chainBreaks).toBe(0);
  });

  test("the loss of one shard stops answers from memory for its partition, and no other", async () => {
    const lost: string[] = [];
    b.coordinator?.on("lease-lost", (reason) => lost.push(reason));
    shards.stop(1);
    const isHeld = ids.map((id) => b.peek(id) !== undefined);
    expect(isHeld).toEqual([true, false, true, true]);
    expect(lost).toEqual(["the shard is down"]);
    expect(b.coordinator?.lease.held).toBe(false);
    expect(b.coordinator?.state.status).toBe("down");
    expect(b.coordinator?.partitions.all.map(({ ready }) => ready)).toEqual([true, false, true, true]);
    await expect(b.get(ids[1] as string)).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await a.set(ids[2] as string, { n: 100 });
    await eventually(async () => (await b.get(ids[2] as string))?.data.n === 100);

    shards.resume(1);
    await eventually(() => b.coordinator?.ready === true);
    expect((await b.get(ids[1] as string))?.data.n).toBe(1);
    expect(b.cacheStats().evictionsByReason.invalidated).toBe(2); // of the lost partition, and the one that was written
  });

  test("the breaker opens for that shard alone", async () => {
    shards.stop(1);
    const [up, down] = ids as [string, string];
    for (let n = 0; n < 6; n++) await b.get(down, { consistency: "strong" }).catch(() => {});
    expect(b.stats()).toMatchObject({ breaker: "open", breakerOpened: 1 });
    expect((await b.get(up, { consistency: "strong" }))?.data.n).toBe(0);
  });

  test("revokeUser() ends the user's sessions of all partitions", async () => {
    for (const id of ids) await a.set(id, { n: 0 }, { user: "ann" });
    for (const id of ids)
      await eventually(async () => (await b.get(id))?.user === "ann" && b.peek(id) !== undefined);
    expect(await a.revokeUser("ann")).toMatchObject({ acknowledged: expect.any(Boolean) });
    for (const id of ids) {
      expect(b.peek(id)).toBeUndefined();
      expect(await b.get(id)).toBeUndefined();
    }
    await a.create({ n: 1 }, { user: "ann" });
    let count = 0;
    for await (const _ of b.sessionsOf("ann")) count++;
    expect(count).toBe(1);
  });

  test("revoke() of a session that was rotated to another partition ends both", async () => {
    const [old, newId] = ids as [string, string];
    await a.rotate(old, newId, { graceMs: 60_000 });
    await eventually(async () => (await b.get(old))?.id === newId);
    await a.revoke(old);
    expect(b.peek(newId)).toBeUndefined();
    expect(await b.get(newId)).toBeUndefined();
    expect(await b.get(old)).toBeUndefined();
  });

  test("a user's limit counts the sessions of all partitions, and ends that which would end first", async () => {
    const limited = new RedisStore<TestData>({
      client: shards,
      prefix: names.prefix,
      channel: names.cluster.channel,
      partitions: PARTITIONS,
      pubsub: "plain",
      maxSessionsPerUser: 2,
    });
    const [first, second, third] = ids as [string, string, string];
    await limited.set(first, { n: 0 }, { user: "bob", ttlMs: 300_000 });
    await limited.set(second, { n: 0 }, { user: "bob", ttlMs: 200_000 });
    await limited.set(third, { n: 0 }, { user: "bob", ttlMs: 100_000 });
    const left: string[] = [];
    for await (const { id } of limited.sessionsOf("bob")) left.push(id);
    expect(left).toEqual([third, first]);
  });
});

describe("sessions that another store left", () => {
  test("go on in the partition of their id, wherever their own keys are", async () => {
    const { prefix } = clusterNames();
    const ids = Array.from({ length: 20 }, (_, n) => `id-${n}`);
    for (const id of ids) await redis.client.set(prefix + id, '{"n":1}', { PX: 60_000 });
    await redis.client.set(`${prefix}-not-a-session`, "hello");
    const options = {
      client: shards,
      prefix,
      legacy: { prefix },
      partitions: PARTITIONS,
      pubsub: "plain" as const,
    };
    const store = new RedisStore<TestData>(options);

    expect((await store.get("id-3"))?.data).toEqual({ n: 1 });
    await store.set("id-3", { n: 2 });
    await store.delete("id-4");
    expect(await redis.client.exists([`${prefix}id-3`, `${prefix}id-4`])).toBe(0);
    const listed: string[] = [];
    for await (const id of store.ids()) listed.push(id);
    expect(listed.sort()).toEqual(ids.filter((id) => id !== "id-4").sort());
    expect(await store.count(({ data }) => data.n === 1)).toBe(18);
    expect(await store.clear()).toBe(19);
    expect(await store.size()).toBe(0);
    expect(await redis.client.exists(`${prefix}-not-a-session`)).toBe(1);
  });
});

describe("how the sessions are split", () => {
  test("is recorded by the first node", async () => {
    const names = clusterNames();
    await startNode({ names });
    expect(await redis.client.get(`sessionmesh:layout:${names.prefix}`)).toBe(`1 ${PARTITIONS} plain`);
  });

  test.each([
    { partitions: 8 },
    { pubsub: "sharded" as const },
  ])("another one is refused: %o", async (other) => {
    const names = clusterNames();
    const first = await startNode({ names });
    const id = (await first.create({ n: 1 })).id;
    const second = makeNode({ names, ...other });
    await expect(second.start()).rejects.toThrow(PartitionMismatchError);
    for (const outcome of [second.get(id), second.set(id, { n: 2 }), second.delete(id), second.revoke(id)]) {
      await expect(outcome).rejects.toMatchObject({ code: "PARTITION_MISMATCH" });
    }
    expect((await first.get(id, { consistency: "strong" }))?.data.n).toBe(1);
  });

  test("of two that start at once, one decides", async () => {
    const names = clusterNames();
    const nodes = [makeNode({ names, partitions: 2 }), makeNode({ names, partitions: 4 })];
    const outcomes = await Promise.allSettled(nodes.map((node) => node.start()));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("is recorded again by a node that finds it lost, wherever it was lost", async () => {
    const names = clusterNames();
    const node = await startNode({ names });
    const keys = layoutKeys(names.prefix);
    await eventually(async () => (await redis.client.exists(keys)) === keys.length);
    for (const lost of [keys.slice(0, 1), keys.slice(1), keys]) {
      await eventually(() => node.coordinator?.ready === true);
      await redis.client.del(lost);
      shards.cut(0);
      await eventually(async () => (await redis.client.exists(keys)) === keys.length);
    }
  });

  test("what cannot be found out now is found out by the first command", async () => {
    const names = clusterNames();
    await startNode({ names });
    for (const shard of SHARDS) shards.stop(shard);
    const store = new RedisStore({ client: shards, prefix: names.prefix, partitions: 8, pubsub: "plain" });
    await store.start();
    for (const shard of SHARDS) shards.resume(shard);
    await expect(store.get("id")).rejects.toThrow(PartitionMismatchError);
  });

  test("is asked for again when a node that was let in finds another record", async () => {
    const names = clusterNames();
    const node = await startNode({ names });
    const [id] = idsOfAll(node) as [string];
    const [, copy = ""] = layoutKeys(names.prefix);
    await eventually(async () => (await redis.client.exists(copy)) === 1);
    await redis.client.set(copy, "1 8 plain");
    shards.cut(0);
    await eventually(() => expect(node.get(id)).rejects.toThrow(PartitionMismatchError));
    await redis.client.del(copy);
    await eventually(() => node.coordinator?.ready === true);
    await node.set(id, { n: 1 });
  });
});

describe.each(SHARDS)("while shard %i is down", (down) => {
  const up = SHARDS.filter((shard) => shard !== down);
  const isReady = (node: ClusteredRedisStore<TestData>) =>
    SHARDS.map((shard) => node.coordinator?.partitions.at(shard).ready);
  const allBut = SHARDS.map((shard) => shard !== down);

  test("a subscription that another one loses comes back", async () => {
    const node = await startNode({ names: clusterNames() });
    const opened = () => up.map((shard) => node.coordinator?.partitions.at(shard).stats().subscriptions);
    shards.stop(down);
    for (const shard of up) shards.cut(shard);
    await eventually(() => opened().every((count) => count === 2));
    await eventually(() => expect(isReady(node)).toEqual(allBut));
  });

  test("a node that starts serves the partitions of the others", async () => {
    const names = clusterNames();
    const [first, known] = await Promise.all([startNode({ names }), startNode({ names })]);
    const ids = idsOfAll(first);
    for (const id of ids) await first.set(id, { n: 1 });
    shards.stop(down);
    const node = makeNode({ names });
    node.start().catch(() => {}); // it goes on
    for (const shard of up) {
      await eventually(async () => {
        await node.get(ids[shard] as string).catch(() => {});
        return node.peek(ids[shard] as string)?.data.n === 1;
      });
    }
    for (const shard of up) await known.set(ids[shard] as string, { n: 2 });
    for (const shard of up)
      await eventually(async () => (await node.get(ids[shard] as string))?.data.n === 2);
    expect(isReady(node)).toEqual(allBut);
  });

  test.each([1, 3, 8, 256])("a node that splits the sessions in %i is refused", async (partitions) => {
    const names = clusterNames();
    await startNode({ names });
    await eventually(async () => (await redis.client.exists(layoutKeys(names.prefix))) > PARTITIONS);
    shards.stop(down);
    await expect(makeNode({ names, partitions }).start()).rejects.toThrow(PartitionMismatchError);
  });

  test("the first nodes of all agree", async () => {
    const names = clusterNames();
    shards.stop(down);
    const nodes = [makeNode({ names, partitions: 2 }), makeNode({ names, partitions: 4 })];
    for (const node of nodes) node.start().catch(() => {});
    const refused = (node: ClusteredRedisStore<TestData>) =>
      node.get("id").then(
        () => false,
        (error) => error instanceof PartitionMismatchError,
      );
    await eventually(async () => (await Promise.all(nodes.map(refused))).filter(Boolean).length === 1);
  });
});

describe("options", () => {
  test.each([0, 257, 1.5, "16"])("partitions: %o is refused", (partitions) => {
    const options = { client: shards, partitions: partitions as number };
    expect(() => new RedisStore(options)).toThrow('"partitions" must be a whole number of 1 to 256');
    expect(
      () => new ClusteredRedisStore({ client: shards, cluster: { partitions: partitions as number } }),
    ).toThrow('"cluster.partitions" must be a whole number of 1 to 256');
  });

  test("pubsub: what is neither is refused", () => {
    const pubsub = "shard" as "sharded";
    expect(() => new RedisStore({ client: shards, pubsub })).toThrow('"pubsub" must be "sharded" or "plain"');
    expect(() => new ClusteredRedisStore({ client: shards, cluster: { pubsub } })).toThrow(
      '"cluster.pubsub"',
    );
  });
});
