/**
 * Plays the simulated histories of any number of seeds (`src/testing/simulation.ts`), on all cores:
 *
 *     npm run simulate -- --seeds 10000 --from 1
 *     npm run simulate -- --seed 42               one of them, with its trace
 *     npm run simulate -- --invalidation mixed    nodes A and C by tracking; `tracking`: all of them
 *     npm run simulate -- --without cache-lease   without one mechanism of the protocol, which is to be missed
 *
 * Stops, and exits with 1, at the first one that breaks a promise, and prints its seed, what is broken, and the shortest part of it that breaks it.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { reportOf, shrink, simulate } from "sessionmesh/testing";
import { INVALIDATION } from "./invalidation.mjs";
import { loadWithout } from "./without.mjs";

/** How many seeds a worker plays before it says how it went. */
const BATCH = 20;

if (isMainThread) await main();
else await work(workerData);

async function main() {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      invalidation: { type: "string", default: "broadcast" },
      without: { type: "string" },
    },
  });
  const [from, seeds] = [
    Number(values.seed ?? values.from),
    values.seed === undefined ? Number(values.seeds) : 1,
  ];
  const invalidation = INVALIDATION[values.invalidation];
  const { MECHANISMS = [], reportWithout = undefined } =
    values.without === undefined ? {} : await loadWithout();
  const isKnown = values.without === undefined || MECHANISMS.includes(values.without);
  if (
    !isKnown ||
    !Number.isSafeInteger(from) ||
    !Number.isSafeInteger(seeds) ||
    seeds < 1 ||
    invalidation === undefined
  ) {
    console.error(
      "Usage: npm run simulate -- [--seeds N] [--from N] | --seed N, [--invalidation broadcast|tracking|mixed | --without MECHANISM]",
    );
    if (!isKnown) console.error(`MECHANISM is one of ${MECHANISMS.join(", ")}`);
    process.exit(2);
  }
  if (values.without !== undefined && reportWithout !== undefined) {
    const report = await reportWithout(values.without, { from, count: seeds });
    console.log(
      report ?? `no seed from ${from} to ${from + seeds - 1} breaks a promise without ${values.without}`,
    );
    process.exit(report === undefined ? 0 : 1);
  }
  if (values.seed !== undefined) {
    const result = await simulate({ seed: from, invalidation });
    console.log(result.trace());
    console.log(result.violations.length > 0 ? reportOf(result, 0) : `seed ${from} breaks no promise`);
    process.exit(result.violations.length > 0 ? 1 : 0);
  }
  const cores = Math.min(availableParallelism(), seeds);
  const totals = { answers: 0, simulatedMs: 0, worstStalenessMs: 0 };
  const startedAtMs = performance.now();
  await Promise.all(
    Array.from({ length: cores }, (_, n) =>
      run({ from: from + n, until: from + seeds, step: cores, invalidation }, totals),
    ),
  );
  const hours = (totals.simulatedMs / 3_600_000).toFixed(1);
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
  console.log(
    `seeds ${from} to ${from + seeds - 1}: ${hours} simulated hours in ${seconds} s, ${totals.answers} answers judged`,
  );
  console.log(`the oldest had been replaced ${totals.worstStalenessMs.toFixed(0)} ms before; 0 violations`);
}

/** @typedef {{ answers: number, simulatedMs: number, worstStalenessMs: number }} Totals */
/** @typedef {{ from: number, until: number, step: number, invalidation: readonly import("sessionmesh").Invalidation[] }} Part */

/**
 * Lets a worker play its part.
 *
 * @param {Part} part
 * @param {Totals} totals
 * @returns {Promise<void>}
 */
function run(part, totals) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: part });
    worker.on("error", reject);
    worker.on("exit", () => resolve());
    worker.on("message", (/** @type {Totals & { report?: string }} */ told) => {
      if (told.report !== undefined) {
        console.log(told.report);
        process.exit(1);
      }
      totals.answers += told.answers;
      totals.simulatedMs += told.simulatedMs;
      totals.worstStalenessMs = Math.max(totals.worstStalenessMs, told.worstStalenessMs);
    });
  });
}

/** @param {Part} part */
async function work({ from, until, step, invalidation }) {
  let told = { answers: 0, simulatedMs: 0, worstStalenessMs: 0 };
  let played = 0;
  for (let seed = from; seed < until; seed += step) {
    const result = await simulate({ seed, invalidation });
    if (result.violations.length > 0) {
      parentPort?.postMessage({ report: reportOf(await shrink(result)) });
      return;
    }
    told.answers += result.answers;
    told.simulatedMs += result.simulatedMs;
    told.worstStalenessMs = Math.max(told.worstStalenessMs, result.worstStalenessMs);
    if (++played % BATCH !== 0) continue;
    parentPort?.postMessage(told);
    told = { answers: 0, simulatedMs: 0, worstStalenessMs: 0 };
  }
  parentPort?.postMessage(told);
}
