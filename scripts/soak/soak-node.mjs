import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { nowMs, SETTLE_MS } from "./settings.mjs";

const SCRIPT = fileURLToPath(new URL("node.mjs", import.meta.url));
/** Reads of all sessions, the closing of everything and the end of the process included. */
const FINISH_MS = 60_000;
const END_MS = 5_000;
const PROBLEMS_AT_MOST = 20;

/** @typedef {{ ports: number[], client: string, invalidation: import("sessionmesh").Invalidation, name: string, seed: string, sampleMs: number }} SoakNodeOptions */

/** A node in a process of its own. When it is killed, another process takes its place. */
export class SoakNode {
  #options;
  #record;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #process;
  #lives = 0;
  #hasFinished = false;
  #isEnding = false;
  /** The partitions' prefixes, when it has started. @type {string[]} */
  prefixes = [];
  /** How often what was done, or failed with which code. @type {Record<string, number>} */
  done = {};
  /** @type {string[]} */
  problems = [];
  /** What the process that runs now has had. @type {import("./settings.mjs").Memory[]} */
  memory = [];

  /**
   * @param {SoakNodeOptions} options
   * @param {import("./record.mjs").SoakRecord} record told what the node answers
   */
  constructor(options, record) {
    this.#options = options;
    this.#record = record;
  }

  get name() {
    return this.#options.name;
  }

  /** The name of the process that runs now. */
  get nodeId() {
    return `${this.name}.${this.#lives}`;
  }

  /** Starts its process. Resolves when its store has started. */
  async start() {
    const life = ++this.#lives;
    const { nodeId } = this;
    const argument = JSON.stringify({ ...this.#options, nodeId, seed: `${this.#options.seed}/${life}` });
    const child = fork(SCRIPT, [argument], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#process = child;
    this.#isEnding = false;
    this.memory = [];
    const started = new Promise((resolve) => {
      child.on("message", (report) => {
        this.#heard(nodeId, /** @type {import("./settings.mjs").Report} */ (report), () =>
          resolve(undefined),
        );
      });
    });
    child.on("exit", (code, signal) => {
      if (!this.#isEnding) this.#problem(`ended by itself, with ${signal ?? `code ${code}`}`);
    });
    await Promise.race([started, once(child, "exit")]);
  }

  /**
   * A process that has just ended does not hear it.
   *
   * @param {import("./settings.mjs").Order} order
   */
  tell(order) {
    if (this.#process?.connected) this.#process.send(order, () => {});
  }

  /** Ends its process without a word, and starts another one. */
  async restart() {
    await this.kill();
    await this.start();
  }

  /** Ends its process without a word. */
  async kill() {
    this.#isEnding = true;
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /**
   * Lets its process stand still for a while.
   *
   * @param {number} ms
   * @param {() => Promise<unknown>} [meanwhile]
   */
  async suspend(ms, meanwhile = async () => {}) {
    const sinceMs = nowMs();
    this.#process?.kill("SIGSTOP");
    await Promise.all([delay(ms), meanwhile()]);
    this.#process?.kill("SIGCONT");
    this.#record.suspended(this.nodeId, { sinceMs, untilMs: nowMs() });
  }

  /**
   * Lets it read these sessions a last time and close everything. Its process then has to end by itself.
   *
   * @param {string[]} ids
   */
  async finish(ids) {
    const child = this.#process;
    if (child === undefined || !child.connected) return;
    const ended = once(child, "exit").then(([code]) => code);
    this.#isEnding = true;
    this.tell({ kind: "finish", ids });
    const disconnected = once(child, "disconnect");
    const isLate = await Promise.race([disconnected.then(() => false), late(FINISH_MS + SETTLE_MS)]);
    if (isLate || !this.#hasFinished) this.#problem("did not come to its end");
    const code = await Promise.race([ended, late(END_MS)]);
    if (code !== 0) this.#problem(code === true ? "its process does not end" : `ended with code ${code}`);
    await this.kill();
  }

  /**
   * @param {string} nodeId
   * @param {import("./settings.mjs").Report} report
   * @param {() => void} started
   */
  #heard(nodeId, report, started) {
    if (report.kind === "finished") this.#hasFinished = true;
    else if (report.kind === "started") {
      this.prefixes = report.prefixes;
      started();
    } else {
      this.#record.told(nodeId, report.events);
      for (const [what, count] of Object.entries(report.done)) {
        this.done[what] = (this.done[what] ?? 0) + count;
      }
      for (const problem of report.problems) this.#problem(problem);
      if (report.memory !== undefined) this.memory.push(report.memory);
    }
  }

  /** @param {string} what */
  #problem(what) {
    if (this.problems.length < PROBLEMS_AT_MOST) this.problems.push(`${this.name}: ${what}`);
  }
}

/**
 * Resolves with `true` after a while, unless the process ends before.
 *
 * @param {number} ms
 */
function late(ms) {
  return delay(ms, true, { ref: false });
}
