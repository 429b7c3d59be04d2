import { systemClock } from "../../clock.js";
import { DEFAULT_COMMAND_TIMEOUT_MS, DEFAULT_MAX_STALENESS_MS } from "../../options.js";
import { metaKey, SessionTable } from "../../redis/session-table.js";
import { type Finding, ok, problem, warning } from "./finding.js";
import { FORGET_CHAIN } from "./forget-chain.js";
import type { RightsRequest } from "./rights.js";
import type { Server } from "./server.js";

const LIFE_MS = 10_000;
const DATA = '{"from":"sessionmesh doctor"}';
/** How often latency is measured; the median counts. */
const ROUNDS = 9;
/** Beats are sent four times in the bound on staleness: one that takes longer is overtaken. */
const SLOW_ECHO_MS = DEFAULT_MAX_STALENESS_MS / 4;
/** A tenth of the time that a command may take. */
const SLOW_COMMAND_MS = DEFAULT_COMMAND_TIMEOUT_MS / 10;

/** What a server says that refuses writes, and what to do about it. */
const REFUSALS: readonly [beginning: RegExp, remedy: string][] = [
  [/^OOM/, "The memory is full: raise maxmemory, or shorten ttlMs and tombstoneTtlMs."],
  [/^READONLY/, "Connect to the master."],
  [/^MISCONF/, "The last snapshot failed: the server's log says why. Often the disk is full."],
  [/^NOREPLICAS/, "Too few replicas are in step: bring them back, or lower min-replicas-to-write."],
  [/^NOPERM|ACL failure/, "Give this user the rights that are named above."],
];

/** Writes, reads, touches and deletes a session with the scripts of the store, and hears of it through a second connection. */
export async function roundTripOf(server: Server, names: RightsRequest): Promise<Finding[]> {
  const { prefix, channel, tag } = names;
  const request = { ...names, prefix: prefix + tag, channel: channel + tag };
  const ear = await Ear.open(server, request).catch((error: Error) => error);
  if (ear instanceof Error) {
    return [
      problem("round trip", `A second connection cannot subscribe: ${ear.message}`, "Check maxclients."),
    ];
  }
  const hadChain = (await server.ask("HGET", metaKey(request.channel), "c").catch(() => "")) !== null;
  try {
    return [
      await echo(server, request, ear),
      await session(server, request, ear),
      await latency(server, request),
    ];
  } catch (error) {
    const { message } = ((error as Error).cause ?? error) as Error;
    const remedy =
      REFUSALS.find(([beginning]) => beginning.test(message))?.[1] ?? "The server's log may say more.";
    return [problem("round trip", `A session cannot be written and read: ${message}`, remedy)];
  } finally {
    ear.close();
    await server.ask("UNLINK", request.prefix + request.id).catch(() => {});
    await server.ask("UNLINK", `sessionmesh:user:${request.prefix}${request.id}`).catch(() => {});
    if (!hadChain) await server.commands.run(FORGET_CHAIN, [metaKey(request.channel)], []).catch(() => {});
  }
}

async function echo(server: Server, { channel, id }: RightsRequest, ear: Ear): Promise<Finding> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    const heard = ear.hear((message) => message === `${id} ${round}`);
    await server.commands.publish(`${channel}:${id}`, `${id} ${round}`);
    if (!(await heard)) return lost();
    times.push(performance.now() - startMs);
  }
  const medianMs = median(times);
  const said = `A message comes back through a second connection after ${medianMs.toFixed(1)} ms.`;
  if (medianMs < SLOW_ECHO_MS) return ok("Pub/Sub", said);
  const remedy = "Put the server nearer to the nodes, or raise cluster.maxStalenessMs and commandTimeoutMs.";
  return warning("Pub/Sub", said, remedy);
}

function lost(): Finding {
  const remedy = "A proxy in between may not pass on Pub/Sub, or each connection may reach another server.";
  return problem("Pub/Sub", "A published message does not arrive at a second connection.", remedy);
}

async function session(server: Server, { prefix, channel, id }: RightsRequest, ear: Ear): Promise<Finding> {
  const { commands } = server;
  const options = { commands, clock: systemClock, prefix, channel, nodeId: id };
  const table = new SessionTable({ ...options, defaultTtlMs: LIFE_MS, tombstoneTtlMs: LIFE_MS });
  const told = ear.hear(
    (message) => message.startsWith("SM1I") && message.endsWith(`\n${id}\n${prefix}${id}`),
  );
  await table.put({ id, payload: DATA, mode: "create", user: id, absoluteTtlMs: LIFE_MS });
  const found = await table.read(id);
  const isTouched = (await table.touch(id, {})) !== undefined;
  const isListed = (await table.idsOf(id)).some((listed) => listed.id === id);
  const { deleted } = await table.delete(id, { reason: "deleted", tombstone: false });
  const isGone = (await table.read(id)) === undefined;
  if (found?.record.payload !== DATA || !isTouched || !isListed || !deleted || !isGone) {
    const remedy = "Is a proxy in between that reads from replicas, or a server that is not Redis or Valkey?";
    return problem("round trip", "A session that was written is not read back as it was.", remedy);
  }
  if (!(await told)) return lost();
  return ok(
    "round trip",
    "A session was written, read, touched, found by its user and deleted, and each change was told.",
  );
}

async function latency(server: Server, { prefix, id }: RightsRequest): Promise<Finding> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startMs = performance.now();
    await server.ask("GET", prefix + id);
    times.push(performance.now() - startMs);
  }
  const medianMs = median(times);
  const said = `A command takes ${medianMs.toFixed(1)} ms.`;
  if (medianMs < SLOW_COMMAND_MS) return ok("latency", said);
  return warning("latency", said, "Put the server nearer to the nodes, or raise commandTimeoutMs.");
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

const HEAR_TIMEOUT_MS = 5_000;

/** A second connection that hears what is told on the channel, and on one that a node would have for itself. */
class Ear {
  readonly #expected = new Set<(message: string) => void>();
  #close = () => {};

  static async open(server: Server, { channel, id }: RightsRequest): Promise<Ear> {
    const ear = new Ear();
    const subscription = await server.port.subscribe({
      channels: [channel, `${channel}:${id}`],
      onMessage: (message) => {
        for (const listener of ear.#expected) listener(message);
      },
      onClose: () => {}, // what is waited for does not come then
      signal: AbortSignal.timeout(HEAR_TIMEOUT_MS),
    });
    ear.#close = () => subscription.close();
    return ear;
  }

  /** Whether such a message comes in time. */
  hear(isExpected: (message: string) => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (heard: boolean) => {
        clearTimeout(timer);
        this.#expected.delete(listener);
        resolve(heard);
      };
      const listener = (message: string) => isExpected(message) && end(true);
      const timer = setTimeout(end, HEAR_TIMEOUT_MS, false).unref();
      this.#expected.add(listener);
    });
  }

  close(): void {
    this.#close();
  }
}
