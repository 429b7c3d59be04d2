import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const START_TIMEOUT_MS = 10_000;
const STATE_TIMEOUT_MS = 5_000;
const STOP_TIMEOUT_MS = 2_000;

/** A process that runs `node.mjs`. */
export class NodeProcess {
  #process;
  url = "";

  /** @param {import("./node.mjs").NodeOptions} options */
  constructor(options) {
    this.name = options.name;
    this.client = options.client;
    this.#process = fork(join(import.meta.dirname, "node.mjs"), [JSON.stringify(options)]);
  }

  /** Resolves when the node answers requests. */
  async ready() {
    const ended = new AbortController();
    this.#process.once("exit", () =>
      ended.abort(new Error(`Node ${this.name} ended while it was starting.`)),
    );
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
    const [address] = await once(this.#process, "message", { signal });
    this.url = `http://127.0.0.1:${address.port}`;
  }

  /** @returns {Promise<import("./node.mjs").NodeState>} */
  async state() {
    const response = await fetch(`${this.url}/node`, { signal: AbortSignal.timeout(STATE_TIMEOUT_MS) });
    return /** @type {Promise<any>} */ (response.json());
  }

  async stop() {
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    const impatience = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    child.kill("SIGTERM");
    await exit;
    clearTimeout(impatience);
  }
}
