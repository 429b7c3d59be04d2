import { randomBytes } from "node:crypto";
import { systemClock } from "../clock.js";
import { CommandError, connect } from "./client.js";
import { clockOf } from "./doctor/clock.js";
import { clusterOf } from "./doctor/cluster.js";
import { connectionFailure } from "./doctor/connection.js";
import { databaseOf } from "./doctor/database.js";
import { type Finding, ok } from "./doctor/finding.js";
import { identityOf } from "./doctor/identity.js";
import { has, jsonOf, textOf } from "./doctor/report.js";
import { rightsOf } from "./doctor/rights.js";
import { roundTripOf } from "./doctor/round-trip.js";
import { Server } from "./doctor/server.js";
import { settingsOf } from "./doctor/settings.js";
import type { Terminal } from "./report.js";
import type { Examination } from "./resolve.js";
import { parseUnixUrl } from "./unix-url.js";

const COMMAND_TIMEOUT_MS = 5_000;
const MAX_PENDING_COMMANDS = 100;

/** Looks at a server and prints what was found; the exit code. */
export async function doctor(examination: Examination, terminal: Terminal): Promise<number> {
  const findings = await examine(examination);
  const server = withoutPassword(examination.url);
  terminal.print(examination.json ? jsonOf(server, findings) : textOf(server, findings));
  return has("problem", findings) ? 1 : 0;
}

/** Looks at a server; what was found. Leaves nothing behind. */
export async function examine(examination: Examination): Promise<Finding[]> {
  const { url, client } = examination;
  const connection = await connect(url, client).catch((error: CommandError) => error);
  if (connection instanceof CommandError) {
    if (!(connection.cause instanceof Error)) throw connection; // no client package is installed
    return [connectionFailure(connection.cause)];
  }
  const { port, close } = connection;
  const limits = { timeoutMs: COMMAND_TIMEOUT_MS, maxPending: MAX_PENDING_COMMANDS };
  try {
    return await examineServer(new Server({ port, clock: systemClock, ...limits }), examination);
  } finally {
    close();
  }
}

async function examineServer(server: Server, examination: Examination): Promise<Finding[]> {
  const { url, prefix, channel } = examination;
  const refused = await server.ask("PING").catch((error: Error) => error);
  if (refused instanceof Error && !refused.message.startsWith("NOPERM")) return [connectionFailure(refused)];
  const info = await server.info();
  const id = `doctor-${randomBytes(9).toString("base64url")}`;
  const facts = info ?? (await server.hello());
  const cluster = await clusterOf(server, facts, prefix, examination);
  const findings = [
    ok("reachable", "The server can be reached, and takes the credentials."),
    ...identityOf(facts),
    ...cluster.findings,
  ];
  if (cluster.tag === undefined) return findings;
  const { tag, pubsub } = cluster;
  const request = { prefix, channel, id, user: userOf(url), tag, pubsub };
  const asNodes = pubsub === "sharded" ? server.inShard() : server;
  findings.push(...(await rightsOf(asNodes, request)));
  if (!has("problem", findings)) findings.push(...(await roundTripOf(asNodes, request)));
  findings.push(
    ...(await settingsOf(server, info, { isCluster: pubsub !== undefined })),
    ...databaseOf(url, channel, info),
    ...(await clockOf(server)),
  );
  return findings;
}

function userOf(url: string): string {
  const unix = parseUnixUrl(url);
  return (unix === undefined ? decodeURIComponent(new URL(url).username) : unix.username) || "default";
}

function withoutPassword(url: string): string {
  return url.replace(
    /^(\w+:\/\/)(?:([^@/]*?)(?::[^@/]*)?@)?/,
    (_, scheme, user) => scheme + (user ? `${user}@` : ""),
  );
}
