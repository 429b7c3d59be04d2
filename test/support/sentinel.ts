import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { guard } from "../../scripts/redis-server.mjs";
import { findRedisServer, startRedis } from "../../scripts/with-redis.mjs";
import { eventually } from "./eventually.js";
import { redisCommand } from "./redis-command.js";
import type { RedisServer } from "./redis-server.js";

const NAME = "mymaster";
const SENTINELS = 3;
const QUORUM = 2;
const REPLICAS = 2;
/** A master that has lost its replicas to another one refuses writes, beats among them. */
const CAUTION = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "10"];
const SERVER_ARGS = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", ...CAUTION];
const NEW_MASTER = { timeoutMs: 30_000 };

/** Where a server or a sentinel listens. */
export interface Address {
  host: string;
  port: number;
}

/** A master with two replicas, watched by three sentinels: processes of their own, on the loopback interface. Servers keep what they have. */
export class SentinelTopology {
  readonly name = NAME;
  readonly #servers: readonly RedisServer[];
  readonly #sentinels: readonly Sentinel[];
  readonly #directory: string;

  private constructor(servers: readonly RedisServer[], sentinels: readonly Sentinel[], directory: string) {
    this.#servers = servers;
    this.#sentinels = sentinels;
    this.#directory = directory;
  }

  /** Starts all of them, and resolves when they know each other. */
  static async start(): Promise<SentinelTopology> {
    const directory = await mkdtemp(join(tmpdir(), "sessionmesh-servers-"));
    const master = await startServer(directory);
    const following = ["--replicaof", "127.0.0.1", String(master.port)];
    const replicas = await Promise.all(
      Array.from({ length: REPLICAS }, () => startServer(directory, following)),
    );
    const sentinels = await Promise.all(Array.from({ length: SENTINELS }, () => startSentinel(master.port)));
    const topology = new SentinelTopology([master, ...replicas], sentinels, directory);
    await topology.#agreed(master.port);
    return topology;
  }

  /** What a client is told of the sentinels. */
  get addresses(): Address[] {
    return this.#sentinels.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  /** The server that the sentinels take for the master. */
  async master(): Promise<RedisServer> {
    const port = await this.#masterPort();
    return this.#servers.find((server) => server.port === port) as RedisServer;
  }

  /** All other servers, those that have ended included. */
  async replicas(): Promise<RedisServer[]> {
    const port = await this.#masterPort();
    return this.#servers.filter((server) => server.port !== port);
  }

  /** Lets the sentinels make a replica the master; resolves when all of them say so. The old one. */
  async failover(): Promise<RedisServer> {
    const old = await this.master();
    await this.#promoted(() => redisCommand(this.#first.port, "SENTINEL", "FAILOVER", NAME));
    return old;
  }

  /** Ends the master as a crash would; resolves when another one has its place. The old one. */
  async killMaster(): Promise<RedisServer> {
    const old = await this.master();
    await this.#promoted(() => old.kill());
    return old;
  }

  /** Lets the master stand still, with all of its connections; resolves when another one has its place. The old one. */
  async suspendMaster(): Promise<RedisServer> {
    const old = await this.master();
    await this.#promoted(async () => process.kill(old.pid, "SIGSTOP"));
    return old;
  }

  /** Lets a server go on that stood still. */
  resume(server: RedisServer): void {
    process.kill(server.pid, "SIGCONT");
  }

  /** Resolves when the replicas have all that the master has by now. */
  async replicated(): Promise<void> {
    let master: RedisServer | undefined;
    let offset = 0;
    await eventually(async () => {
      const now = await this.master(); // there may be another one by now
      if (now !== master) offset = Number(/master_repl_offset:(\d+)/.exec(await replicationOf(now))?.[1]);
      master = now;
      const offsets = Array.from((await replicationOf(master)).matchAll(/offset=(\d+)/g), (m) =>
        Number(m[1]),
      );
      return offsets.length === REPLICAS && offsets.every((replica) => replica >= offset);
    }, NEW_MASTER);
  }

  /** Resolves when all servers are there again, in the roles that the sentinels gave them. */
  async settled(): Promise<void> {
    await this.#agreed();
  }

  /** Ends all processes. */
  async stop(): Promise<void> {
    await Promise.all(this.#sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.#servers.map((server) => server.stop()));
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Resolves when every sentinel knows this master, or the one that there is by then, its replicas and the other sentinels, and takes none for down. */
  async #agreed(port?: number): Promise<void> {
    await eventually(async () => {
      const expected = String(port ?? (await this.#masterPort()));
      for (const sentinel of this.#sentinels) {
        const state = await sentinel.state();
        if (state.get("port") !== expected || state.get("flags") !== "master") return false;
        if (Number(state.get("num-other-sentinels")) !== SENTINELS - 1) return false;
        if (Number(state.get("num-slaves")) !== REPLICAS) return false;
      }
      return true;
    }, NEW_MASTER);
    await this.replicated();
  }

  /** On a busy machine a second promotion may follow by itself, so the epoch counts, and not who is the master. */
  async #promoted(event: () => Promise<unknown>): Promise<void> {
    const before = await this.#epochs();
    await event();
    const newer = async () => (await this.#epochs()).every((epoch, n) => epoch > (before[n] ?? 0));
    const agree = async () => {
      const states = await this.#states();
      const ports = new Set(states.map((state) => state.get("port")));
      return ports.size === 1 && states.every((state) => state.get("flags") === "master");
    };
    await eventually(async () => (await newer()) && (await agree()), NEW_MASTER);
  }

  async #epochs(): Promise<number[]> {
    return (await this.#states()).map((state) => Number(state.get("config-epoch")));
  }

  #states(): Promise<Map<string, string>[]> {
    return Promise.all(this.#sentinels.map((sentinel) => sentinel.state()));
  }

  async #masterPort(): Promise<number> {
    return Number((await this.#first.state()).get("port"));
  }

  get #first(): Sentinel {
    return this.#sentinels[0] as Sentinel;
  }
}

/** One that comes back with what it had when it ended. */
async function startServer(directory: string, args: readonly string[] = []): Promise<RedisServer> {
  const own = await mkdtemp(join(directory, "server-"));
  return startRedis({ args: [...SERVER_ARGS, "--dir", own, "--appendonly", "yes", ...args] });
}

/** What a server says of its replication. */
export function replicationOf({ port }: RedisServer): Promise<string> {
  return redisCommand(port, "INFO", "replication");
}

class Sentinel {
  readonly port: number;
  readonly #process: ChildProcess;

  constructor(port: number, process: ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  /** What it knows of the master. */
  async state(): Promise<Map<string, string>> {
    const reply = await redisCommand(this.port, "SENTINEL", "MASTER", NAME);
    const fields = Array.from(reply.matchAll(/^\$\d+\r\n(.*)\r$/gm), ([, field = ""]) => field);
    const state = new Map<string, string>();
    for (let i = 0; i + 1 < fields.length; i += 2) state.set(fields[i] as string, fields[i + 1] as string);
    return state;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exit;
  }
}

/** A sentinel keeps its state in its configuration file, so it has a directory of its own. */
async function startSentinel(masterPort: number): Promise<Sentinel> {
  const { command, env } = await findRedisServer();
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-sentinel-"));
  const port = randomInt(10_000, 20_000); // why there: see `startRedis`
  const file = join(directory, "sentinel.conf");
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${directory}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 5000`,
    `sentinel parallel-syncs ${NAME} ${REPLICAS}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  const server = spawn(command, [file, "--sentinel"], { env, stdio: "ignore", detached: true });
  guard(server, directory);
  const sentinel = new Sentinel(port, server);
  const answers = eventually(async () => (await sentinel.state()).get("port") === String(masterPort));
  const ends = once(server, "exit").then(() => false);
  // the port was taken
  if (!(await Promise.race([answers.catch(() => false), ends]))) return startSentinel(masterPort);
  // the usual periods are of seconds; servers before 7.0 keep them
  const periods = ["info-period", "100", "publish-period", "200", "ask-period", "200"];
  await redisCommand(port, "SENTINEL", "DEBUG", ...periods).catch(() => {});
  return sentinel;
}

/** Gives the tests of one file sentinels, and servers, of their own. */
export function useSentinel(): { readonly topology: SentinelTopology } {
  let topology: SentinelTopology | undefined;
  beforeAll(async () => {
    topology = await SentinelTopology.start();
  }, 60_000);
  afterAll(() => topology?.stop());
  return {
    get topology() {
      if (topology === undefined) throw new Error("The sentinels of useSentinel() run only while tests run.");
      return topology;
    },
  };
}
