import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

describe("the whole check, on a machine that has nothing but Node, npm and apt,", () => {
  /** Runs it with these as its only programs; npm passes one test and notes what it was asked for. */
  async function check(aptGet: string) {
    const bin = mkdtempSync(join(directory, "bin-"));
    for (const program of ["bash", "dirname", "mktemp", "rm", "touch", "chmod"]) {
      symlinkSync(execFileSync("which", [program], { encoding: "utf8" }).trim(), join(bin, program));
    }
    symlinkSync(process.execPath, join(bin, "node"));
    const report = JSON.stringify({ numTotalTests: 1, numPassedTests: 1, testResults: [good] });
    const asked = join(bin, "asked");
    const lines = [
      `[ "$1" = test ] || exit 0`,
      `echo "$*" > ${asked}`,
      `last=\${!#}`,
      `echo '${report}' > "\${last#*=}"`,
    ];
    write(bin, "npm", lines.join("\n"));
    write(bin, "apt-get", aptGet);
    const { code, output } = await run("bash", [".ci/run"], {
      timeoutMs: 20_000,
      env: { PATH: bin, VALKEY_SERVER_BIN: join(bin, "node") },
    });
    const projects = [...readFileSync(asked, "utf8").matchAll(/--project (\w+)/g)].map(([, name]) => name);
    return { code, lastLine: /^\d+ passed.*$/m.exec(output)?.[0], projects };
  }

  const write = (bin: string, program: string, lines: string) =>
    writeFileSync(join(bin, program), `#!${join(bin, "bash")}\n${lines}\n`, { mode: 0o755 });

  test("passes where apt installs what is needed", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
    const install = 'for name in spin gcc openssl; do touch "${0%/*}/$name"; chmod +x "${0%/*}/$name"; done';
    expect(await check(install)).toEqual({
      code: 0,
      lastLine: "1 passed, 0 failed",
      projects: ["model", "tls", "valkey"],
    });
  });

  test("has a failed step for each project that cannot be tested, and runs the others", async () => {
    const { code, lastLine, projects } = await check("exit 100");
    expect({ code, lastLine, projects }).toEqual({
      code: 1,
      lastLine: "1 passed, 2 failed",
      projects: ["valkey"],
    });
  });
});
