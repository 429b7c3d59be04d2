/**
 * Writes the page and its charts again from what was measured, without measuring:
 *
 *     node bench/compare/render.mjs [DIR]     default: docs/
 */
import { realpathSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pageOf } from "./page.mjs";

/** Where the figures are, from the directory of the page. */
export const DATA = "comparison/comparison.json";

/**
 * @param {string} directory
 * @returns {Promise<string[]>} the files that were written
 */
export async function writePage(directory) {
  const comparison = JSON.parse(await readFile(join(directory, DATA), "utf8"));
  const written = [];
  for (const [name, content] of Object.entries(pageOf(comparison))) {
    const file = join(directory, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    written.push(file);
  }
  return written;
}

const entry = process.argv[1];
if (entry !== undefined && realpathSync(entry) === import.meta.filename) {
  for (const file of await writePage(process.argv[2] ?? join(import.meta.dirname, "../../docs")))
    console.log(file);
}
