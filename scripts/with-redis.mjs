/**
 * Runs a command with a Redis server at hand:
 *
 *     node scripts/with-redis.mjs -- <command> [args…]
 *
 * The command finds the server's address in REDIS_URL. Exits with the command's exit code.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { startRedis } from "./redis-server.mjs";

export { findRedisServer, findValkeyServer } from "./redis-binary.mjs";
export { startRedis };

/**
 * Gives the server that `REDIS_URL` names, which `stop()` leaves alone, or else starts one.
 *
 * @returns {Promise<{ url: string, stop: () => Promise<void>, server?: import("./redis-server.mjs").RedisServer }>}
 */
export async function provideRedis() {
  const { REDIS_URL } = process.env;
  if (REDIS_URL) return { url: REDIS_URL, stop: async () => {} };
  const server = await startRedis();
  return { url: server.url, stop: () => server.stop(), server };
}

/**
 * Runs a command until it ends, with `REDIS_URL` in its environment; signals are passed on to it.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<number>} exit code, as a shell would report it
 */
export async function runWithRedis(command, args) {
  const redis = await provideRedis();
  try {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, REDIS_URL: redis.url } });
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    process.on("SIGINT", () => {
      if (!process.stdin.isTTY) child.kill("SIGINT"); // else it came from the terminal, to the command as well
    });
    const [code, signal] = await once(child, "exit");
    return code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)];
  } finally {
    await redis.stop();
  }
}

const entry = process.argv[1] ?? "";
if (existsSync(entry) && realpathSync(entry) === import.meta.filename) {
  const [separator, command, ...args] = process.argv.slice(2);
  if (separator !== "--" || command === undefined) {
    console.error("Usage: node scripts/with-redis.mjs -- <command> [args…]");
    process.exitCode = 2;
  } else {
    process.exitCode = await runWithRedis(command, args);
  }
}
