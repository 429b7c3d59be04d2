/**
 * What coherence costs, measured on a Redis of its own and simulated for as many nodes as no machine has:
 *
 *     npm run bench:scale                   takes some minutes, and draws the charts of docs/internals/scale.md
 *     npm run bench:scale -- --charts DIR   draws them there
 *     npm run bench:scale -- --short        only shows that everything works; draws nothing without --charts
 */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRedis } from "../scripts/with-redis.mjs";
import { connectNodeRedis } from "./redis.mjs";
import { chartsOf } from "./scale/charts.mjs";
import { measure } from "./scale/measure.mjs";
import { EVENTS, SHORT, STEADY_FLEETS, simulateFleet } from "./scale/simulate.mjs";
import { eventTable, measuredTable, steadyTable } from "./scale/tables.mjs";

const FULL_EFFORT = { sizes: [2, 4, 8, 16, 32, 64], rates: [50, 200, 1_000], seconds: 1.2, rounds: 3 };
const SHORT_EFFORT = { sizes: [2, 4], rates: [50], seconds: 0.2, rounds: 1 };
const CHARTS = join(import.meta.dirname, "../docs/internals/scale");

const { values } = parseArgs({
  options: { short: { type: "boolean", default: false }, charts: { type: "string" } },
});
const directory = values.charts ?? (values.short ? undefined : CHARTS);

console.log(
  `${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores · Node ${process.version}\n`,
);
const measured = await measureAll(values.short ? SHORT_EFFORT : FULL_EFFORT);
console.log(measuredTable(measured));

const steady = [];
for (const { name, ...options } of values.short ? STEADY_FLEETS.slice(0, 1) : STEADY_FLEETS)
  steady.push({ name, ...(await simulateFleet(values.short ? SHORT : options)) });
console.log(steadyTable(steady));

/** @type {Record<string, import("sessionmesh/testing").ScaleResult>} */
const events = {};
for (const [name, options] of Object.entries(EVENTS)) {
  const { result } = await simulateFleet(values.short ? { ...options, ...SHORT } : options);
  events[name] = result;
}
console.log(eventTable(events));

if (directory !== undefined) {
  await mkdir(directory, { recursive: true });
  for (const [name, svg] of Object.entries(chartsOf(measured, events)))
    await writeFile(join(directory, `${name}.svg`), svg);
}

/** @param {import("./scale/measure.mjs").Effort} effort */
async function measureAll(effort) {
  const redis = await startRedis();
  const observer = await connectNodeRedis(redis.url);
  try {
    return await measure(observer, redis.url, effort);
  } finally {
    observer.destroy();
    await redis.stop();
  }
}
