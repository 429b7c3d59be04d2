import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRedisServer } from "./redis-binary.mjs";

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 2_000;
const PORT_ATTEMPTS = 20;
const REPORTED_LINES = 15;

/** @typedef {import("./redis-binary.mjs").RedisBinary} RedisBinary */
/** @typedef {import("node:child_process").ChildProcessByStdio<null, import("node:stream").Readable, import("node:stream").Readable>} ServerProcess */

/** A Redis server of our own: on the loopback interface, without persistence, never outliving this process. */
export class RedisServer {
  #process;
  #args;
  #binary;

  /**
   * @param {ServerProcess} process
   * @param {number} port
   * @param {readonly string[]} args
   * @param {RedisBinary} binary
   */
  constructor(process, port, args, binary) {
    this.#process = process;
    this.#args = args;
    this.#binary = binary;
    this.port = port;
  }

  get url() {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** The process id, a new one after each `restart()`. */
  get pid() {
    return /** @type {number} */ (this.#process.pid);
  }

  /** Whether its process has not ended; it may stand still. */
  get isRunning() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Shuts the server down and waits until it is gone. Does nothing when it is gone already. */
  async stop() {
    // A server that is suspended, busy in a script or waiting for a replica is slow to follow SIGTERM, or never does.
    const impatience = setTimeout(() => this.#process.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await end(this.#process, "SIGTERM");
    clearTimeout(impatience);
  }

  /** Ends the server as a crash would and waits until it is gone. */
  async kill() {
    await end(this.#process, "SIGKILL");
  }

  /** Starts the server again on the same port, empty. One that is still running is stopped first. */
  async restart() {
    await this.stop();
    this.#process = await launch(this.port, this.#args, this.#binary);
  }
}

/**
 * Starts a Redis server and resolves when it accepts connections.
 *
 * @param {object} [options]
 * @param {number} [options.port] loopback port to listen on; default: a free one
 * @param {readonly string[]} [options.args] more arguments for the server, such as `["--maxmemory", "1mb"]`
 * @param {() => Promise<RedisBinary>} [options.find] finds the server's executable; default: that of Redis, or of Valkey
 * @returns {Promise<RedisServer>}
 * @throws {Error} when there is no server binary, or the server ends or is not ready within 10 seconds; the message
 *   has the last lines that it printed
 */
export async function startRedis({ port, args = [], find = findRedisServer } = {}) {
  const binary = await find();
  if (port !== undefined) return new RedisServer(await launch(port, args, binary), port, args, binary);
  for (let attempt = 1; ; attempt++) {
    // Below the range from which systems take ports for outgoing connections. Inside it, a client that reconnects
    // while the server is down may be given the server's port as its own, and is then connected to itself.
    const candidate = randomInt(10_000, 20_000);
    try {
      return new RedisServer(await launch(candidate, args, binary), candidate, args, binary);
    } catch (error) {
      const taken = error instanceof Error && error.message.includes("Address already in use");
      if (!taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/**
 * @param {number} port
 * @param {readonly string[]} args
 * @param {RedisBinary} binary
 * @returns {Promise<ServerProcess>}
 */
async function launch(port, args, { command, env }) {
  // A directory of its own: replication and Redis Cluster write files even without persistence.
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-redis-"));
  const options = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const server = spawn(command, [...options, "--dir", directory, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a Ctrl-C in the terminal is not for the server: its users need it until they are done
  });
  guard(server, directory);
  try {
    await ready(server);
  } catch (error) {
    await end(server, "SIGKILL");
    throw error;
  }
  return server;
}

/**
 * Ends the server when this process ends, in whatever way (SIGKILL too), and removes its directory. A shell waits at
 * a pipe: it reads a line when the server has ended by itself, and the end of the pipe when we are gone.
 *
 * @param {import("node:child_process").ChildProcess} server
 * @param {string} directory
 */
export function guard(server, directory) {
  const script = 'read -r _ || kill -KILL "$1"; rm -rf "$2"';
  const shell = spawn("sh", ["-c", script, "guard", `${server.pid}`, directory], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  shell.unref();
  server.once("close", () => shell.stdin.end("ended\n"));
}

/** @param {ServerProcess} server */
async function ready(server) {
  const outputs = [server.stdout, server.stderr];
  let printed = "";
  let timeout;
  try {
    await new Promise((resolve, reject) => {
      server.once("error", (error) => reject(new Error(`could not be run: ${error.message}`)));
      server.once("close", (code, signal) => reject(new Error(`ended with ${signal ?? `code ${code}`}`)));
      timeout = setTimeout(
        () => reject(new Error(`was not ready in ${START_TIMEOUT_MS} ms`)),
        START_TIMEOUT_MS,
      );
      for (const output of outputs) {
        output.setEncoding("utf8").on("data", (text) => {
          printed += text;
          if (printed.includes("Ready to accept connections")) resolve(undefined);
        });
      }
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    const lastLines = printed.trimEnd().split("\n").slice(-REPORTED_LINES).join("\n");
    throw new Error(`The Redis server ${server.spawnfile} ${reason}. It printed:\n${lastLines}`);
  } finally {
    clearTimeout(timeout);
    for (const output of outputs) output.removeAllListeners("data").resume(); // later output is read and dropped
  }
}

/**
 * @param {ServerProcess} server
 * @param {NodeJS.Signals} signal
 */
async function end(server, signal) {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const exit = once(server, "exit");
  server.kill(signal);
  await exit;
}
