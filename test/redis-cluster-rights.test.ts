import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { commandOf } from "../scripts/redis-cluster.mjs";
import { startRedis } from "../scripts/with-redis.mjs";
import {
  ClusteredRedisStore,
  type ClusterOptions,
  PubSubRefusedError,
  type RedisClient,
  RedisStore,
} from "../src/index.js";
import { portOf } from "../src/redis/detect.js";
import { layoutKeys } from "../src/redis/layout.js";
import type { RedisClusterPort } from "../src/redis/port.js";
import { CLUSTER_CLIENT_KINDS } from "./support/cluster-clients.js";
import { cached, clusterNames, type TestData } from "./support/node.js";
import { useRedisCluster } from "./support/redis-cluster.js";

const CURRENT_KINDS = CLUSTER_CLIENT_KINDS.filter(({ name }) => name.endsWith("6"));
const PARTITIONS = 4;
const cluster = useRedisCluster({ args: ["--cluster-node-timeout", "5000"] }); // none fails over by itself on a busy machine

/** A user of the whole cluster who may do all but this. */
async function userWithout(...rights: string[]) {
  const login = { username: `user-${randomUUID()}`, password: "secret" };
  const rules = ["on", ">secret", "allkeys", "allchannels", "+@all", ...rights];
  await onAll("ACL", "SETUSER", login.username, ...rules);
  users.push(login.username);
  return login;
}

const users: string[] = [];
const onAll = (...command: string[]) =>
  Promise.all(cluster.topology.nodes.map((node) => commandOf(node, ...command)));
afterEach(async () => {
  if (users.length > 0) await onAll("ACL", "DELUSER", ...users.splice(0));
});

/** Whether any node has a key of these names. */
async function hasKeys(pattern: string): Promise<boolean> {
  return (await onAll("KEYS", pattern)).flat().length > 0;
}

const recorded = async (prefix: string) =>
  (await Promise.all(layoutKeys(prefix).map((key) => hasKeys(key)))).some(Boolean);

describe.each(CURRENT_KINDS)("on $name, a user", (kind) => {
  async function clientWithout(...rights: string[]): Promise<RedisClient> {
    const login = await userWithout(...rights);
    const client = kind.create(cluster.topology.ports, { defaults: login, redisOptions: login });
    onTestFinished(() => kind.close(client));
    return client as unknown as RedisClient;
  }

  function nodeOf(client: RedisClient, names: ReturnType<typeof clusterNames>, more: ClusterOptions = {}) {
    const membership = { ...names.cluster, partitions: PARTITIONS, subscribeTimeoutMs: 1_000, ...more };
    const store = new ClusteredRedisStore<TestData>({ client, prefix: names.prefix, cluster: membership });
    onTestFinished(() => store.close());
    return store;
  }

  test.each([
    [["-spublish", "-ssubscribe"], "SPUBLISH"],
    [["-spublish"], "SPUBLISH"],
    [["-ssubscribe"], "SSUBSCRIBE"],
    [["resetchannels"], "SPUBLISH"],
  ])("with %o is refused, and what it may use instead is named; nothing is written", async (rights, command) => {
    const names = clusterNames();
    const store = nodeOf(await clientWithout(...rights), names);
    await expect(store.start()).rejects.toThrow(
      expect.objectContaining({
        code: "PUBSUB_REFUSED",
        message: expect.stringMatching(`^${command} is refused .*NOPERM.* cluster.pubsub to "plain"`),
      }),
    );
    expect(await recorded(names.prefix)).toBe(false);
    if (command === "SSUBSCRIBE") return;
    for (let n = 0; n < 8; n++) {
      await expect(store.set(`id-${n}`, { n: 1 })).rejects.toThrow(PubSubRefusedError);
    }
    expect(await hasKeys(`${names.prefix}*`)).toBe(false);
  });

  test("without what is sharded goes on with what is plain", async () => {
    const names = clusterNames();
    const client = await clientWithout("-spublish", "-ssubscribe");
    await expect(nodeOf(client, names).start()).rejects.toThrow(PubSubRefusedError);
    const store = nodeOf(client, names, { pubsub: "plain" });
    await store.start();
    const { id } = await store.create({ n: 1 });
    await cached(store, id);
  });

  test("who may publish only writes beside nodes that listen; as a node it says what is refused", async () => {
    const names = clusterNames();
    const good = nodeOf(await clientWithout(), names);
    await good.start();
    const client = await clientWithout("-ssubscribe");
    const { prefix } = names;
    const { channel } = names.cluster;
    const writer = new RedisStore<TestData>({ client, prefix, channel, partitions: PARTITIONS });
    const { id } = await writer.create({ n: 1 });
    await cached(good, id);
    await writer.delete(id);
    await expect.poll(() => good.get(id)).toBeUndefined();
    await expect(nodeOf(client, names).start()).rejects.toMatchObject({
      code: "SUBSCRIBE_TIMEOUT",
      cause: expect.stringContaining('cluster.pubsub to "plain"'),
    });
  });
});

test("a server that does not know SPUBLISH is refused before anything is written", async () => {
  const server = await startRedis({ args: ["--rename-command", "SPUBLISH", ""] });
  onTestFinished(() => server.stop());
  const client = createClient({ url: server.url });
  await client.connect();
  onTestFinished(() => client.destroy());
  const port = portOf(client as unknown as RedisClient);
  const shards: RedisClusterPort = {
    slot: () => ({
      send: (command) => port.send(command),
      subscribe: (request) => port.subscribe(request),
      publishCommand: "SPUBLISH",
    }),
  };
  const store = new RedisStore({ client: shards });
  await expect(store.start()).rejects.toThrow(/^SPUBLISH is refused \(ERR unknown command/);
  await expect(store.set("id", 1)).rejects.toThrow(PubSubRefusedError);
  expect(await client.dbSize()).toBe(0);
});
