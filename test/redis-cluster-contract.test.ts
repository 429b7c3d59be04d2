import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ClusteredRedisStore, type ClusterOptions, type RedisClient, RedisStore } from "../src/index.js";
import { type MakeStoreOptions, sessionStoreContract } from "../src/testing/index.js";
import { CLUSTER_CLIENT_KINDS, type ClusterClient } from "./support/cluster-clients.js";
import { useRedisCluster } from "./support/redis-cluster.js";

const cluster = useRedisCluster();
const PATIENT = { commandTimeoutMs: 1_200, maxStalenessMs: 1_500 };
const CURRENT = CLUSTER_CLIENT_KINDS.filter(({ name }) => name.endsWith("6"));

describe.each(CURRENT)("on $name", (kind) => {
  let client: ClusterClient;
  beforeAll(() => {
    client = kind.create(cluster.topology.ports);
  });
  afterAll(() => kind.close(client));

  const own = () => ({ client: client as unknown as RedisClient, prefix: `${randomUUID()}:` });

  describe("RedisStore", () => {
    const makeStore = (options: MakeStoreOptions) => {
      const membership = { channel: randomUUID(), maxStalenessMs: PATIENT.maxStalenessMs, partitions: 3 };
      return new RedisStore({
        ...own(),
        commandTimeoutMs: PATIENT.commandTimeoutMs,
        ...membership,
        ...options,
      });
    };
    for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
  });

  /** Each client in a second way, besides how it is by default. */
  const other: ClusterOptions = kind.name.startsWith("node-redis")
    ? { invalidation: "tracking" }
    : { pubsub: "plain" };

  describe.each([{}, other])("ClusteredRedisStore, %o", (how) => {
    const makeStore = async (options: MakeStoreOptions) => {
      const membership = { channel: randomUUID(), maxStalenessMs: PATIENT.maxStalenessMs, partitions: 3 };
      const store = new ClusteredRedisStore({
        ...own(),
        commandTimeoutMs: PATIENT.commandTimeoutMs,
        cluster: { ...membership, ...how },
        ...options,
      });
      await store.start();
      return store;
    };
    for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
  });
});
