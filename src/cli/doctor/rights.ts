import { type Refusal, refusalOf } from "../../redis/failures.js";
import { layoutKeys } from "../../redis/layout.js";
import type { Command, PubSubMode } from "../../redis/port.js";
import { script } from "../../redis/scripts/script.js";
import { generationsKey, metaKey } from "../../redis/session-table.js";
import { type Finding, ok, problem, warning } from "./finding.js";
import type { Server } from "./server.js";

/** A command that the store sends, itself or in a script. */
interface Right {
  readonly name: string;
  /** What fails without it. */
  readonly loss: string;
  /** `false`: sessions work without it. Default `true`. */
  readonly isEssential?: boolean;
  /** How it is tried, on a key that holds a string and that nobody else uses. */
  readonly trial: (key: string) => Command;
}

const NOTHING = script("return 0");
const ALL = "no session can be read or written";
const WRITES = "no session can be written";
const LEASES = "no node can hold a lease, and nothing is answered from memory";
const USERS = "sessions that have a user cannot be written";

/**
 * All of them. On a string, the commands for hashes and sorted sets end with WRONGTYPE: Redis checks the right first, and nothing is
 * written.
 */
export const RIGHTS: readonly Right[] = [
  { name: "PING", loss: "healthy() always says no", isEssential: false, trial: () => ["PING"] },
  { name: "EVALSHA", loss: ALL, trial: () => ["EVALSHA", NOTHING.sha1, "0"] },
  { name: "EVAL", loss: "no script can be loaded", trial: () => ["EVAL", NOTHING.lua, "0"] },
  { name: "SET", loss: WRITES, trial: (key) => ["SET", key, "sessionmesh doctor", "PX", "10000"] },
  { name: "GET", loss: ALL, trial: (key) => ["GET", key] },
  { name: "GETRANGE", loss: ALL, trial: (key) => ["GETRANGE", key, "0", "1"] },
  { name: "SETRANGE", loss: "touches fail", trial: (key) => ["SETRANGE", key, "0", ""] },
  { name: "PTTL", loss: ALL, trial: (key) => ["PTTL", key] },
  { name: "PEXPIRE", loss: "touches fail", trial: (key) => ["PEXPIRE", key, "10000"] },
  { name: "HGET", loss: WRITES, trial: (key) => ["HGET", key, "f"] },
  { name: "HSET", loss: WRITES, trial: (key) => ["HSET", key, "f", "v"] },
  { name: "HDEL", loss: LEASES, trial: (key) => ["HDEL", key, "f"] },
  { name: "HINCRBY", loss: LEASES, trial: (key) => ["HINCRBY", key, "f", "1"] },
  { name: "HGETALL", loss: "revoke() fails", trial: (key) => ["HGETALL", key] },
  { name: "ZADD", loss: USERS, trial: (key) => ["ZADD", key, "1", "m"] },
  { name: "ZREMRANGEBYSCORE", loss: USERS, trial: (key) => ["ZREMRANGEBYSCORE", key, "-inf", "0"] },
  { name: "ZRANGE", loss: "sessionsOf() fails", trial: (key) => ["ZRANGE", key, "0", "-1"] },
  { name: "ZREM", loss: "sessionsOf() fails", trial: (key) => ["ZREM", key, "m"] },
  { name: "TIME", loss: LEASES, trial: () => ["TIME"] },
  { name: "UNLINK", loss: "no session can be deleted", trial: (key) => ["UNLINK", key] },
  {
    name: "SCAN",
    loss: "ids(), all(), find(), size() and clear() fail",
    isEssential: false,
    trial: (key) => ["SCAN", "0", "MATCH", key, "COUNT", "1", "TYPE", "string"],
  },
  {
    name: "EXISTS",
    loss: "with the option `legacy`, listings and conditional deletions fail",
    isEssential: false,
    trial: (key) => ["EXISTS", key],
  },
  {
    name: "WAIT",
    loss: "with the option `durability`, no deletion is confirmed",
    isEssential: false,
    trial: () => ["WAIT", "0", "1"],
  },
  {
    name: "CLIENT|TRACKING",
    loss: 'with `invalidation: "tracking"`, nothing is answered from memory',
    isEssential: false,
    trial: () => ["CLIENT", "TRACKING", "OFF"],
  },
  {
    name: "INFO",
    loss: "that another server was promoted, or this one restarted, shows only if the chain of writes breaks",
    isEssential: false,
    trial: () => ["INFO", "replication"],
  },
];

/** What a Redis Cluster needs besides. */
export const CLUSTER_RIGHTS: readonly Right[] = [
  {
    name: "SETNX",
    loss: "the first node cannot record how the sessions are split, and refuses every command",
    trial: (key) => ["SETNX", key, ""],
  },
  { name: "CLUSTER|SLOTS", loss: "no client finds its way", trial: () => ["CLUSTER", "SLOTS"] },
  {
    name: "CLUSTER|SHARDS",
    loss: "later versions of the clients may not find their way",
    isEssential: false,
    trial: () => ["CLUSTER", "SHARDS"],
  },
  {
    name: "CLUSTER|INFO",
    loss: "this command does not see how the cluster is",
    isEssential: false,
    trial: () => ["CLUSTER", "INFO"],
  },
  { name: "ASKING", loss: "commands fail while their slot moves", trial: () => ["ASKING"] },
  {
    name: "READONLY",
    loss: "clients that connect to replicas fail to",
    isEssential: false,
    trial: () => ["READONLY"],
  },
  {
    name: "READWRITE",
    loss: "redis (node-redis) may read old data from a master that has become a replica",
    trial: () => ["READWRITE"],
  },
];

/** Keys that the store uses, and how reading and writing them is tried without changing anything. */
interface KeyKind {
  readonly pattern: string;
  readonly holds: string;
  /** `false`: sessions work without them. Default `true`. */
  readonly isEssential?: boolean;
  readonly trials: readonly Command[];
}

/** Whose rights are looked at, and where. */
export interface RightsRequest {
  readonly prefix: string;
  readonly channel: string;
  /** What stands behind both in the names of a partition: its hash tag, on a Redis Cluster. */
  readonly tag: string;
  /** A part of names that nobody else uses. */
  readonly id: string;
  /** How nodes tell each other what changed on a Redis Cluster; `undefined`: there is none. */
  readonly pubsub: PubSubMode | undefined;
  /** As whom the connection has logged in. */
  readonly user: string;
}

function keyKinds({ prefix, channel, tag, id, pubsub }: RightsRequest): KeyKind[] {
  const hash = (key: string): Command[] => [
    ["HGET", key, ""],
    ["HDEL", key, ""], // no field has this name
  ];
  const user = `sessionmesh:user:${prefix}`;
  const wild = tag === "" ? "" : "*"; // for the tags of all partitions
  const layout: KeyKind = {
    pattern: `sessionmesh:layout:${prefix}*`,
    holds: "how the sessions are split",
    trials: layoutKeys(prefix).map((key): Command => ["SETRANGE", key, "0", ""]), // makes none
  };
  return [
    ...(pubsub === undefined ? [] : [layout]),
    {
      pattern: `${prefix}*`,
      holds: "the sessions",
      trials: [
        ["GET", prefix + tag + id],
        ["UNLINK", prefix + tag + id],
      ],
    },
    {
      pattern: metaKey(channel) + wild,
      holds: "the chain and the registry of the nodes",
      trials: hash(metaKey(channel + tag)),
    },
    {
      pattern: generationsKey(prefix) + wild,
      holds: "who was revoked",
      trials: hash(generationsKey(prefix + tag)),
    },
    {
      pattern: `${user}*`,
      holds: "the sessions of each user",
      trials: [
        ["ZRANGE", user + tag + id, "0", "-1"],
        ["ZREM", user + tag + id, "m"],
      ],
    },
    {
      pattern: `sessionmesh:counter:${prefix}*`,
      holds: "the counters of increment()",
      isEssential: false,
      trials: hash(`sessionmesh:counter:${prefix}${tag}${id}`),
    },
  ];
}

/**
 * Whether this user may do what the store does. By trying, on a key of its own: that works where `ACL DRYRUN` is forbidden too, and also
 * finds commands that were renamed.
 */
export async function rightsOf(server: Server, request: RightsRequest): Promise<Finding[]> {
  return [
    ...(await commandRights(server, request)),
    ...(await keyRights(server, request)),
    ...(await channelRights(server, request)),
  ];
}

async function commandRights(server: Server, request: RightsRequest): Promise<Finding[]> {
  const { prefix, tag, id, user, pubsub } = request;
  const findings: Finding[] = [];
  const rights = pubsub === undefined ? RIGHTS : [...RIGHTS, ...CLUSTER_RIGHTS];
  for (const { name, loss, trial, isEssential = true } of rights) {
    const refusal = await tried(server, trial(prefix + tag + id));
    if (refusal !== "command" && refusal !== "unknown") continue;
    const report = isEssential ? problem : warning;
    const said = refusal === "unknown" ? "is not there" : "is forbidden";
    const remedy =
      refusal === "unknown"
        ? "Undo its renaming, or use a server that has it."
        : grant(user, `+${name.toLowerCase()}`);
    findings.push(report("commands", `${name} ${said}: ${loss}.`, remedy));
  }
  const key = prefix + tag + id;
  await server.ask("UNLINK", key).catch(() => server.ask("PEXPIRE", key, "1").catch(() => 0));
  return findings.length > 0
    ? findings
    : [ok("commands", `All ${rights.length} that are needed are allowed.`)];
}

async function keyRights(server: Server, request: RightsRequest): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { pattern, holds, trials, isEssential = true } of keyKinds(request)) {
    const refusals = await Promise.all(trials.map((trial) => tried(server, trial)));
    if (!refusals.includes("key")) continue;
    const remedy = grant(request.user, `~${pattern}`);
    const report = isEssential ? problem : warning;
    findings.push(report("keys", `${pattern} must be read and written: it holds ${holds}.`, remedy));
  }
  return findings.length > 0
    ? findings
    : [ok("keys", `${request.prefix}* and sessionmesh:* can be read and written.`)];
}

async function channelRights(server: Server, request: RightsRequest): Promise<Finding[]> {
  const { channel, tag, id, user, pubsub } = request;
  const own = `${channel}${tag}:${id}`;
  const wild = tag === "" ? "" : "*";
  const [publish, subscribe] =
    pubsub === "sharded" ? (["SPUBLISH", "SSUBSCRIBE"] as const) : (["PUBLISH", "SUBSCRIBE"] as const);
  const instead =
    pubsub === "sharded" ? ', or set cluster.pubsub to "plain" on all nodes (here: --pubsub plain)' : "";
  const findings: Finding[] = [];
  const refused = (command: string, refusal: Refusal, loss: string) => {
    const said = refusal === "unknown" ? "is not there" : "is forbidden";
    const remedy = refusal === "unknown" ? "Redis 7 has it" : grant(user, `+${command.toLowerCase()}`);
    findings.push(
      problem("channels", `${command} ${said}: ${loss}.`, `${remedy}${instead}${instead && "."}`),
    );
  };
  const published = await tried(server, [publish, own, ""]);
  if (published === "command" || published === "unknown") refused(publish, published, WRITES);
  for (const [name, pattern] of [
    [channel + tag, channel + wild],
    [own, tag === "" ? `${channel}:*` : channel + wild],
  ] as const) {
    const error = await subscribed(server, name);
    if (error === undefined) continue;
    const refusal = refusalOf(error);
    if (refusal === "channel") {
      const remedy = grant(user, `&${pattern}`);
      findings.push(problem("channels", `${pattern} must be heard and written: ${LEASES}.`, remedy));
      continue;
    }
    if (refusal !== undefined) refused(subscribe, refusal, LEASES);
    else {
      const said = `${subscribe} on a second connection fails (${error.message}): ${LEASES}.`;
      findings.push(problem("channels", said, "Check maxclients, and the server's log."));
    }
    break;
  }
  return findings.length > 0
    ? findings
    : [ok("channels", `${channel} and ${channel}:* can be heard and written.`)];
}

async function tried(server: Server, command: Command): Promise<Refusal | undefined> {
  return server.ask(...command).then(() => undefined, refusalOf);
}

const SUBSCRIBE_TIMEOUT_MS = 5_000;

async function subscribed(server: Server, channel: string): Promise<Error | undefined> {
  const signal = AbortSignal.timeout(SUBSCRIBE_TIMEOUT_MS);
  const request = { channels: [channel], onMessage: () => {}, onClose: () => {}, signal };
  return server.port.subscribe(request).then(
    (subscription) => void subscription.close(),
    (error: Error) => error,
  );
}

function grant(user: string, right: string): string {
  return `ACL SETUSER ${user} ${right}`;
}
