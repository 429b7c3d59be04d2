import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Comparison } from "../bench/compare/figures.mjs";
import { pageOf } from "../bench/compare/page.mjs";
import { ROOT } from "./repo/source.js";

const run = promisify(execFile);
const DIRECTORY = join(ROOT, "bench/compare");
const FIGURES = "comparison/comparison.json";
const PARTS = ["coherence", "http", "commands", "operations", "growth"] as const;

/** As `npm run compare` does, without the build: the tests are running on what was built. */
const compare = (...args: string[]) =>
  run(process.execPath, [join(DIRECTORY, "run.mjs"), "--quick", ...args]);

const figuresIn = async (directory: string): Promise<Comparison> =>
  JSON.parse(await readFile(join(directory, FIGURES), "utf8"));

// The peers are nobody's dependency but that of the comparison: they are installed where they are needed.
beforeAll(async () => {
  if (!existsSync(join(DIRECTORY, "node_modules")))
    await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: DIRECTORY });
}, 120_000);

test("the comparison compiles", { timeout: 60_000 }, async () => {
  await run(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", DIRECTORY]);
});

describe("npm run compare", () => {
  test("measures all parts and writes the page; with --only, one of them again", {
    timeout: 400_000,
  }, async () => {
    const directory = await mkdtemp(join(tmpdir(), "sessionmesh-compare-"));
    onTestFinished(() => rm(directory, { recursive: true }));

    await compare("--out", directory);

    const comparison = await figuresIn(directory);
    for (const part of PARTS) expect(comparison).toHaveProperty(part);
    const pages = pageOf(comparison);
    for (const [name, content] of Object.entries(pages)) {
      expect(await readFile(join(directory, name), "utf8"), name).toBe(content);
      expect(content, name).not.toMatch(/NaN|undefined|Infinity/);
    }
    for (const row of ROWS) expect(pages["comparison.md"]).toContain(`\n| ${row} |`);
    expect(comparison.http?.cells.reduce((sum, { failed }) => sum + failed, 0)).toBe(0);

    await compare("--out", directory, "--only", "growth");

    const { growth, ...others } = await figuresIn(directory);
    const { growth: before, ...unchanged } = comparison;
    expect(others).toEqual(unchanged);
    expect(growth).not.toEqual(before);

    const elsewhere = { ...comparison, machine: { ...comparison.machine, node: "Node v1.0.0" } };
    await writeFile(join(directory, FIGURES), JSON.stringify(elsewhere));
    await expect(compare("--out", directory, "--only", "growth")).rejects.toMatchObject({
      code: 2,
      stderr:
        "Measured elsewhere, or with other versions: coherence, http, commands, operations. Measure all parts.\n",
    });
  });

  test("knows its parts", async () => {
    await expect(compare("--only", "growth,everything")).rejects.toMatchObject({
      code: 2,
      stderr: `No such part: everything. There are: ${PARTS.join(", ")}.\n`,
    });
  });
});

/** A row that vanishes from the page would be missed there. */
const ROWS = [
  "another node deletes; nothing fails",
  "fifty increments of req.session.n",
  "Express, MemoryStore",
  "Fastify, memory, rolling: false",
  "Fastify, connect-redis, rolling: false",
  "Fastify, sessionmesh, rolling: false",
  "sessionmesh get",
  "ExpressSessionStore",
  "sessionmesh, node-redis, tracking: revoke",
  "sessionmesh, ioredis: revoke",
  "write, 1 KB, 64 in flight | time | ratio",
  "delete, 1 KB, 1 in flight | time | ratio",
  "memorystore",
  "sessionmesh LocalCache",
  "sessionmesh, broadcast",
];
