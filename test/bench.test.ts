import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { Spread } from "../bench/harness.mjs";
import { QUESTIONS } from "../bench/questions.mjs";
import type { Table } from "../bench/report.mjs";

const BENCHMARK = join(import.meta.dirname, "../bench/run.mjs");

interface Figures {
  readonly machine: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<string, readonly Table[]>>;
}

/** What the README and the issues quote: a row that vanishes from the benchmark would be missed there. */
const QUOTED_ROWS = {
  reads: ["peek", "get, awaited", "ExpressSessionStore", "connect-redis get", "get, not cached"],
  writes: ["connect-redis set", "ExpressSessionStore set", "set", "create", "delete", "touch that is due"],
  memory: ["200 characters of JSON", "1,000 characters of JSON", "10,000 characters of JSON"],
  eviction: ["LocalCache", "a cache that scans its entries"],
  invalidation: ["from set resolved", "from delete resolved"],
  "fan-out": ["1 node, tracking", "3 nodes, not sticky, broadcast"],
  revocation: ["delete", "revoke", "revoke, the first after a node was killed"],
  commands: ["connect-redis", "ExpressSessionStore"],
  concurrency: [
    "fifty requests write a field each: fields left",
    "a request writes while the user logs out: sessions back",
    "a request reads while the user logs out, @fastify/session, rolling: true: sessions back",
  ],
  requests: [
    "express-session, resave: false",
    "koa-session, rolling: false",
    "hono-sessions",
    "@hono/session",
    "unstorage, on h3",
    "better-auth",
  ],
};

test("the benchmark answers all of its questions", { timeout: 120_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-bench-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, "figures.json");

  const { stdout } = await promisify(execFile)(process.execPath, [BENCHMARK, "--quick", "--json", file]);

  const { machine, answers } = JSON.parse(await readFile(file, "utf8")) as Figures;
  expect(machine).toMatchObject({ node: `Node ${process.version}`, redis: expect.stringMatching(/\d/) });
  expect(Object.keys(answers)).toEqual(QUESTIONS);
  for (const [question, tables] of Object.entries(answers)) {
    const names = tables.flatMap(({ rows }) => rows.map(({ name }) => name));
    expect(names, question).toEqual(
      expect.arrayContaining(QUOTED_ROWS[question as keyof typeof QUOTED_ROWS]),
    );
    for (const { title, columns, rows } of tables) {
      expect(stdout).toContain(title);
      for (const { name, values } of rows) {
        for (const { key } of columns) expect(isMeasured(values[key]), `${name}: ${key}`).toBe(true);
      }
    }
  }
});

/** A figure that could not be taken is `NaN`, which JSON writes as null. */
function isMeasured(value: number | Spread | undefined): boolean {
  if (typeof value === "number") return true;
  return value !== undefined && Object.values(value).every((part) => typeof part === "number");
}
