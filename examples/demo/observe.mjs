import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describeAnswer, expectStatus } from "./browser.mjs";
import { ms } from "./terminal.mjs";

/** @typedef {import("./browser.mjs").Answer} Answer */
/** @typedef {import("./browser.mjs").Browser} Browser */
/** @typedef {import("./node-process.mjs").NodeProcess} NodeProcess */

const POLL_INTERVAL_MS = 5;

/**
 * Asks until the answer is the wanted one.
 *
 * @template T
 * @param {() => Promise<T>} ask
 * @param {(answer: T) => boolean} isWanted
 * @param {number} timeoutMs
 * @param {(answer: T) => string} describe the answer, for the error when the time is over
 * @returns {Promise<T>}
 */
export async function until(ask, isWanted, timeoutMs, describe) {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (performance.now() >= deadlineMs) throw new Error(`${describe(answer)} still after ${ms(timeoutMs)}`);
    await delay(POLL_INTERVAL_MS);
  }
}

/**
 * Reads the profile on each of the nodes until it answers as wanted, and says how long each took.
 *
 * @param {readonly NodeProcess[]} nodes
 * @param {Browser} browser
 * @param {(answer: Answer) => boolean} isWanted
 * @param {number} timeoutMs
 */
export async function untilEach(nodes, browser, isWanted, timeoutMs) {
  const startedAtMs = performance.now();
  const times = nodes.map(async (node) => {
    await until(() => browser.profile(node), isWanted, timeoutMs, describeAnswer);
    return `${node.name} after ${ms(performance.now() - startedAtMs)}`;
  });
  return (await Promise.all(times)).join(", ");
}

/**
 * Waits until all nodes may answer from memory, or until none may, and says how long that took.
 *
 * @param {readonly NodeProcess[]} nodes
 * @param {boolean} leaseHeld
 * @param {number} timeoutMs
 */
export async function untilLease(nodes, leaseHeld, timeoutMs) {
  const startedAtMs = performance.now();
  for (const node of nodes) {
    await until(
      () => node.state(),
      (state) => state.leaseHeld === leaseHeld,
      timeoutMs,
      () => `${node.name} answers ${leaseHeld ? "not " : ""}from memory`,
    );
  }
  return `after ${ms(performance.now() - startedAtMs)}`;
}

/**
 * Reads the profile on a node once for each of `sources`, and checks by the node's own count where it had the session from.
 * Nobody else may ask the node meanwhile.
 *
 * @param {NodeProcess} node
 * @param {Browser} browser
 * @param {...("Redis" | "memory")} sources
 */
export async function readFrom(node, browser, ...sources) {
  const observations = [];
  for (const source of sources) {
    const { cache: before } = await node.state();
    const answer = expectStatus(await browser.profile(node), 200);
    const { cache: after } = await node.state();
    const from = after?.misses === before?.misses ? "memory" : "Redis";
    assert(from === source, `${node.name} answered from ${from}, not from ${source}`);
    observations.push(`${source} ${ms(answer.ms)}`);
  }
  return observations.join(", ");
}
