/**
 * What coherence costs, measured on a Redis of its own and simulated for as many nodes as no machine has:
 *
 *     npm run bench:scale                        takes some minutes; writes the tables of docs/internals/scale.md, and draws its charts
 *     npm run bench:scale -- --only measured     only what is measured on this machine: its tables and charts; or --only simulated
 *     npm run bench:scale -- --page FILE --charts DIR    writes into that page, which has the same places for tables, and draws there
 *     npm run bench:scale -- --short             only shows that everything works; writes nothing without --page and --charts
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRedis } from "../scripts/with-redis.mjs";
import { connectNodeRedis } from "./redis.mjs";
import { measuredCharts, simulatedCharts } from "./scale/charts.mjs";
import { measure } from "./scale/measure.mjs";
import { checkModel } from "./scale/model.mjs";
import { fillPage } from "./scale/page.mjs";
import { EVENTS, SHORT, STEADY_FLEETS, simulateFleet } from "./scale/simulate.mjs";
import { constantsTable, eventTable, measuredTable, modelTable, steadyTable } from "./scale/tables.mjs";

const FULL_EFFORT = { sizes: [2, 4, 8, 16, 32, 64], rates: [50, 200, 1_000], seconds: 1.2, rounds: 5 };
const SHORT_EFFORT = { sizes: [2, 3, 4], rates: [50], seconds: 0.2, rounds: 1 };
const PAGE = join(import.meta.dirname, "../docs/internals/scale.md");
const CHARTS = join(import.meta.dirname, "../docs/internals/scale");

/** @typedef {{ tables: Record<string, string>, charts: Record<string, string> }} Part */

/** @type {Record<string, (isShort: boolean) => Promise<Part>>} */
const PARTS = { measured: measureAll, simulated: simulateAll };

const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    only: { type: "string" },
    page: { type: "string" },
    charts: { type: "string" },
  },
});
if (values.only !== undefined && !(values.only in PARTS)) {
  console.error(`No such part: ${values.only}. There are: ${Object.keys(PARTS).join(", ")}.`);
  process.exit(2);
}
const page = values.page ?? (values.short ? undefined : PAGE);
const charts = values.charts ?? (values.short ? undefined : CHARTS);

console.log(
  `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores · Node ${process.version}\n`,
);
for (const [name, run] of Object.entries(PARTS)) {
  if (values.only !== undefined && values.only !== name) continue;
  const part = await run(values.short);
  for (const [title, table] of Object.entries(part.tables)) console.log(`${title}\n\n${table}`);
  if (page !== undefined) await writeFile(page, fillPage(await readFile(page, "utf8"), part.tables));
  if (charts === undefined) continue;
  await mkdir(charts, { recursive: true });
  for (const [chart, svg] of Object.entries(part.charts)) await writeFile(join(charts, `${chart}.svg`), svg);
}

/** @type {(isShort: boolean) => Promise<Part>} */
async function measureAll(isShort) {
  const redis = await startRedis();
  const observer = await connectNodeRedis(redis.url);
  try {
    const measured = await measure(observer, redis.url, isShort ? SHORT_EFFORT : FULL_EFFORT);
    const { constants, beside } = checkModel(measured);
    return {
      tables: {
        measured: measuredTable(measured),
        constants: constantsTable(constants),
        model: modelTable(beside),
      },
      charts: measuredCharts(measured),
    };
  } finally {
    observer.destroy();
    await redis.stop();
  }
}

/** @type {(isShort: boolean) => Promise<Part>} */
async function simulateAll(isShort) {
  const steady = [];
  for (const { name, ...options } of isShort ? STEADY_FLEETS.slice(0, 1) : STEADY_FLEETS)
    steady.push({ name, ...(await simulateFleet(isShort ? SHORT : options)) });
  /** @type {Record<string, import("sessionmesh/testing").ScaleResult>} */
  const events = {};
  for (const [name, options] of Object.entries(EVENTS)) {
    const { result } = await simulateFleet(isShort ? { ...options, ...SHORT } : options);
    events[name] = result;
  }
  return {
    tables: { steady: steadyTable(steady), events: eventTable(events) },
    charts: simulatedCharts(events),
  };
}
