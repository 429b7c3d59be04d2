import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { promisify } from "node:util";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/**
 * Starts a program of this directory that answers messages.
 *
 * @param {string} script
 * @param {readonly string[]} args
 * @param {(() => unknown)[]} stops what ends it is added here
 * @returns {Promise<{ child: ChildProcess, first: any }>} with what it says first
 */
export async function startProcess(script, args, stops) {
  const child = fork(new URL(script, import.meta.url), args);
  stops.push(() => child.kill());
  const [first] = await once(child, "message");
  return { child, first };
}

/**
 * @param {ChildProcess} child
 * @param {object} message
 * @returns {Promise<any>} what it answers
 */
export async function ask(child, message) {
  const ended = new AbortController();
  const onExit = () => ended.abort(new Error("a process of the comparison has ended"));
  child.once("exit", onExit);
  const answer = once(child, "message", { signal: ended.signal });
  child.send(message);
  const [first] = await answer;
  child.off("exit", onExit);
  return first;
}

/**
 * Keeps processes, and those that they start, on one core, where the system can.
 *
 * @param {number} core
 * @param {readonly (number | undefined)[]} pids
 * @returns {Promise<boolean>} whether it could
 */
export async function pin(core, pids) {
  if (process.platform !== "linux" || (core > 0 && cpus().length < 2)) return false;
  try {
    await allow(`${core}`, pids);
    return true;
  } catch {
    return false;
  }
}

/**
 * Takes back what `pin()` did.
 *
 * @param {readonly number[]} pids
 */
export async function unpin(pids) {
  await allow(`0-${cpus().length - 1}`, pids);
}

/**
 * @param {string} cores
 * @param {readonly (number | undefined)[]} pids
 */
async function allow(cores, pids) {
  for (const pid of pids) await promisify(execFile)("taskset", ["-acp", cores, `${pid}`]);
}
