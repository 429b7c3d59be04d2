import { Visitor } from "./visitor.mjs";

/** @typedef {import("./browser.mjs").Address} Address */
/** @typedef {import("./visitor.mjs").Read} Read */
/** @typedef {{ visitor: Visitor, isChange: boolean }} Request */

export const VISITORS = 100;
const REQUESTS = 4_000;
const CHANGE_SHARE = 0.03;
export const CONCURRENCY = 8;

/**
 * @param {Address} at
 * @returns {Promise<Visitor[]>}
 */
export async function logInVisitors(at) {
  const visitors = Array.from({ length: VISITORS }, (_, index) => new Visitor(`Visitor ${index + 1}`));
  await inParallel(visitors, (visitor) => visitor.login(at));
  return visitors;
}

/**
 * What visitors ask for: mostly to read their profiles and now and then to change them. The same requests in the same order each time.
 *
 * @param {readonly Visitor[]} visitors
 * @returns {Request[]}
 */
export function planRequests(visitors) {
  const random = randomNumbers();
  return Array.from({ length: REQUESTS }, () => ({
    visitor: /** @type {Visitor} */ (visitors[Math.floor(random() * visitors.length)]),
    isChange: random() < CHANGE_SHARE,
  }));
}

/**
 * Sends requests, several at a time.
 *
 * @param {Address} at
 * @param {readonly Request[]} requests
 * @returns {Promise<Read[]>} what the reads met
 */
export async function send(at, requests) {
  /** @type {Read[]} */
  const reads = [];
  await inParallel(requests, async ({ visitor, isChange }) => {
    if (isChange) await visitor.change(at);
    else reads.push(await visitor.read(at));
  });
  return reads;
}

/**
 * How long after a change was acknowledged by one node the others answered with it, in milliseconds: one figure for each
 * visitor and other node. It contains one HTTP request at least, since that is how it is observed.
 *
 * @param {import("./cluster.mjs").Cluster["nodes"]} nodes
 * @param {readonly Visitor[]} visitors
 */
export async function invalidationTimes(nodes, visitors) {
  /** @type {number[]} */
  const times = [];
  for (const [index, visitor] of visitors.entries()) {
    const writer = nodes[index % nodes.length] ?? nodes[0];
    const others = nodes.filter((node) => node !== writer);
    await Promise.all(others.map((node) => visitor.read(node))); // now they hold it in memory
    await visitor.change(writer);
    times.push(...(await Promise.all(others.map((node) => visitor.readFresh(node)))));
  }
  return times;
}

/**
 * @param {readonly number[]} values
 * @param {number} share from 0 to 1
 */
export function percentile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<void>} run
 */
async function inParallel(items, run) {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const item of rest) await run(item);
    }),
  );
}

/** A linear congruential generator: from 0 to 1, the same numbers each time. */
function randomNumbers() {
  let state = 1;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
