import { compare } from "../harness.mjs";
import { openReaders } from "./readers.mjs";

/**
 * What a read from memory costs.
 *
 * @param {{ port: number, effort: import("../harness.mjs").Effort, length: number }} options
 */
export async function run({ port, effort, length }) {
  const { candidates, close } = await openReaders(port, length);
  const measured = await compare(candidates, effort);
  await close();
  return measured;
}
