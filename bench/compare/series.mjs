import { compare, spreadOf } from "../harness.mjs";

/**
 * A figure of several rounds, with what it was in each: only round by round can be said who is ahead.
 *
 * @typedef {import("../harness.mjs").Spread & { rounds?: readonly number[] }} Series `rounds` is missing of figures that an
 *   earlier program took
 * @typedef {{ name: string, timeNs: Series, ratio: import("../harness.mjs").Spread }} Timed
 */

/** As many digits of a figure are kept as one can believe. */
const KEPT_DIGITS = 5;

/**
 * @param {readonly number[]} values by round
 * @returns {Series}
 */
export function seriesOf(values) {
  const rounds = values.map((value) => Number(value.toPrecision(KEPT_DIGITS)));
  return { ...spreadOf(rounds), rounds };
}

/**
 * What a figure was in each round.
 *
 * @param {Series | readonly number[]} series
 * @returns {readonly number[]}
 */
export function roundsOf(series) {
  if ("rounds" in series && series.rounds !== undefined) return series.rounds;
  if (!("median" in series)) return series;
  const { least, lower, median, upper, most } = series;
  return [least, lower, median, upper, most]; // of what was not kept round by round, the quantiles stand for rounds
}

/**
 * Times all candidates as `compare()` of the harness does, and keeps what each round said.
 *
 * @param {readonly import("../harness.mjs").Candidate[]} candidates
 * @param {import("../harness.mjs").Effort} effort
 * @returns {Promise<Timed[]>}
 */
export async function timeAll(candidates, effort) {
  const measured = await compare(candidates, effort);
  return measured.map(({ name, timesNs, ratio }) => ({ name, timeNs: seriesOf(timesNs), ratio }));
}

/**
 * Takes a figure of each name in turn, round by round.
 *
 * @param {readonly string[]} names
 * @param {number} rounds
 * @param {(name: string, round: number) => Promise<number>} take
 * @returns {Promise<{ name: string, series: Series }[]>}
 */
export async function takeTurns(names, rounds, take) {
  /** @type {number[][]} */
  const taken = names.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [n, name] of names.entries()) taken[n]?.push(await take(name, round));
  }
  return names.map((name, n) => ({ name, series: seriesOf(taken[n] ?? []) }));
}
