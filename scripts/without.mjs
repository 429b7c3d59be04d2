/** What takes mechanisms out of the protocol belongs to the tests, and works on the sources: it is bundled when it is asked for. */
import { mkdtemp, rm } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { rolldown } from "rolldown";

const ROOT = resolve(import.meta.dirname, "..");

/**
 * `test/simulation/without.ts`.
 *
 * @returns {Promise<typeof import("../test/simulation/without.js")>}
 */
export async function loadWithout() {
  const dir = await mkdtemp(join(ROOT, "node_modules", ".without-")); // where it finds what is installed
  try {
    const bundle = await rolldown({
      cwd: ROOT,
      input: "test/simulation/without.ts",
      external: (id) => !id.startsWith(".") && !isAbsolute(id),
      platform: "node",
    });
    await bundle.write({ dir, entryFileNames: "without.mjs" });
    return await import(pathToFileURL(join(dir, "without.mjs")).href);
  } finally {
    await rm(dir, { recursive: true });
  }
}
