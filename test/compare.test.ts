import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Cell, Comparison } from "../bench/compare/figures.mjs";
import { judge } from "../bench/compare/judge.mjs";
import { pageOf } from "../bench/compare/page.mjs";
import { listFiles, readText } from "./repo/source.js";

const comparison: Comparison = JSON.parse(readText("docs/comparison/comparison.json"));
const page = pageOf(comparison);

test("the page and its charts are what the figures say", () => {
  for (const [name, content] of Object.entries(page)) expect(readText(`docs/${name}`), name).toBe(content);
});

test("no chart is left of earlier figures, and each is shown", () => {
  const charts = Object.keys(page).filter((name) => name.endsWith(".svg"));
  const there = existsSync("docs/comparison") ? listFiles("docs/comparison", ".svg") : [];
  expect(there).toEqual(charts.map((name) => `docs/${name}`).sort());
  for (const chart of charts) expect(page["comparison.md"]).toContain(`](${chart})`);
});

test("no figure is missing", () => {
  for (const [name, content] of Object.entries(page))
    expect(content, name).not.toMatch(/NaN|undefined|Infinity/);
});

describe("who is ahead", () => {
  const reason = { what: "A read", reason: "It copies.", work: "A copy less." };
  const judged = (ours: number[], theirs: number[], moreIsBetter = false) =>
    judge(reason, [
      {
        label: "1 KB",
        ours: { name: "ours", figures: ours },
        peers: [{ name: "theirs", figures: theirs }],
        format: String,
        moreIsBetter,
      },
    ]);
  const lost = { ...reason, cases: ["1 KB: 12 with ours, 10 with theirs"] };

  test("is a peer that was so in four of five rounds", () => {
    expect(judged([12, 12, 12, 12, 12], [10, 10, 10, 10, 13])).toEqual({ losses: [lost], withinNoise: [] });
    expect(judged([10, 10, 10, 10, 10], [12, 12, 12, 12, 9]).losses).toEqual([]);
  });

  test("is who has more, of what is good", () => {
    expect(judged([10, 10, 10, 10, 10], [12, 12, 12, 12, 12], true).losses).toHaveLength(1);
    expect(judged([12, 12, 12, 12, 12], [10, 10, 10, 10, 10], true).losses).toEqual([]);
  });

  test("is told round by round: the speed of the machine is nobody's merit", () => {
    expect(judged([12, 24, 48, 12, 24], [11, 22, 44, 11, 22]).losses).toHaveLength(1);
  });

  test("is left open where rounds contradict each other, or the lead is small", () => {
    const open = { losses: [], withinNoise: ["A read, 1 KB: ours and theirs"] };
    expect(judged([12, 12, 12, 9, 9], [10, 10, 10, 10, 10])).toEqual(open);
    expect(judged([10.2, 10.2, 10.2, 10.2, 10.2], [10, 10, 10, 10, 10])).toEqual(open);
  });

  test("is not who was not measured", () => {
    const undefinedFigures = { name: "theirs", figures: undefined };
    const cases = [
      { label: "", ours: { name: "ours", figures: [1] }, peers: [undefinedFigures], format: String },
    ];
    expect(judge(reason, cases)).toEqual({ losses: [], withinNoise: [] });
  });
});

/** The page of the same figures, were ours so much worse. */
function pageWith(worsen: (worse: Comparison) => void): string {
  const worse = structuredClone(comparison);
  worsen(worse);
  return pageOf(worse)["comparison.md"] ?? "";
}

/** What the page says of why others are ahead. */
const verdictOf = (page: string) => page.slice(page.indexOf("## Where a peer is ahead"));

describe("the page names each row that is lost", () => {
  test.each([
    ["mixed", 0, "perSecond", "requests/s: "],
    ["mixed", 0, "p50Ms", "p50: "],
    ["reads", 0, "p99Ms", "p99: "],
    ["reads", 0, "cpuUsPerRequest", "CPU per request: "],
    ["mixed", 2, "perSecond", "requests/s, 2 ms added: "],
    ["mixed", 0.5, "p99Ms", "p99, 0.5 ms added: "],
    ["calm", 2, "p50Ms", "p50, 2 ms added: "],
  ] as const)("over HTTP: %s with %s ms added, %s", (load, latencyMs, figure, label) => {
    const page = pageWith(({ http }) => {
      const factor = figure === "perSecond" ? 1 / 100 : 100;
      const isOurs = (cell: Cell) =>
        cell.site === "expressSessionmesh" && cell.load === load && cell.latencyMs === latencyMs;
      for (const cell of http?.cells.filter(isOurs) ?? [])
        cell[figure] = cell[figure].map((value) => value * factor);
    });
    expect(verdictOf(page)).toMatch(
      new RegExp(`^- ${label}\\S+.* with sessionmesh, .* with connect-redis`, "m"),
    );
  });

  test.each([
    ["miss", "sessionmesh, node-redis, tracking"],
    ["write", "sessionmesh, ioredis"],
    ["delete", "sessionmesh, ioredis: revoke"],
  ])("of the operations: %s, %s", (operation, name) => {
    const page = pageWith(({ operations }) => {
      for (const { rows } of operations?.remote.filter((one) => one.operation === operation) ?? []) {
        for (const row of rows.filter((one) => one.name === name))
          row.timeNs = { least: 1e12, lower: 1e12, median: 1e12, upper: 1e12, most: 1e12 };
      }
    });
    expect(verdictOf(page)).toContain(`1,000 s with ${name}, `);
  });

  test("of how soon a node hears: p99, too", () => {
    const page = pageWith(({ coherence }) => {
      for (const one of coherence?.latency.filter(({ name }) => name.startsWith("sessionmesh")) ?? [])
        one.p99Ms = one.p99Ms.map(() => 5_000);
    });
    expect(verdictOf(page)).toContain("p99: 5,000 ms with sessionmesh, broadcast, ");
  });

  test("of what is loaded: each entry", () => {
    const page = pageWith(({ growth }) => {
      for (const one of growth?.imports.filter(({ name }) => name.startsWith("sessionmesh")) ?? [])
        one.ms = { least: 9e3, lower: 9e3, median: 9e3, upper: 9e3, most: 9e3 };
    });
    expect(verdictOf(page)).toContain("9,000 ms with sessionmesh, ");
    expect(verdictOf(page)).toContain("9,000 ms with sessionmesh, express, ");
  });

  test("with its reason and the work that would change it", () => {
    const rows = verdictOf(page["comparison.md"] ?? "").match(/^### (?!Within noise).*/gm) ?? [];
    expect(rows.length).toBeGreaterThan(0);
    for (const said of [/^Why: \S.{40,}/gm, /^What would change it: \S.{20,}/gm])
      expect(page["comparison.md"]?.match(said)).toHaveLength(rows.length);
  });
});
