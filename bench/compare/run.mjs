/**
 * Measures sessionmesh beside its peers, each part in the same run on the same machine, and writes docs/comparison.md and its charts:
 *
 *     npm run compare                            all parts
 *     npm run compare -- --only http,commands    only these; the others stay as they were measured before, on the same machine
 *     npm run compare -- --quick                 only shows that everything works, in a directory of its own; the figures mean nothing
 *     npm run compare -- --out DIR               writes there instead of docs/
 */
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { startRedis } from "../../scripts/redis-server.mjs";
import { connectNodeRedis, info } from "../redis.mjs";
import { DATA, writePage } from "./render.mjs";

const ROOT = join(import.meta.dirname, "../..");

/** The parts, in their order, each answered by `run()` of the module of its name. */
const PARTS = ["coherence", "http", "commands", "operations", "growth"];

/** The packages whose versions the page tells: those of this directory, and those that the package's own tests have. */
const PACKAGES = [
  "sessionmesh",
  "@fastify/session",
  "@keyv/redis",
  "@qified/redis",
  "autocannon",
  "bentocache",
  "cacheable",
  "connect-redis",
  "express",
  "express-session",
  "fastify",
  "ioredis",
  "lru-cache",
  "memorystore",
  "redis",
];

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    out: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});
const only = values.only.flatMap((names) => names.split(","));
const unknown = only.filter((name) => !PARTS.includes(name));
if (unknown.length > 0) fail(`No such part: ${unknown.join(", ")}. There are: ${PARTS.join(", ")}.`);
const parts = PARTS.filter((name) => only.length === 0 || only.includes(name));
const directory =
  values.out ??
  (values.quick
    ? await mkdtemp(join(tmpdir(), "sessionmesh-compare-"))
    : join(import.meta.dirname, "../../docs"));
const file = join(directory, DATA);
await mkdir(dirname(file), { recursive: true });
const comparison = JSON.parse(await readFile(file, "utf8").catch(() => "{}"));
const where = { machine: await describeMachine(), versions: await versions() };
// What is told of all figures has to be true of those that stay.
const stays = PARTS.filter((name) => name in comparison && !parts.includes(name));
const { machine, versions: installed } = comparison;
if (stays.length > 0 && !isDeepStrictEqual(where, { machine, versions: installed }))
  fail(`Measured elsewhere, or with other versions: ${stays.join(", ")}. Measure all parts.`);
Object.assign(comparison, where);
console.log(Object.values(where.machine).join(" · "));
for (const part of parts) {
  const startedAt = performance.now();
  const { run } = await import(`./${part}.mjs`);
  comparison[part] = await run({ quick: values.quick });
  comparison[part].tookS = Math.round((performance.now() - startedAt) / 1_000);
  await writeFile(file, spell(comparison));
  console.log(`${part}: ${comparison[part].tookS} s`);
}
for (const written of await writePage(directory)) console.log(written);

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(2);
}

/**
 * As JSON, with the figures of all rounds in one line.
 *
 * @param {unknown} value
 */
function spell(value) {
  const text = JSON.stringify(value, null, 1);
  return `${text.replace(/\[[\s\d.,e+-]*\]/g, (numbers) => numbers.replace(/\s+/g, " "))}\n`;
}

async function describeMachine() {
  const redis = await startRedis();
  const client = await connectNodeRedis(redis.url);
  const server = await info(client, "server");
  client.destroy();
  await redis.stop();
  return {
    cpu: `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    platform: `${process.platform} ${process.arch}`,
    node: `Node ${process.version}`,
    redis: server.has("valkey_version")
      ? `Valkey ${server.get("valkey_version")}`
      : `Redis ${server.get("redis_version")}`,
  };
}

/** @returns {Promise<Record<string, string>>} */
async function versions() {
  /** @type {Record<string, string>} */
  const found = {};
  for (const name of PACKAGES) found[name] = await versionOf(name, [import.meta.dirname, ROOT]);
  // bentocache is made for the version before.
  return {
    ...found,
    ioredis: await versionOf("ioredis", [ROOT]),
    "ioredis of bentocache": found.ioredis ?? "",
  };
}

/**
 * @param {string} name
 * @param {readonly string[]} directories
 * @returns {Promise<string>}
 */
async function versionOf(name, directories) {
  const places = name === "sessionmesh" ? [ROOT] : directories.map((at) => join(at, "node_modules", name));
  for (const place of places) {
    const text = await readFile(join(place, "package.json"), "utf8").catch(() => undefined);
    if (text !== undefined) return JSON.parse(text).version;
  }
  throw new Error(`${name} is not installed: npm ci, and npm ci --prefix bench/compare`);
}
