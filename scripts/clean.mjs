/**
 * Removes directories of this repository:
 *
 *     node scripts/clean.mjs <directory>…
 */
import { rm } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";

const repository = resolve(import.meta.dirname, "..");
const targets = process.argv.slice(2).map((directory) => resolve(repository, directory));

for (const target of targets) {
  const path = relative(repository, target);
  if (path === "" || path.split(sep)[0] === "..") throw new Error(`${target} is not inside ${repository}`);
}
for (const target of targets) await rm(target, { recursive: true, force: true });
