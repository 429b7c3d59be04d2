import { lineChart } from "../../scale/plot.mjs";
import { digits, ranged, table, time } from "../markdown.mjs";

/**
 * @typedef {import("../../harness.mjs").Spread} Spread
 *
 * @typedef {object} Growth
 * @property {number} rounds
 * @property {{ name: string, sessions: number, readNs: Spread, heapBytes: number, flushNs: Spread }[]} caches
 * @property {{ name: string, wanted: number, perSecond: number, commandsPerSecond: number }[]} rates
 * @property {number} rateSeconds
 * @property {{ name: string, ms: Spread }[]} starts
 * @property {{ name: string, ms: Spread }[]} imports
 */

/** A ratio that counts as more than the same. */
const NOISE = 1.1;

/**
 * @param {Growth} growth
 * @returns {import("./coherence.mjs").Section}
 */
export function growthSection(growth) {
  const { rounds, caches, rates, rateSeconds, starts, imports } = growth;
  const ms = (/** @type {number} */ value) => `${digits(value)} ms`;
  const text = [
    "## Growth",
    `### Many sessions in memory`,
    `The cache alone, with two numbers for a session, read in no order; ${rounds} rounds. A large table no longer fits the caches of the processor, which the Map shows too.`,
    table(
      ["", "sessions", "a read", "heap per session", "flush of all"],
      caches.map(({ name, sessions, readNs, heapBytes, flushNs }) => [
        name,
        digits(sessions),
        ranged(readNs, time),
        `${digits(heapBytes)} B`,
        ranged(flushNs, time),
      ]),
    ),
    "![Time of a read by sessions in memory](comparison/growth-reads.svg)",
    "### More requests",
    `One node, 1,000 sessions of 1 KB, each request reads one and touches it; commands that Redis was sent in a second, over ${digits(rateSeconds)} s for sessionmesh.`,
    table(
      ["", "requests/s wanted", "requests/s", "commands/s", "commands per 1,000 requests"],
      rates.map(({ name, wanted, perSecond, commandsPerSecond }) => [
        name,
        digits(wanted),
        digits(perSecond),
        digits(commandsPerSecond),
        digits((1_000 * commandsPerSecond) / perSecond),
      ]),
    ),
    "![Commands per second by requests per second](comparison/growth-commands.svg)",
    "### Starting",
    "Until a node is connected, has subscribed and can answer from memory, in a process that has opened such a one before:",
    table(
      ["", "time"],
      starts.map(({ name, ms: spread }) => [name, ranged(spread, ms)]),
    ),
    "A process that loads the package and ends:",
    table(
      ["", "time"],
      imports.map(({ name, ms: spread }) => [name, ranged(spread, ms)]),
    ),
  ].join("\n\n");
  const by = (/** @type {readonly { name: string }[]} */ rows) => [...new Set(rows.map(({ name }) => name))];
  const charts = {
    "growth-reads": lineChart({
      title: "Time of a read by sessions in memory",
      xLabel: "sessions",
      yLabel: "nanoseconds",
      logX: true,
      series: by(caches).map((label) => ({
        label,
        points: caches
          .filter(({ name }) => name === label)
          .map(({ sessions, readNs }) => /** @type {const} */ ([sessions, readNs.median])),
      })),
    }),
    "growth-commands": lineChart({
      title: "Commands for Redis by requests",
      xLabel: "requests per second",
      yLabel: "commands per second",
      series: by(rates).map((label) => ({
        label,
        points: rates
          .filter(({ name }) => name === label)
          .map(({ perSecond, commandsPerSecond }) => /** @type {const} */ ([perSecond, commandsPerSecond])),
      })),
    }),
  };
  return { text, charts, losses: [...startLosses(starts), ...importLosses(imports)] };
}

/** @param {Growth["starts"]} starts */
function startLosses(starts) {
  return starts
    .filter(({ name }) => name.startsWith("sessionmesh"))
    .flatMap((ours) => {
      const ahead = starts.filter(
        ({ name, ms }) => !/^(sessionmesh|raw)/.test(name) && ours.ms.median > NOISE * ms.median,
      );
      if (ahead.length === 0) return [];
      return [
        `**Starting**: ${digits(ours.ms.median)} ms with ${ours.name}, ${ahead.map(({ name, ms }) => `${digits(ms.median)} ms with ${name}`).join(", ")}. A node holds its lease before it answers from memory: its first beat has come back through its own subscription, on a second connection. \`get()\` works before, from Redis.`,
      ];
    });
}

/** @param {Growth["imports"]} imports */
function importLosses(imports) {
  const ours = imports.find(({ name }) => name === "sessionmesh");
  const ahead = imports.filter(
    ({ name, ms }) => !/^(sessionmesh|node alone)/.test(name) && (ours?.ms.median ?? 0) > NOISE * ms.median,
  );
  if (ours === undefined || ahead.length === 0) return [];
  return [
    `**Loading the package**: ${digits(ours.ms.median)} ms with sessionmesh, ${ahead.map(({ name, ms }) => `${digits(ms.median)} ms with ${name}`).join(", ")}. An entry is one file, with what it shares with the others; it is compiled whole. What would change it: parts that are loaded when they are first needed, at the cost of the first request.`,
  ];
}
