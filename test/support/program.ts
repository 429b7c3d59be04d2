import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.js";

/** A process beside many others takes its time to load what it imports. */
const START_MS = 25_000;
const REPOSITORY = resolve(import.meta.dirname, "../..");

/** A running script of this repository, killed when the test is over. */
export class Program {
  readonly #process: ChildProcess;
  readonly #end: Promise<unknown[]>;
  #output = "";

  /** Runs `node <file>`, the file named from the root of the repository, without a terminal or colours. */
  constructor(file: string, env: NodeJS.ProcessEnv, args: readonly string[] = []) {
    this.#process = spawn(process.execPath, [resolve(REPOSITORY, file), ...args], {
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#end = once(this.#process, "close");
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        this.#output += text;
      });
    }
    onTestFinished(() => void this.#process.kill("SIGKILL"));
  }

  /** All that it printed so far, errors included. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has printed this, and returns what the first group matched. */
  async printed(pattern: RegExp, options = { timeoutMs: START_MS }): Promise<string> {
    return eventually(() => pattern.exec(this.#output)?.[1] ?? false, options);
  }

  /** Waits for its end; the exit code, or the signal that ended it. */
  async ended(): Promise<unknown> {
    const [code, signal] = await this.#end;
    return code ?? signal;
  }

  interrupt(): void {
    this.#process.kill("SIGINT");
  }
}
