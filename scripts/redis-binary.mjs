import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const CACHE = resolve(import.meta.dirname, "../node_modules/.cache/sessionmesh-redis");
const DEBIAN_PACKAGES = ["redis-server", "redis-tools", "liblzf1", "libjemalloc2"];

/**
 * @typedef {object} RedisBinary
 * @property {string} command path of the server's executable
 * @property {NodeJS.ProcessEnv} env the whole environment to run it with
 */

/** @type {Promise<RedisBinary> | undefined} */
let found;

/**
 * Finds a Redis or Valkey server: `REDIS_SERVER_BIN`, then `PATH`, then the Debian packages, downloaded once into
 * `node_modules/.cache`. Nothing is installed on the system.
 *
 * @returns {Promise<RedisBinary>}
 * @throws {Error} when there is none; the message says what to install
 */
export function findRedisServer() {
  found ??= locate();
  return found;
}

/** @returns {Promise<RedisBinary>} */
async function locate() {
  const command =
    process.env.REDIS_SERVER_BIN || (await findOnPath("valkey-server")) || (await findOnPath("redis-server"));
  if (command) return { command, env: process.env };

  if (!existsSync(CACHE)) await download();
  const libraries = join(CACHE, "usr", "lib");
  const libraryPath = (await readdir(libraries)).map((directory) => join(libraries, directory));
  if (process.env.LD_LIBRARY_PATH) libraryPath.push(process.env.LD_LIBRARY_PATH);
  return {
    command: join(CACHE, "usr", "bin", "redis-server"),
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath.join(delimiter) },
  };
}

/** @param {string} name */
async function findOnPath(name) {
  for (const directory of (process.env.PATH ?? "").split(delimiter).filter(Boolean)) {
    const file = join(directory, name);
    const executable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (executable) return file;
  }
  return undefined;
}

/** Fills the cache by one rename, so that no process ever sees half of it. */
async function download() {
  await mkdir(dirname(CACHE), { recursive: true });
  const staging = await mkdtemp(`${CACHE}-`);
  try {
    await downloadPackages(staging);
    const packages = (await readdir(staging)).filter((file) => file.endsWith(".deb"));
    for (const file of packages) await run("dpkg-deb", ["-x", file, "root"], { cwd: staging });
    await rename(join(staging, "root"), CACHE);
  } catch (cause) {
    if (existsSync(CACHE)) return; // another process was first
    throw new Error(
      "No Redis server: install redis-server or valkey-server, or set REDIS_SERVER_BIN to the path of one.",
      { cause },
    );
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** @param {string} directory */
async function downloadPackages(directory) {
  const download = ["download", ...DEBIAN_PACKAGES];
  try {
    await run("apt-get", download, { cwd: directory });
  } catch {
    // The system's package lists are missing or old. Lists of our own need no root and no system-wide lock.
    await mkdir(join(directory, "lists"));
    const ownLists = [`-oDir::State::Lists=${directory}/lists`, `-oDir::Cache=${directory}/cache`];
    await run("apt-get", ["update", ...ownLists], { cwd: directory });
    await run("apt-get", [...download, ...ownLists], { cwd: directory });
  }
}
