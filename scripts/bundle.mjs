/**
 * Makes the JavaScript of the package: one file for each entry, and what several share in `dist/chunks`. Node reads each module by itself, and an
 * entry consists of some eighty: bundled, `import "sessionmesh"` takes a third of the time (`npm run compare`, "Starting").
 */
import { copyFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { rolldown } from "rolldown";
import manifest from "../package.json" with { type: "json" };

const entries = [...Object.values(manifest.exports), ...Object.values(manifest.bin)];
const files = entries.flatMap((entry) => (typeof entry === "string" ? entry : entry.default));
const names = files.flatMap((file) => /^(?:\.\/)?dist\/(.+)\.js$/.exec(file)?.[1] ?? []);

const root = resolve(import.meta.dirname, "..");
/** What has to stay a module of its own, in CommonJS; it says why. */
const asItIs = "adapters/require-express-session.cjs";

const bundle = await rolldown({
  cwd: root,
  input: Object.fromEntries(names.map((name) => [name, `src/${name}.ts`])),
  external: (id) => id.endsWith(".cjs") || (!id.startsWith(".") && !isAbsolute(id)), // those, what is installed beside it, and Node's own
  platform: "node",
  tsconfig: "tsconfig.build.json",
});
await bundle.write({ dir: "dist", entryFileNames: "[name].js", chunkFileNames: "chunks/[name].js" });
await copyFile(resolve(root, "src", asItIs), resolve(root, "dist", asItIs));
