import { type Finding, ok, problem, warning } from "./finding.js";
import type { Facts } from "./server.js";

/** The fields in which servers that speak the protocol of Redis name themselves, and their names. */
const OTHERS: Readonly<Record<string, string>> = {
  valkey_version: "Valkey",
  dragonfly_version: "Dragonfly",
  garnet_version: "Garnet",
  keydb_version: "KeyDB",
  kvrocks_version: "Kvrocks",
  redict_version: "Redict",
  upstash_version: "Upstash",
};

/** What `SCAN` needs for `TYPE`, the youngest thing that is used. */
const FIRST_MAJOR = 6;

/** What the server is: kind, version and role. */
export function identityOf(facts: Facts): Finding[] {
  return [kindOf(facts), ...roleOf(facts)];
}

function kindOf(facts: Facts): Finding {
  const other = Object.keys(OTHERS).find((field) => facts.has(field));
  const version = facts.get("redis_version") ?? facts.get("version");
  if (other === "valkey_version" || facts.get("server") === "valkey") {
    return ok("version", `Valkey ${facts.get("valkey_version") ?? version}.`);
  }
  if (other !== undefined) {
    const name = `${OTHERS[other]} ${facts.get(other)}`;
    return warning(
      "version",
      `${name}: sessionmesh is not tested on it.`,
      "Go by the checks below, and by tests of your own.",
    );
  }
  if (version === undefined) {
    return warning("version", "The server does not say which it is.", "Redis must be 6.0 or newer.");
  }
  if (Number.parseInt(version, 10) < FIRST_MAJOR) {
    return problem(
      "version",
      `Redis ${version} is too old: SCAN has no TYPE.`,
      "Upgrade to Redis 6.2 or newer, or to Valkey.",
    );
  }
  return ok("version", `Redis ${version}.`);
}

function roleOf(facts: Facts): Finding[] {
  const role = facts.get("role");
  if (role === undefined) return [];
  if (role === "master") return [ok("role", "Master: it takes writes.")];
  const master = facts.has("master_host")
    ? ` of ${facts.get("master_host")}:${facts.get("master_port")}`
    : "";
  return [
    problem(
      "role",
      `A replica${master}: it takes no writes.`,
      "Connect to the master, by a name that follows a failover.",
    ),
  ];
}
