import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { ROOT, readText } from "./repo/source.js";

const BENCHMARK = join(ROOT, "bench/scale.mjs");

test("bench:scale measures, simulates, and draws the charts that the documentation shows", {
  timeout: 180_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-scale-"));
  onTestFinished(() => rm(directory, { recursive: true }));

  const { stdout } = await promisify(execFile)(process.execPath, [
    BENCHMARK,
    "--short",
    "--charts",
    directory,
  ]);

  for (const row of ["| 4 | 50 |", "| 10 nodes, sticky |", "| deploy |", "| mass logout |"])
    expect(stdout).toContain(row);
  expect(stdout).not.toContain("NaN");
  const charts = (await readdir(directory)).sort();
  const shown = [...readText("docs/internals/scale.md").matchAll(/\(scale\/([\w-]+\.svg)\)/g)];
  expect(charts).toEqual(shown.map(([, name]) => name).sort());
  for (const name of charts) {
    const svg = await readFile(join(directory, name), "utf8");
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(svg, name).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.match(/<path d="M[\d.]+ [\d.]+L/g)?.length, `${name} has no line`).toBeGreaterThan(0);
  }
});
