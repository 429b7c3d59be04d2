/**
 * Runs one of `examples/` until Ctrl-C, with the Redis that `REDIS_URL` names or one of its own, on port 3000 unless `PORT` says another:
 *
 *     npm run example <name>
 */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { runWithRedis } from "./with-redis.mjs";

const EXAMPLES = resolve(import.meta.dirname, "../examples");
const DEFAULT_PORT = "3000";

const names = (await readdir(EXAMPLES))
  .filter((file) => file.endsWith(".mjs"))
  .map((file) => file.slice(0, -".mjs".length))
  .sort();
const [name = ""] = process.argv.slice(2);
if (names.includes(name)) {
  process.env.PORT ??= DEFAULT_PORT;
  process.exitCode = await runWithRedis(process.execPath, [join(EXAMPLES, `${name}.mjs`)]);
} else {
  if (name !== "") console.error(`There is no example ${name}.`);
  console.error(`Usage: npm run example <name>, where <name> is one of: ${names.join(", ")}.`);
  process.exitCode = 2;
}
