import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import {
  access,
  constants,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const CACHES = resolve(import.meta.dirname, "../node_modules/.cache");
const LIBRARIES = ["liblzf1", "libjemalloc2"];

/**
 * @typedef {object} RedisBinary
 * @property {string} command path of the server's executable
 * @property {NodeJS.ProcessEnv} env the whole environment to run it with
 */

/**
 * @typedef {object} Product
 * @property {string} variable environment variable that names an executable
 * @property {readonly string[]} onPath executables that will do, best first
 * @property {string} cache where the Debian packages are unpacked
 * @property {string} executable the one that they have
 * @property {readonly string[]} packages
 */

/** @type {Product} */
const REDIS = {
  variable: "REDIS_SERVER_BIN",
  onPath: ["valkey-server", "redis-server"],
  cache: join(CACHES, "sessionmesh-redis"),
  executable: "redis-server",
  packages: ["redis-server", "redis-tools", ...LIBRARIES],
};

/** @type {Product} */
const VALKEY = {
  variable: "VALKEY_SERVER_BIN",
  onPath: ["valkey-server"],
  cache: join(CACHES, "sessionmesh-valkey"),
  executable: "valkey-server",
  packages: ["valkey-server", "valkey-tools", ...LIBRARIES],
};

/** @type {Map<Product, Promise<RedisBinary>>} */
const found = new Map();

/**
 * Finds a Redis or Valkey server: `REDIS_SERVER_BIN`, then `PATH`, then the Debian packages, downloaded once into
 * `node_modules/.cache`. Nothing is installed on the system.
 *
 * @returns {Promise<RedisBinary>}
 * @throws {Error} when there is none; the message says what to install
 */
export function findRedisServer() {
  return find(REDIS);
}

/**
 * Likewise a Valkey server, and no other: `VALKEY_SERVER_BIN`, `PATH`, Debian. Debian 12 has it among its backports.
 *
 * @returns {Promise<RedisBinary>}
 * @throws {Error} when there is none; the message says what to install
 */
export function findValkeyServer() {
  return find(VALKEY);
}

/** @param {Product} product */
function find(product) {
  const known = found.get(product) ?? locate(product);
  found.set(product, known);
  return known;
}

/**
 * @param {Product} product
 * @returns {Promise<RedisBinary>}
 */
async function locate(product) {
  const { variable, onPath, cache, executable } = product;
  let command = process.env[variable];
  for (const name of onPath) command ||= await findOnPath(name);
  if (command) return { command, env: process.env };

  if (!existsSync(cache)) await download(product);
  const libraries = join(cache, "usr", "lib");
  const libraryPath = (await readdir(libraries)).map((directory) => join(libraries, directory));
  if (process.env.LD_LIBRARY_PATH) libraryPath.push(process.env.LD_LIBRARY_PATH);
  return {
    command: join(cache, "usr", "bin", executable),
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

/**
 * Fills the cache by one rename, so that no process ever sees half of it.
 *
 * @param {Product} product
 */
async function download({ cache, packages, onPath, variable }) {
  await mkdir(dirname(cache), { recursive: true });
  const staging = await mkdtemp(`${cache}-`);
  try {
    await downloadPackages(packages, staging);
    const files = (await readdir(staging)).filter((file) => file.endsWith(".deb"));
    for (const file of files) await run("dpkg-deb", ["-x", file, "root"], { cwd: staging });
    await rename(join(staging, "root"), cache);
  } catch (cause) {
    if (existsSync(cache)) return; // another process was first
    throw new Error(`No server: install ${onPath.join(" or ")}, or set ${variable} to the path of one.`, {
      cause,
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} packages
 * @param {string} directory
 */
async function downloadPackages(packages, directory) {
  const download = ["download", ...packages];
  const inDirectory = { cwd: directory };
  // The system's package lists may be missing or old. Lists of our own need no root and no system-wide lock.
  const ownLists = [`-oDir::State::Lists=${directory}/lists`, `-oDir::Cache=${directory}/cache`];
  const withBackports = [...ownLists, `-oDir::Etc::SourceList=${directory}/sources.list`];
  try {
    await run("apt-get", download, inDirectory);
  } catch {
    await mkdir(join(directory, "lists"));
    try {
      await run("apt-get", ["update", ...ownLists], inDirectory);
      await run("apt-get", [...download, ...ownLists], inDirectory);
    } catch {
      const { VERSION_CODENAME: release = "" } = await osRelease();
      const mirror = await mirrorOf(release, ownLists);
      const sources = [release, `${release}-backports`].map((suite) => `deb ${mirror} ${suite} main\n`);
      await writeFile(join(directory, "sources.list"), sources.join(""));
      await run("apt-get", ["update", ...withBackports], inDirectory);
      await run("apt-get", [...download, ...withBackports], inDirectory);
    }
  }
}

/**
 * Where this machine has the packages of a release from, by its own lists: whoever sets up a machine knows what it reaches.
 *
 * @param {string} release
 * @param {readonly string[]} lists options that name them
 */
async function mirrorOf(release, lists) {
  const format = ["--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await run("apt-get", [...lists, "indextargets", ...format]);
  const [, mirror] =
    stdout
      .split("\n")
      .map((line) => line.split(" "))
      .find(([suite]) => suite === release) ?? [];
  if (mirror === undefined) throw new Error(`apt has no mirror of ${release}`);
  return mirror;
}

/** @returns {Promise<Record<string, string>>} */
async function osRelease() {
  const text = await readFile("/etc/os-release", "utf8");
  return Object.fromEntries(
    [...text.matchAll(/^(\w+)="?(.*?)"?$/gm)].map(([, name, value]) => [name, value]),
  );
}
