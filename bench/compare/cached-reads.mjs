import { openReaders } from "./readers.mjs";
import { timeAll } from "./series.mjs";

/**
 * What a read from memory costs, one after the other and many at a time.
 *
 * @param {{ port: number, effort: import("../harness.mjs").Effort, length: number, widths: readonly number[] }} options
 * @returns {Promise<{ length: number, width: number, rows: import("./series.mjs").Timed[] }[]>}
 */
export async function run({ port, effort, length, widths }) {
  const { candidates, together, close } = await openReaders(port, length);
  const measured = [];
  for (const width of widths) {
    const rows = await timeAll(width === 1 ? candidates : together(width), effort);
    measured.push({ length, width, rows });
  }
  await close();
  return measured;
}
