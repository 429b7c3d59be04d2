import { coherenceSection } from "./sections/coherence.mjs";
import { growthSection } from "./sections/growth.mjs";
import { httpSection } from "./sections/http.mjs";
import { operationsSection } from "./sections/operations.mjs";

/**
 * @typedef {object} Comparison what `run.mjs` has measured; parts that were not measured are missing
 * @property {Record<string, string>} machine
 * @property {Record<string, string>} versions
 * @property {import("./sections/coherence.mjs").Coherence} [coherence]
 * @property {import("./sections/http.mjs").Http} [http]
 * @property {import("./sections/operations.mjs").Operations} [operations]
 * @property {import("./sections/growth.mjs").Growth} [growth]
 */

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
    comparison.http && httpSection(comparison.http),
    comparison.operations && operationsSection(comparison.operations),
    comparison.growth && growthSection(comparison.growth),
  ].filter((section) => section !== undefined);
  const text = [
    "# Side by side",
    "What sessionmesh and its peers do on the same machine in the same run. This page is written by a program, from [figures](comparison/comparison.json) that anybody can take again:",
    "```sh\nnpm ci\nnpm run compare\n```",
    `Measured on ${Object.values(machine).join(", ")}. Every figure is the median of several rounds in which all candidates take turns; the least and the most stand in brackets. Ratios mean more than times.`,
    `With ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}.`,
    ...sections.map(({ text }) => text),
    whereOthersAreAhead(sections.flatMap(({ losses }) => losses)),
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

/** @param {readonly string[]} losses */
function whereOthersAreAhead(losses) {
  const said =
    losses.length === 0 ? "In nothing that was measured here." : losses.map((loss) => `- ${loss}`).join("\n");
  return `## Where a peer is ahead, and why\n\n${said}`;
}
