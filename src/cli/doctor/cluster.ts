import { DEFAULT_MAX_STALENESS_MS, DEFAULT_PARTITIONS, DEFAULT_PUBSUB } from "../../options.js";
import { hashTags, SLOTS, slotOf } from "../../redis/cluster-slots.js";
import { refusalOf } from "../../redis/failures.js";
import { layoutKeys } from "../../redis/layout.js";
import type { PubSubMode } from "../../redis/port.js";
import { type Finding, ok, problem, warning } from "./finding.js";
import type { Facts, Server } from "./server.js";

/** How the nodes split the sessions: as the command line says, or as it stands in Redis. */
export interface Split {
  readonly partitions: number | undefined;
  readonly pubsub: PubSubMode | undefined;
}

/** What was found of a Redis Cluster. */
export interface ClusterReport {
  readonly findings: Finding[];
  /** The hash tag of a partition that this node has; `""` where there is no cluster. `undefined`: it has none, and nothing else can be looked at. */
  readonly tag: string | undefined;
  /** How nodes tell each other what changed; `undefined`: there is no cluster. */
  readonly pubsub: PubSubMode | undefined;
}

/** Some slots, their master and its replicas, of what `CLUSTER SLOTS` says. */
type Range = readonly [first: number, last: number, master: Node, ...replicas: Node[]];
type Node = readonly [host: string, port: number, id: string];

/** Above which a lost master's partitions are down for longer than the default makes them. */
const LONG_NODE_TIMEOUT_MS = 15_000;

/** Looks at a node of a Redis Cluster: its state, its settings, and how the sessions are split. */
export async function clusterOf(
  server: Server,
  facts: Facts,
  prefix: string,
  split: Split,
): Promise<ClusterReport> {
  const isCluster = facts.get("cluster_enabled") === "1" || facts.get("mode") === "cluster";
  if (!isCluster) return { findings: [], tag: "", pubsub: undefined };
  const state = await server.ask("CLUSTER", "INFO").catch(() => "");
  if (String(state).includes("cluster_state:fail")) {
    const remedy = "CLUSTER INFO and CLUSTER SHARDS say which slots have no master.";
    return {
      findings: [problem("cluster", "The cluster is down.", remedy)],
      tag: undefined,
      pubsub: undefined,
    };
  }
  const recorded = await recordOf(server, prefix);
  const partitions = split.partitions ?? recorded?.partitions ?? DEFAULT_PARTITIONS;
  const pubsub = split.pubsub ?? recorded?.pubsub ?? DEFAULT_PUBSUB;
  const tag = await tagHere(server, prefix, partitions);
  if (tag === undefined) {
    const remedy = "Look at each master of the cluster.";
    return { findings: [problem("cluster", "This node is master of no partition.", remedy)], tag, pubsub };
  }
  const said = "A node of a Redis Cluster, looked at by one of its partitions. Look at each master.";
  return {
    findings: [
      ok("cluster", said),
      ...layoutOf(recorded, { partitions, pubsub }),
      ...(await mastersOf(server, partitions)),
      ...(await coverage(server)),
      ...(await failureOf(server)),
    ],
    tag,
    pubsub,
  };
}

interface Recorded {
  readonly text: string;
  readonly partitions: number | undefined;
  readonly pubsub: PubSubMode | undefined;
}

/** How the sessions are split, as it stands in Redis, if a record is on this node. */
async function recordOf(server: Server, prefix: string): Promise<Recorded | undefined> {
  for (const key of layoutKeys(prefix)) {
    const text = await server.ask("GET", key).catch(() => null); // most are other nodes'
    if (text === null) continue;
    const [, partitions, pubsub] = /^1 (\d+) (sharded|plain)$/.exec(String(text)) ?? [];
    return {
      text: String(text),
      partitions: partitions === undefined ? undefined : Number(partitions),
      pubsub: pubsub as PubSubMode | undefined,
    };
  }
  return undefined;
}

function layoutOf(recorded: Recorded | undefined, { partitions, pubsub }: Required<Split>): Finding[] {
  const asked = `cluster.partitions ${partitions} and cluster.pubsub "${pubsub}"`;
  if (recorded === undefined)
    return [ok("partitions", `Looked at with ${asked}; this node has no record of it yet.`)];
  if (recorded.partitions === partitions && recorded.pubsub === pubsub) {
    return [ok("partitions", `Nodes have ${asked}, as it is recorded.`)];
  }
  const said = `Recorded is "${recorded.text}" (partitions and pubsub): a node with ${asked} is refused.`;
  return [problem("partitions", said, "Configure all nodes as it is recorded.")];
}

/** The hash tag of a partition whose slot this node has. */
async function tagHere(server: Server, prefix: string, partitions: number): Promise<string | undefined> {
  for (const tag of hashTags(partitions)) {
    const error = await server.ask("EXISTS", `${prefix}{${tag}}`).catch((error: Error) => error);
    if (!(error instanceof Error) || refusalOf(error) !== undefined) return `{${tag}}`;
  }
  return undefined;
}

/** Whether each partition has a master, and each master a replica. */
async function mastersOf(server: Server, partitions: number): Promise<Finding[]> {
  const ranges = (await server.ask("CLUSTER", "SLOTS").catch(() => undefined)) as
    | readonly Range[]
    | undefined;
  if (ranges === undefined) return []; // that it is forbidden is said with the commands
  const info = String(await server.ask("CLUSTER", "INFO").catch(() => ""));
  const hasMaster = (slot: number) => ranges.some(([first, last]) => first <= slot && slot <= last);
  const lost = hashTags(partitions).filter((tag) => !hasMaster(slotOf(tag)));
  const served = Number(/cluster_slots_ok:(\d+)/.exec(info)?.[1] ?? SLOTS);
  const replicas = new Map(ranges.map(([, , [, , id], ...replicas]) => [id, replicas.length]));
  const alone = [...replicas.values()].filter((count) => count === 0).length;
  const findings: Finding[] = [];
  if (lost.length > 0) {
    const said = `${lost.length} of ${partitions} partitions have no master.`;
    findings.push(problem("masters", said, "CLUSTER INFO and CLUSTER SLOTS say which slots have none."));
  } else if (served < SLOTS) {
    const said = `${SLOTS - served} slots have no master that answers: the sessions there are not to be had.`;
    findings.push(problem("masters", said, "CLUSTER INFO says how many; bring the masters back."));
  }
  if (alone > 0) {
    const said = `${alone} of ${replicas.size} masters have no replica: what is lost with one is lost for good.`;
    findings.push(warning("replicas", said, "Give each master a replica on another machine."));
  }
  return findings.length > 0 ? findings : [ok("masters", `${replicas.size} masters, each with a replica.`)];
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

/** How long a master that is lost, or cut off, goes without a successor. */
async function failureOf(server: Server): Promise<Finding[]> {
  const timeoutMs = Number(await server.setting("cluster-node-timeout"));
  if (!(timeoutMs > 0)) return [];
  const said = `A lost master has a successor after ${timeoutMs} ms at the soonest (cluster-node-timeout); until then its partitions are answered from memory for ${DEFAULT_MAX_STALENESS_MS} ms at most (cluster.maxStalenessMs), and then not at all.`;
  if (timeoutMs <= LONG_NODE_TIMEOUT_MS) return [ok("failover", said)];
  return [warning("failover", said, `CONFIG SET cluster-node-timeout ${LONG_NODE_TIMEOUT_MS}, or less.`)];
}
