import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import type { ClientKind } from "./clients.js";

const SCRIPT = fileURLToPath(new URL("process-node.mjs", import.meta.url));

/** How the node in a process is made. */
export interface ProcessNodeOptions {
  /** One of `CURRENT_CLIENT_KINDS`. */
  readonly kind: ClientKind;
  /** Port for commands. */
  readonly port: number;
  /** Port for the subscription, if that shall take another way. */
  readonly subscribePort?: number;
  readonly prefix: string;
  readonly cluster: object;
  readonly commandTimeoutMs?: number;
}

/** A node in a process of its own, running the built package; ended when the test is over. */
export class ProcessNode {
  readonly #process: ChildProcess;
  #calls = 0;

  static async start({ kind, ...options }: ProcessNodeOptions): Promise<ProcessNode> {
    const client = kind.name.startsWith("ioredis") ? "ioredis" : "node-redis";
    const child = fork(SCRIPT, [JSON.stringify({ ...options, client })], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await Promise.race([
      once(child, "message"),
      once(child, "exit").then(([code]) => Promise.reject(new Error(`the node ended with code ${code}`))),
    ]);
    return new ProcessNode(child);
  }

  private constructor(child: ChildProcess) {
    this.#process = child;
    child.setMaxListeners(0);
  }

  /** Lets the node run one of the commands of `process-node.mjs`. */
  call(command: string, ...args: unknown[]): Promise<unknown> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      const onMessage = (reply: { call: number; result?: unknown; error?: string }) => {
        if (reply.call !== call) return;
        this.#process.off("message", onMessage);
        if (reply.error === undefined) resolve(reply.result);
        else reject(new Error(reply.error));
      };
      this.#process.on("message", onMessage);
      this.#process.send({ call, command, args });
    });
  }

  /** Stops the process as it is, like a debugger or an overloaded machine. */
  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Ends the process without a word. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
