import { execFile } from "node:child_process";
import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Measured } from "../bench/scale/measure.mjs";
import { checkModel } from "../bench/scale/model.mjs";
import { fillPage } from "../bench/scale/page.mjs";
import { ROOT, readText } from "./repo/source.js";

const BENCHMARK = join(ROOT, "bench/scale.mjs");
const PAGE = "docs/internals/scale.md";

test("bench:scale measures, simulates, and writes the tables and charts of the documentation", {
  timeout: 180_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "sessionmesh-scale-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const page = join(directory, "scale.md");
  await copyFile(join(ROOT, PAGE), page);
  const drawn = join(directory, "charts");

  const { stdout } = await promisify(execFile)(process.execPath, [
    BENCHMARK,
    "--short",
    ...["--page", page, "--charts", drawn],
  ]);

  const written = await readFile(page, "utf8");
  const rows = [
    "| 4 | 50 |",
    "| 3 | 50 | check them | 6 |",
    "| 10 nodes, sticky |",
    "| deploy |",
    "| mass logout |",
  ];
  for (const row of rows) {
    expect(stdout).toContain(row);
    expect(written).toContain(row);
  }
  expect(stdout).not.toContain("NaN");
  expect(headingsOf(written)).toEqual(headingsOf(readText(PAGE)));
  const charts = (await readdir(drawn)).sort();
  const shown = [...readText(PAGE).matchAll(/\(scale\/([\w-]+\.svg)\)/g)];
  expect(charts).toEqual(shown.map(([, name]) => name).sort());
  for (const name of charts) {
    const svg = await readFile(join(drawn, name), "utf8");
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(svg, name).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.match(/<path d="M[\d.]+ [\d.]+L/g)?.length, `${name} has no line`).toBeGreaterThan(0);
  }
});

/** The tables' headings and what stands around them: the page has the columns that the program writes. */
function headingsOf(page: string): string[] {
  return [...page.matchAll(/<!-- table: .* -->\n\n(\|.*)\n/g)].map(([, heading = ""]) => heading);
}

describe("the cost model beside a measurement", () => {
  const spread = (value: number) => ({
    median: value,
    lower: value,
    upper: value,
    least: value,
    most: value,
  });
  const measured = (nodes: number, cpuUs: number) =>
    ({
      nodes,
      writesPerSecond: 50,
      cpuUsPerWrite: spread(cpuUs),
      bytesPerWrite: spread(170 * nodes + 100),
    }) as Measured;

  test("has its constants from every other size, and is checked on those between", () => {
    const sizes = [
      measured(2, 110),
      measured(4, 999),
      measured(8, 140),
      measured(16, 999),
      measured(32, 260),
    ];
    const { constants, beside } = checkModel(sizes);
    expect(constants).toMatchObject([
      { writesPerSecond: 50, cpuUs: { fixed: expect.closeTo(100), perNode: expect.closeTo(5) } },
    ]);
    expect(beside.map(({ nodes, isFitted, cpuUs }) => [nodes, isFitted, Math.round(cpuUs)])).toEqual([
      [2, true, 110],
      [4, false, 120],
      [8, true, 140],
      [16, false, 180],
      [32, true, 260],
    ]);
  });

  test("knows a rate without writes as that of beats alone", () => {
    expect(checkModel([{ ...measured(2, Number.NaN), writesPerSecond: 0 }])).toEqual({
      constants: [],
      beside: [],
    });
  });
});

test("a table without a place in the page is an error, not a table that is lost", () => {
  expect(() => fillPage("# Nothing here\n", { measured: "| 1 |" })).toThrow(
    'no place for the table "measured"',
  );
});
