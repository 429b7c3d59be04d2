import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHECKS } from "../../docs/internals/model/checks.mjs";
import { type Result, readReport, runCheck } from "../../scripts/model.mjs";
import { section, tableOf } from "./markdown.js";
import { type Outcome, run } from "./run.js";
import { listFiles, readText } from "./source.js";

/** It takes about a minute on a machine that has nothing else to do, and as long as all others beside them. */
const TIMEOUT_MS = 1_200_000;
const MODEL_FILES = listFiles("docs/internals/model", ".pml");

const directory = mkdtempSync(join(tmpdir(), "sessionmesh-model-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

const small = CHECKS.filter(({ large }) => !large);
const definesOf = (model: string) =>
  CHECKS.filter((check) => check.model === model).flatMap(({ defines }) => defines.split(" "));

describe("of the models, checked with Spin,", () => {
  const file = join(directory, "results.json");
  let script: Outcome;
  let results: Map<string, Result>;

  beforeAll(async () => {
    script = await run(process.execPath, ["scripts/model.mjs", "--json", file], { timeoutMs: TIMEOUT_MS });
    const reported: Result[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).results : [];
    results = new Map(reported.map((result) => [result.name, result]));
  }, TIMEOUT_MS);

  test.each(small)("$name: $expect", ({ name, expect: expected }) => {
    const result = results.get(name);
    expect(result, script.output).toBeDefined();
    expect(result, result?.counterexample).toMatchObject({ expected, outcome: expected });
    expect(result?.states).toBeGreaterThan(1);
    expect(result?.counterexample === "").toBe(expected === "holds");
  });

  test("all came out as expected", () => {
    expect(script).toEqual({
      code: 0,
      output: expect.stringContaining(`\n${small.length} as expected, 0 not\n`),
    });
  });
});

describe("the checks", () => {
  test("have names of their own", () => {
    expect(new Set(CHECKS.map(({ name }) => name)).size).toBe(CHECKS.length);
  });

  test.each(
    MODEL_FILES,
  )("cover every mechanism that %s can do without, and all of its probes and properties", (path) => {
    const model = path.replace(/^.*\/|\.pml$/g, "");
    const directives = readText(path).match(/^#.*$/gm) ?? [];
    const switches = directives.join("\n").match(/\b(?:M|PROBE|CHK)_\w+/g) ?? [];
    expect(switches).not.toEqual([]);
    expect(definesOf(model)).toEqual(expect.arrayContaining(switches));
  });

  test("show that the obvious design keeps no invariant", () => {
    const violated = CHECKS.filter(({ model }) => model === "naive").map(({ expect: expected }) => expected);
    expect(new Set(violated)).toEqual(new Set(["I1", "I2", "I3", "I4"]));
  });
});

describe("the script", () => {
  test("notices what does not hold", async () => {
    const result = await runCheck({ name: "-", model: "fence", defines: "D=4 F=4 P=2", expect: "holds" });
    expect(result).toMatchObject({ expected: "holds", outcome: "I2" });
    expect(result.counterexample).not.toContain("spin:");
  });

  test("notices a mechanism that is not needed", async () => {
    const result = await runCheck({ name: "-", model: "fence", defines: "D=4 F=2 P=2", expect: "I2" });
    expect(result).toMatchObject({ expected: "I2", outcome: "holds" });
  });

  test("notices a model that cannot be read", async () => {
    const result = await runCheck({ name: "-", model: "fence", defines: "D=)", expect: "holds" });
    expect(result.outcome).toMatch(/^failed: /);
  });

  test.each([
    ["pan: reached -DMEMLIM bound", "incomplete: reached -DMEMLIM"],
    ["error: max search depth too small", "incomplete: max search depth too small"],
    ["Warning: Search not completed", "incomplete: Search not completed"],
    ["pan:1: assertion violated (x>0) (at depth 3)", "assertion violated (x>0) (at depth 3)"],
    ["pan:1: invalid end state (at depth 3)", "invalid end state (at depth 3)"],
  ])("does not take %j for a success", (complaint, outcome) => {
    expect(readReport(`${complaint}\nerrors: 0\n`)).toMatchObject({ outcome });
  });

  test("does not take silence for a success", () => {
    expect(readReport("")).toMatchObject({ outcome: "no answer" });
  });

  test("says what to install", async () => {
    const outcome = await run(process.execPath, ["scripts/model.mjs"], {
      env: { PATH: directory },
      timeoutMs: 10_000,
    });
    expect(outcome).toEqual({ code: 2, output: expect.stringContaining("apt-get install spin gcc") });
  });

  test("knows no check by another name", async () => {
    const outcome = await run(process.execPath, ["scripts/model.mjs", "--only", "nonsense"], {
      timeoutMs: 10_000,
    });
    expect(outcome).toEqual({ code: 2, output: 'There is no check "nonsense".\n' });
  });
});

test("README.md has a row for every check, and no other", () => {
  const text = readText("docs/internals/model/README.md");
  const rows = text.match(/(?:^\|.*\|$\n?)+/gm)?.flatMap(tableOf) ?? [];
  const checks = rows
    .filter(([first = ""]) => /^`[\w-]+`$/.test(first))
    .map(([first = ""]) => first.slice(1, -1));
  expect(checks.sort()).toEqual(CHECKS.map(({ name }) => name).sort());
  for (const [name, breaks] of tableOf(section(text, "Every mechanism is needed"))) {
    expect(breaks, name).toBe(CHECKS.find((check) => name === `\`${check.name}\``)?.expect);
  }
});
