import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { type Comparison, pageOf } from "../bench/compare/page.mjs";
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
