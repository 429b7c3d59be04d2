import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { run } from "./run.js";

const directory = mkdtempSync(join(tmpdir(), "sessionmesh-ci-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** One test file of a report, by how its tests ended. */
const file = (status: "passed" | "failed", ...tests: string[]) => ({
  status,
  assertionResults: tests.map((outcome) => ({ status: outcome })),
});

async function summary(files: ReturnType<typeof file>[] | undefined, failedSteps = 0) {
  const path = join(directory, "report.json");
  rmSync(path, { force: true });
  const outcomes = files?.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status));
  const report = {
    numTotalTests: outcomes?.length,
    numPassedTests: outcomes?.filter((status) => status === "passed").length,
    testResults: files,
  };
  if (files) writeFileSync(path, JSON.stringify(report));
  const { code, output } = await run(process.execPath, ["scripts/test-summary.mjs", path, `${failedSteps}`], {
    timeoutMs: 10_000,
  });
  return { code, lastLine: output.trimEnd().split("\n").at(-1) };
}

const good = file("passed", "passed", "passed");

describe("the last line of the whole check", () => {
  test("is a success if all tests passed", async () => {
    expect(await summary([good, good])).toEqual({ code: 0, lastLine: "4 passed, 0 failed" });
  });

  test.each([
    ["a test failed", [good, file("failed", "passed", "failed")], 1, "3 passed, 1 failed"],
    ["a test was skipped", [good, file("passed", "pending")], 0, "2 passed, 1 failed"],
    ["a test is still to be written", [good, file("passed", "todo")], 0, "2 passed, 1 failed"],
    ["a test file could not be loaded", [good, file("failed")], 1, "2 passed, 1 failed"],
    ["another step failed", [good], 1, "2 passed, 1 failed"],
    ["there was no test", [], 0, "0 passed, 1 failed"],
    ["there is no report", undefined, 1, "0 passed, 1 failed"],
  ])("is a failure if %s", async (_, files, failedSteps, lastLine) => {
    expect(await summary(files, failedSteps)).toEqual({ code: 1, lastLine });
  });
});
