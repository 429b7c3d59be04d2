import { afterAll, beforeAll } from "vitest";
import { ClusterTopology } from "../../scripts/cluster-topology.mjs";
import { startRedisCluster } from "../../scripts/redis-cluster.mjs";

/** Gives the tests of one file a Redis Cluster of their own. */
export function useRedisCluster(options?: Parameters<typeof startRedisCluster>[0]): {
  readonly topology: ClusterTopology;
} {
  let topology: ClusterTopology | undefined;
  beforeAll(async () => {
    topology = new ClusterTopology(await startRedisCluster(options));
  }, 60_000);
  afterAll(() => topology?.stop());
  return {
    get topology() {
      if (topology === undefined)
        throw new Error("The cluster of useRedisCluster() runs only while tests run.");
      return topology;
    },
  };
}
