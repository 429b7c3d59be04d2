import { spreadOf } from "../harness.mjs";
import { openReaders } from "./readers.mjs";

/** So few that what they allocate fits into the young generation: no garbage is collected meanwhile. */
const READS = 400;
const WARM_UP_READS = 5_000;

/**
 * What a read from memory allocates, of a session of 1 KB.
 *
 * @param {{ port: number, quick: boolean }} options
 * @returns {Promise<{ name: string, bytes: import("../harness.mjs").Spread }[]>}
 */
export async function run({ port, quick }) {
  if (gc === undefined) throw new Error("run this with --expose-gc");
  const { candidates, close } = await openReaders(port, 1_000);
  const rows = [];
  for (const { name, run } of candidates) {
    await run(quick ? READS : WARM_UP_READS);
    const samples = [];
    while (samples.length < (quick ? 1 : 9)) {
      gc();
      const before = process.memoryUsage().heapUsed;
      await run(READS);
      const bytes = process.memoryUsage().heapUsed - before;
      if (bytes >= 0) samples.push(bytes / READS); // less: garbage was collected all the same
    }
    rows.push({ name, bytes: spreadOf(samples) });
  }
  await close();
  return rows;
}
