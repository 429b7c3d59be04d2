import { fork } from "node:child_process";
import { once } from "node:events";

const REPORTED_LENGTH = 2_000;

/**
 * Runs a module's `run()` in a process of its own.
 *
 * @param {string} module
 * @param {object} options
 * @param {{ heapMb?: number }} [process] how large its heap may become; by default, what Node allows
 * @returns {Promise<any>} what it returned
 * @throws {Error} when the process ends without an answer
 */
export async function measure(module, options, { heapMb } = {}) {
  const worker = fork(new URL("worker.mjs", import.meta.url), [module, JSON.stringify(options)], {
    execArgv: ["--expose-gc", ...(heapMb === undefined ? [] : [`--max-old-space-size=${heapMb}`])],
    stdio: ["ignore", "inherit", "pipe", "ipc"],
  });
  let printed = ""; // some peers print each error of a connection, which is what the stories are about
  worker.stderr?.setEncoding("utf8").on("data", (text) => {
    printed = (printed + text).slice(-REPORTED_LENGTH);
  });
  /** @type {unknown} */
  let answer;
  worker.once("message", (message) => {
    answer = message;
  });
  const [code] = await once(worker, "exit");
  if (answer === undefined)
    throw new Error(`${module} ${JSON.stringify(options)}: ended with code ${code}\n${printed}`);
  return answer;
}
