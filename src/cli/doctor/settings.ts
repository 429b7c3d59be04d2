import { type Finding, ok, problem, warning } from "./finding.js";
import type { Facts, Server } from "./server.js";

/** How full the memory may be, as a share of `maxmemory`. */
const MAX_FILL = 0.9;
/** For how many seconds a master may go on that has lost its replicas. */
const MAX_LAG_SECONDS = 10;
/** What a connection's queue must hold at least: some thousand changes of a few hundred bytes. */
const MIN_QUEUE_BYTES = 1_048_576;

/** What the server is set to. What cannot be looked at is named. */
export async function settingsOf(
  server: Server,
  info: Facts | undefined,
  { isCluster }: { isCluster: boolean },
): Promise<Finding[]> {
  const findings = [...memoryOf(info), ...persistenceOf(info)];
  const timeout = await server.setting("timeout");
  const limits = await server.setting("client-output-buffer-limit");
  const minReplicas = await server.setting("min-replicas-to-write");
  const maxLagSeconds = await server.setting("min-replicas-max-lag");
  if (timeout === undefined && limits === undefined) {
    const unseen = info === undefined ? "maxmemory, maxmemory-policy, persistence, " : "";
    return [
      ...findings,
      warning(
        "settings",
        `This user may not look at the settings: ${info === undefined ? "INFO and CONFIG are" : "CONFIG is"} forbidden.`,
        `Look for yourself at ${unseen}timeout, client-output-buffer-limit min-replicas-to-write and min-replicas-max-lag, or run this as an administrator.`,
      ),
    ];
  }
  const replication = isCluster ? [] : replicationOf(info, minReplicas, maxLagSeconds); // a cluster ends a split brain by itself
  return [...findings, ...idlenessOf(timeout), ...queueOf(limits), ...replication];
}

function memoryOf(info: Facts | undefined): Finding[] {
  const policy = info?.get("maxmemory_policy");
  if (info === undefined || policy === undefined) return [];
  const limit = Number(info.get("maxmemory"));
  const evicted = Number(info.get("evicted_keys"));
  return [evictionOf(policy, limit, evicted), ...headroomOf(limit, Number(info.get("used_memory")))];
}

function evictionOf(policy: string, limit: number, evicted: number): Finding {
  const remedy = "CONFIG SET maxmemory-policy noeviction, and enough maxmemory.";
  if (policy === "noeviction") return ok("eviction", "noeviction: nothing is lost when the memory is full.");
  if (policy.startsWith("allkeys-")) {
    const what = `${policy} may evict any key: a tombstone, so that a deleted session comes back; or who was revoked.`;
    if (limit > 0) return problem("eviction", what, remedy);
    return warning("eviction", `${what} There is no maxmemory yet.`, remedy);
  }
  const order = policy === "volatile-ttl" ? " Tombstones, which live for an hour, go before sessions." : "";
  const so = evicted > 0 ? ` ${evicted} keys were evicted so far.` : "";
  const what = `${policy} ends sessions early when the memory is full, and may evict the tombstone of a deleted one.${order}${so}`;
  return limit > 0 || evicted > 0
    ? warning("eviction", what, `${remedy} Or leave room, so that nothing is ever evicted.`)
    : ok("eviction", `${policy}, and no maxmemory: nothing is evicted.`);
}

function headroomOf(limit: number, used: number): Finding[] {
  if (limit === 0) {
    const remedy = "Set maxmemory below the machine's memory: then writes fail and the server lives.";
    return [warning("memory", "There is no maxmemory: a server that takes all memory is killed.", remedy)];
  }
  const said = `${Math.round((100 * used) / limit)} % of ${Math.round(limit / MIN_QUEUE_BYTES)} MiB are used.`;
  return [used / limit < MAX_FILL ? ok("memory", said) : warning("memory", said, "Raise maxmemory.")];
}

function persistenceOf(info: Facts | undefined): Finding[] {
  const appends = info?.get("aof_enabled");
  if (info === undefined || appends === undefined) return [];
  if (info.get("rdb_last_bgsave_status") === "err") {
    return [
      problem(
        "persistence",
        "The last snapshot failed; writes may be refused.",
        "The server's log says why.",
      ),
    ];
  }
  if (appends === "1") return [ok("persistence", "The append-only file is on.")];
  const remedy =
    "appendonly yes keeps all but the last second. Without it a restart logs people out, or loses the last logouts.";
  return [warning("persistence", "The append-only file is off.", remedy)];
}

function idlenessOf(timeout: string | undefined): Finding[] {
  if (timeout === undefined) return [];
  if (timeout === "0") return [ok("timeout", "Idle connections are left open.")];
  const remedy = "CONFIG SET timeout 0, or a pingInterval of the client below it.";
  return [
    warning(
      "timeout",
      `Connections that are idle for ${timeout} s are closed; the next command waits for a new one.`,
      remedy,
    ),
  ];
}

function queueOf(limits: string | undefined): Finding[] {
  const [, hard, soft, seconds] = limits?.match(/pubsub (\d+) (\d+) (\d+)/) ?? [];
  if (hard === undefined) return [];
  const least = Math.min(...[hard, soft].map(Number).filter((bytes) => bytes > 0));
  const said = `A subscriber may be ${hard} bytes behind, or ${soft} for ${seconds} s (0: without limit).`;
  if (least >= MIN_QUEUE_BYTES) return [ok("output buffer", said)];
  const remedy =
    'CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60", the default. A node that is cut off begins with an empty cache.';
  return [warning("output buffer", said, remedy)];
}

/** Before this version, a script is not refused for want of replicas: not even the beat. */
const REFUSES_SCRIPTS_FROM = 7;

export function replicationOf(
  info: Facts | undefined,
  minReplicas: string | undefined,
  maxLagSeconds: string | undefined,
): Finding[] {
  const replicas = Number(info?.get("connected_slaves"));
  if (!(replicas > 0)) return [];
  const all = `${replicas} ${replicas === 1 ? "replica" : "replicas"}`;
  const said = `${all}; min-replicas-to-write is ${minReplicas ?? "not known"}, min-replicas-max-lag ${maxLagSeconds ?? "not known"}.`;
  if (Number.parseInt(info?.get("redis_version") ?? "", 10) < REFUSES_SCRIPTS_FROM) {
    const remedy =
      "Redis before 7.0 lets scripts write on a master that has lost its replicas, whatever is set: no bound on staleness holds in a split brain. Use Redis 7 or Valkey where there are replicas.";
    return [warning("replication", said, remedy)];
  }
  const lag = Number(maxLagSeconds);
  if (Number(minReplicas) > 0 && lag > 0 && lag <= MAX_LAG_SECONDS) return [ok("replication", said)];
  const remedy = `CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag ${MAX_LAG_SECONDS} or less: then a master that was cut off takes no logins and logouts that a failover loses. Without that, no bound on staleness holds in a split brain: nodes that reach the old master alone answer from memory for as long as it takes their beats.`;
  return [warning("replication", said, remedy)];
}
