import { RULE, together } from "./judge.mjs";
import { coherenceSection } from "./sections/coherence.mjs";
import { growthSection } from "./sections/growth.mjs";
import { httpSection } from "./sections/http.mjs";
import { operationsSection } from "./sections/operations.mjs";

/** @typedef {import("./figures.mjs").Comparison} Comparison */

/**
 * The page and its charts: nothing but what the figures say.
 *
 * @param {Comparison} comparison
 * @returns {Record<string, string>} by file, relative to the directory of the page
 */
export function pageOf(comparison) {
  const { machine, versions } = comparison;
  const sections = [
    comparison.coherence && coherenceSection(comparison.coherence),
    comparison.http && httpSection(comparison.http, comparison.commands),
    comparison.operations && operationsSection(comparison.operations),
    comparison.growth && growthSection(comparison.growth, comparison.commands),
  ].filter((section) => section !== undefined);
  const text = [
    "# Side by side",
    "What sessionmesh and its peers do on the same machine. This page is written by a program, from [figures](comparison/comparison.json) that anybody can take again:",
    "```sh\nnpm ci\nnpm run compare\n```",
    `Measured on ${Object.values(machine).join(", ")}. ${HOW}`,
    `With ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    ...sections.map(({ text }) => text),
    whereOthersAreAhead(together(sections.map(({ judged }) => judged))),
  ].join("\n\n");
  return {
    "comparison.md": `${text}\n`,
    ...Object.fromEntries(
      sections.flatMap(({ charts }) =>
        Object.entries(charts).map(([name, svg]) => [`comparison/${name}.svg`, svg]),
      ),
    ),
  };
}

/** What all figures have in common. */
const HOW =
  "A figure is the median of several rounds in which all candidates take turns; in brackets stand the least and the most of the rounds, where they differ. Where it is otherwise the page says so: commands are counted beside each other, since nothing is timed then, and of what fails the worst outcome is told. Ratios are taken round by round, and mean more than times: the machine's speed changes from second to second, for all of them.";

/** @param {import("./judge.mjs").Judged} judged */
function whereOthersAreAhead({ losses, withinNoise }) {
  const said = losses.map(({ what, cases, reason, work }) =>
    [
      `### ${what}`,
      cases.map((one) => `- ${one}`).join("\n"),
      `Why: ${reason}`,
      `What would change it: ${work}`,
    ].join("\n\n"),
  );
  return [
    "## Where a peer is ahead, and why",
    RULE,
    losses.length === 0 ? "In nothing that was measured here." : said.join("\n\n"),
    ...(withinNoise.length === 0
      ? []
      : [
          `### Within noise`,
          `The peer's median is the better one, by less than that, in: ${withinNoise.join("; ")}.`,
        ]),
  ].join("\n\n");
}
