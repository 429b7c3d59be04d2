import { DEFAULT_PARTITIONS } from "../../options.js";
import { hashTags } from "../../redis/cluster-slots.js";
import { refusalOf } from "../../redis/failures.js";
import { type Finding, ok, problem, warning } from "./finding.js";
import type { Facts, Server } from "./server.js";

/** What was found of a Redis Cluster, and the hash tag of a partition that this node has; `""` where there is no cluster. */
export interface ClusterReport {
  readonly findings: Finding[];
  /** `undefined`: this node has none, and nothing else can be looked at. */
  readonly tag: string | undefined;
}

/** Looks at a node of a Redis Cluster: its state, its settings, and sharded Pub/Sub. */
export async function clusterOf(server: Server, facts: Facts, prefix: string): Promise<ClusterReport> {
  const isCluster = facts.get("cluster_enabled") === "1" || facts.get("mode") === "cluster";
  if (!isCluster) return { findings: [], tag: "" };
  const state = await server.ask("CLUSTER", "INFO").catch(() => "");
  if (String(state).includes("cluster_state:fail")) {
    const remedy = "CLUSTER INFO and CLUSTER SHARDS say which slots have no master.";
    return { findings: [problem("cluster", "The cluster is down.", remedy)], tag: undefined };
  }
  const tag = await tagHere(server, prefix);
  if (tag === undefined) {
    const remedy = "Look at each master of the cluster.";
    return { findings: [problem("cluster", "This node is master of no partition.", remedy)], tag };
  }
  const said = "A node of a Redis Cluster, looked at by one of its partitions. Look at each master.";
  return {
    findings: [ok("cluster", said), ...(await coverage(server)), ...(await sharded(server, tag))],
    tag,
  };
}

/** The hash tag of a partition whose slot this node has. */
async function tagHere(server: Server, prefix: string): Promise<string | undefined> {
  for (const tag of hashTags(DEFAULT_PARTITIONS)) {
    const error = await server.ask("EXISTS", `${prefix}{${tag}}`).catch((error: Error) => error);
    if (!(error instanceof Error) || refusalOf(error) !== undefined) return `{${tag}}`;
  }
  return undefined;
}

async function coverage(server: Server): Promise<Finding[]> {
  if ((await server.setting("cluster-require-full-coverage")) !== "yes") return [];
  const remedy =
    "CONFIG SET cluster-require-full-coverage no: then the loss of a shard stops its own partitions only.";
  return [
    warning(
      "coverage",
      "A shard that is down stops all others: cluster-require-full-coverage is yes.",
      remedy,
    ),
  ];
}

async function sharded(server: Server, tag: string): Promise<Finding[]> {
  const error = await server.ask("SPUBLISH", `sessionmesh:doctor${tag}`, "").catch((error: Error) => error);
  const refusal = error instanceof Error ? refusalOf(error) : undefined;
  if (refusal === "unknown") {
    return [
      warning("sharding", "There is no sharded Pub/Sub.", 'Set cluster.pubsub to "plain" on all nodes.'),
    ];
  }
  if (refusal === "command") {
    const remedy = 'Allow +spublish and +ssubscribe, or set cluster.pubsub to "plain" on all nodes.';
    return [problem("sharding", "SPUBLISH is forbidden: no session can be written.", remedy)];
  }
  return [];
}
