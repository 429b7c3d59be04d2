import { median } from "./markdown.mjs";
import { roundsOf } from "./series.mjs";

/**
 * Who is ahead. A candidate is behind a peer if it was so in four of five rounds, and by more than a twentieth in the median of the
 * ratios, round by round: the machine's speed is the same for both then. What is less is noise; it is told all the same.
 *
 * @typedef {import("./series.mjs").Series} Series
 *
 * @typedef {object} Entry
 * @property {string} name
 * @property {Series | readonly number[] | undefined} figures none: it was not measured
 *
 * @typedef {object} Case one row of a table, or one cell
 * @property {string} label where it stands; may be empty
 * @property {Entry} ours
 * @property {readonly Entry[]} peers
 * @property {(value: number) => string} format
 * @property {boolean} [moreIsBetter]
 *
 * @typedef {object} Reason
 * @property {string} what
 * @property {string} reason why a peer is ahead
 * @property {string} work what would change it
 *
 * @typedef {Reason & { cases: readonly string[] }} Loss `cases` have the figures; none: `reason` has them
 *
 * @typedef {object} Judged
 * @property {readonly Loss[]} losses
 * @property {readonly string[]} withinNoise where the median of a peer is ahead, and no more can be said
 */

/** By how much a peer has to be ahead. */
export const MARGIN = 1.05;
/** In how many of the rounds. */
export const SHARE_OF_ROUNDS = 0.8;

/** The rule, as the page states it. */
export const RULE =
  "A peer counts as ahead if it was so in four of five rounds, and by more than 5 % in the median of the rounds' ratios. Compared is who does the same: cached reads of stores with those of stores, adapters with adapters, middlewares with the same options.";

/**
 * @param {Reason} reason
 * @param {readonly Case[]} cases
 * @returns {Judged}
 */
export function judge({ what, reason, work }, cases) {
  const lost = [];
  const withinNoise = [];
  for (const { label, ours, peers, format, moreIsBetter = false } of cases) {
    const found = peers.map(({ name, figures }) => ({
      name,
      figures,
      verdict: compareRounds(ours.figures, figures, moreIsBetter),
    }));
    const ahead = found.filter(({ verdict }) => verdict === "ahead");
    const near = found.filter(({ verdict }) => verdict === "noise");
    if (ahead.length > 0) {
      const said = (/** @type {Entry} */ { name, figures }) =>
        `${format(median(roundsOf(figures ?? [])))} with ${name}`;
      lost.push(`${label && `${label}: `}${said(ours)}, ${ahead.map(said).join(", ")}`);
    }
    if (near.length > 0)
      withinNoise.push(
        `${[what, label].filter(Boolean).join(", ")}: ${ours.name} and ${near.map(({ name }) => name).join(", ")}`,
      );
  }
  return { losses: lost.length === 0 ? [] : [{ what, reason, work, cases: lost }], withinNoise };
}

/**
 * @param {readonly Judged[]} judged
 * @returns {Judged}
 */
export function together(judged) {
  return {
    losses: judged.flatMap(({ losses }) => losses),
    withinNoise: judged.flatMap(({ withinNoise }) => withinNoise),
  };
}

/**
 * @param {Entry["figures"]} ours
 * @param {Entry["figures"]} theirs
 * @param {boolean} moreIsBetter
 * @returns {"ahead" | "noise" | "behind"} how the peer stands
 */
function compareRounds(ours, theirs, moreIsBetter) {
  if (ours === undefined || theirs === undefined) return "behind";
  const others = roundsOf(theirs);
  const leads = roundsOf(ours).flatMap((mine, round) => {
    const other = others[round];
    if (other === undefined) return [];
    return [moreIsBetter ? other / mine : mine / other];
  });
  const lead = median(leads);
  if (!(lead > 1)) return "behind";
  const ahead = leads.filter((one) => one > 1).length;
  return lead > MARGIN && ahead >= SHARE_OF_ROUNDS * leads.length ? "ahead" : "noise";
}
