import { setImmediate as turnOfEventLoop } from "node:timers/promises";

/**
 * Compares operations side by side.
 *
 * The machine's speed changes from second to second, so no figure means much alone: every round runs all candidates, one after
 * the other, for some milliseconds each, and a ratio is taken within a round. What is reported is the median of the rounds with the
 * quartiles around it.
 */

/**
 * @typedef {object} Candidate
 * @property {string} name
 * @property {(count: number) => unknown} run performs the operation `count` times; awaited. See `repeat` and the others below
 * @property {(count: number) => unknown} [prepare] what each batch needs, untimed; awaited
 *
 * @typedef {object} Effort
 * @property {number} rounds
 * @property {number} roundMs how long one candidate runs in a round, about
 * @property {number} warmUpMs how long each runs before the first round
 *
 * @typedef {object} Spread
 * @property {number} median
 * @property {number} lower the first quartile
 * @property {number} upper the third quartile
 * @property {number} least
 * @property {number} most
 *
 * @typedef {object} Measurement
 * @property {string} name
 * @property {Spread} timeNs per operation
 * @property {Spread} ratio to the reference, round by round
 * @property {readonly number[]} timesNs per operation, by round
 */

/** How many results of an operation are kept at a time. */
const KEPT = 8;
/** Results escape into here, so that no operation is without effect and none can be optimised away. */
const kept = Array(KEPT);

/**
 * Times all candidates. The first is the reference.
 *
 * @param {readonly Candidate[]} candidates
 * @param {Effort} effort
 * @returns {Promise<Measurement[]>}
 */
export async function compare(candidates, { rounds, roundMs, warmUpMs }) {
  /** @type {number[]} */
  const counts = [];
  for (const candidate of candidates) counts.push(await warmUp(candidate, warmUpMs, roundMs));
  /** @type {number[][]} by candidate, then by round */
  const timesNs = candidates.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, candidate] of candidates.entries()) {
      const count = /** @type {number} */ (counts[i]);
      timesNs[i]?.push((await timeNs(candidate, count)) / count);
    }
  }
  const [reference = []] = timesNs;
  return candidates.map(({ name }, i) => {
    const times = timesNs[i] ?? [];
    const ratios = times.map((time, round) => time / (reference[round] ?? Number.NaN));
    return { name, timeNs: spreadOf(times), ratio: spreadOf(ratios), timesNs: times };
  });
}

/**
 * Runs a candidate until it is compiled, and finds out how many operations fill a round.
 *
 * @param {Candidate} candidate
 * @param {number} warmUpMs
 * @param {number} roundMs
 * @returns {Promise<number>}
 */
async function warmUp(candidate, warmUpMs, roundMs) {
  let spentMs = 0;
  for (let count = 1; ; ) {
    const elapsedMs = (await timeNs(candidate, count)) / 1e6;
    spentMs += elapsedMs;
    const fitting = Math.max(1, Math.round((count * roundMs) / Math.max(elapsedMs, 1e-3)));
    if (spentMs >= warmUpMs && elapsedMs >= roundMs / 2) return fitting;
    count = Math.min(fitting, count * 4);
  }
}

/**
 * @param {Candidate} candidate
 * @param {number} count
 */
async function timeNs({ run, prepare }, count) {
  await prepare?.(count);
  await turnOfEventLoop(); // beats, replies and timers that have piled up are nobody's time
  const startedAt = process.hrtime.bigint();
  await run(count);
  return Number(process.hrtime.bigint() - startedAt);
}

/**
 * Calls a synchronous operation in a loop.
 *
 * @param {(i: number) => unknown} operation
 * @returns {Candidate["run"]}
 */
export function repeat(operation) {
  return (count) => {
    for (let i = 0; i < count; i++) kept[i % KEPT] = operation(i);
  };
}

/**
 * Awaits each operation before the next one begins, as a request handler does: the figure contains the `await` itself.
 *
 * @param {(i: number) => unknown} operation
 * @returns {Candidate["run"]}
 */
export function inSequence(operation) {
  return async (count) => {
    for (let i = 0; i < count; i++) kept[i % KEPT] = await operation(i);
  };
}

/**
 * Begins each operation in the callback of the one before: the figure is the time until the callback ran.
 *
 * @param {(i: number, callback: (error?: unknown, result?: unknown) => void) => void} operation must not call back before it returns
 * @returns {Candidate["run"]}
 */
export function byCallback(operation) {
  return (count) =>
    new Promise((resolve, reject) => {
      let done = 0;
      /** @type {(error?: unknown, result?: unknown) => void} */
      const next = (error, result) => {
        if (error) return reject(error);
        kept[done % KEPT] = result;
        if (++done === count) resolve(undefined);
        else operation(done, next);
      };
      operation(0, next);
    });
}

/**
 * Keeps `width` operations on their way at a time: the figure is the time per operation, the inverse of the throughput.
 *
 * @param {number} width
 * @returns {(operation: (i: number) => Promise<unknown>) => Candidate["run"]}
 */
export function inFlight(width) {
  return (operation) => async (count) => {
    let begun = 0;
    const lane = async () => {
      while (begun < count) {
        const i = begun++;
        kept[i % KEPT] = await operation(i);
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
  };
}

/**
 * @param {readonly number[]} values
 * @returns {Spread}
 */
export function spreadOf(values) {
  const [median, lower, upper, least, most] = [0.5, 0.25, 0.75, 0, 1].map((q) => quantile(values, q));
  return /** @type {Spread} */ ({ median, lower, upper, least, most });
}

/**
 * The smallest value that at least the fraction `q` of all does not exceed.
 *
 * @param {readonly number[]} values
 * @param {number} q
 */
export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}
