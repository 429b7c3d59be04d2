import { randomUUID } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { commandOf } from "../scripts/redis-cluster.mjs";
import { type RedisClient, RedisStore } from "../src/index.js";
import { slotOf } from "../src/redis/cluster-slots.js";
import { CLUSTER_CLIENT_KINDS } from "./support/cluster-clients.js";
import type { TestData } from "./support/node.js";
import { useRedisCluster } from "./support/redis-cluster.js";

const CURRENT_KINDS = CLUSTER_CLIENT_KINDS.filter(({ name }) => name.endsWith("6"));
const SESSIONS = Array.from({ length: 60 }, (_, n) => `id-${n}`);
const cluster = useRedisCluster({ args: ["--cluster-node-timeout", "5000"] }); // none fails over by itself on a busy machine

describe.each(CURRENT_KINDS)("sessions that connect-redis left on all masters, on $name,", (kind) => {
  /** Two of the three masters have no partition. */
  async function storeWithSessions(partitions = 1) {
    const prefix = `${randomUUID()}:`;
    const client = kind.create(cluster.topology.ports);
    onTestFinished(() => kind.close(client));
    const store = new RedisStore<TestData>({
      client: client as unknown as RedisClient,
      prefix: `${prefix}ours:`,
      legacy: { prefix },
      partitions,
    });
    for (const id of SESSIONS) {
      const master = await cluster.topology.masterOf(slotOf(prefix + id));
      await commandOf(master, "SET", prefix + id, '{"n":1}', "PX", "600000");
    }
    return { store, prefix };
  }

  async function idsOf(store: RedisStore<TestData>): Promise<string[]> {
    const ids: string[] = [];
    for await (const id of store.ids()) ids.push(id);
    return ids.sort();
  }

  test.each([
    1, 16,
  ])("are all listed, counted and cleared, once each, with %i partitions", async (partitions) => {
    const { store } = await storeWithSessions(partitions);
    await store.set("id-0", { n: 2 }); // is moved
    expect(await idsOf(store)).toEqual([...SESSIONS].sort());
    expect(await store.size()).toBe(SESSIONS.length);
    let found = 0;
    for await (const { data } of store.all()) found += data.n;
    expect(found).toBe(SESSIONS.length + 1);
    expect(await store.clear()).toBe(SESSIONS.length);
    expect(await store.size()).toBe(0);
    expect(await store.get("id-1")).toBeUndefined();
  });

  test("are all listed while the slot of one goes to another master", async () => {
    const { store, prefix } = await storeWithSessions();
    for (const id of SESSIONS.slice(0, 3)) {
      const ids = store.ids()[Symbol.asyncIterator]();
      const listed = [(await ids.next()).value as string]; // some masters are done, others are still to come
      await cluster.topology.moveSlot(slotOf(prefix + id));
      for (let next = await ids.next(); !next.done; next = await ids.next()) listed.push(next.value);
      expect(listed.sort()).toEqual([...SESSIONS].sort());
    }
  });
});
