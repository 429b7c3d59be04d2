import { execFile } from "node:child_process";
import { ROOT } from "./source.js";

export interface Outcome {
  /** The exit code, or the name of what ended the process. */
  readonly code: number | string;
  /** All that it printed: its output, then its errors. */
  readonly output: string;
}

export interface RunOptions {
  /** Default: the repository. */
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: string;
  readonly timeoutMs: number;
}

/** Runs a program to its end, whatever that is. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const { cwd = ROOT, env, stdin = "", timeoutMs } = options;
  const settings = { cwd, env: { ...process.env, ...env }, timeout: timeoutMs };
  return new Promise((resolve) => {
    const child = execFile(command, args, settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? error.signal ?? error.message);
      resolve({ code, output: stdout + stderr });
    });
    child.stdin?.end(stdin);
  });
}
