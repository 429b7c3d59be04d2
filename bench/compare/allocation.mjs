import { openReaders } from "./readers.mjs";
import { takeTurns } from "./series.mjs";

/** So few that what they allocate fits into the young generation: no garbage is collected meanwhile. */
const READS = 400;
const WARM_UP_READS = 5_000;
const ROUNDS = 9;

/**
 * What a read from memory allocates, of a session of 1 KB.
 *
 * @param {{ port: number, quick: boolean }} options
 * @returns {Promise<{ name: string, bytes: import("./series.mjs").Series }[]>}
 */
export async function run({ port, quick }) {
  const { candidates, close } = await openReaders(port, 1_000);
  for (const { run } of candidates) await run(quick ? READS : WARM_UP_READS);
  const names = candidates.map(({ name }) => name);
  const taken = await takeTurns(names, quick ? 1 : ROUNDS, (name) =>
    sample(/** @type {(typeof candidates)[0]} */ (candidates.find((one) => one.name === name))),
  );
  await close();
  return taken.map(({ name, series }) => ({ name, bytes: series }));
}

/** @param {import("../harness.mjs").Candidate} candidate */
async function sample({ run }) {
  if (gc === undefined) throw new Error("run this with --expose-gc");
  for (;;) {
    gc();
    const before = process.memoryUsage().heapUsed;
    await run(READS);
    const bytes = process.memoryUsage().heapUsed - before;
    if (bytes >= 0) return bytes / READS; // less: garbage was collected all the same
  }
}
