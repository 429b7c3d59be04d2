import { lineChart } from "../../scale/plot.mjs";
import { judge, together } from "../judge.mjs";
import { digits, median, ranged, spread, table, time } from "../markdown.mjs";

/**
 * @typedef {import("../figures.mjs").Growth} Growth
 * @typedef {import("../figures.mjs").Commands} Commands
 */

const ms = (/** @type {number} */ value) => `${digits(value)} ms`;
const bytes = (/** @type {number} */ value) => `${digits(value)} B`;

/**
 * @param {Growth} growth
 * @param {Commands} [commands]
 * @returns {import("./coherence.mjs").Section}
 */
export function growthSection(growth, commands) {
  const { rounds, caches, starts, imports } = growth;
  const text = [
    "## Growth",
    "### Many sessions in memory",
    `The cache alone, with two numbers for a session, read in no order; ${rounds} rounds. A large table no longer fits the caches of the processor, which the Map shows too.`,
    table(
      ["", "sessions", "a read", "heap per session", "flush of all"],
      caches.map(({ name, sessions, readNs, heapBytes, flushNs }) => [
        name,
        digits(sessions),
        ranged(readNs, time),
        ranged(heapBytes, bytes),
        ranged(flushNs, time),
      ]),
    ),
    "![Time of a read by sessions in memory](comparison/growth-reads.svg)",
    ...(commands === undefined ? [] : moreRequests(commands)),
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
  return {
    text,
    charts: chartsOf(caches, commands),
    judged: together([judgeStarts(starts), judgeImports(imports), judgeRates(commands)]),
  };
}

/** @param {Commands} commands */
function moreRequests({ effort, rates }) {
  return [
    "### More requests",
    `One node, 1,000 sessions of 1 KB, each request reads one and touches it; commands that Redis was sent in a second, those of sessionmesh counted at all rates at the same time, ${effort.rounds === 1 ? "once" : `${effort.rounds} times`} over ${digits(effort.seconds)} s for sessionmesh, which is longer than a copy lives, and ${digits(effort.shortSeconds)} s for connect-redis.`,
    table(
      ["", "requests/s wanted", "requests/s", "commands/s", "commands per 1,000 requests"],
      rates.map(({ name, wanted, perSecond, commandsPerSecond }) => [
        name,
        digits(wanted),
        spread(perSecond),
        spread(commandsPerSecond),
        spread(commandsPerSecond.map((sent, round) => (1_000 * sent) / (perSecond[round] ?? Number.NaN))),
      ]),
    ),
    "![Commands per second by requests per second](comparison/growth-commands.svg)",
  ];
}

/**
 * @param {Growth["caches"]} caches
 * @param {Commands | undefined} commands
 * @returns {Record<string, string>}
 */
function chartsOf(caches, commands) {
  const by = (/** @type {readonly { name: string }[]} */ rows) => [...new Set(rows.map(({ name }) => name))];
  return {
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
    ...(commands && {
      "growth-commands": lineChart({
        title: "Commands for Redis by requests",
        xLabel: "requests per second",
        yLabel: "commands per second",
        series: by(commands.rates).map((label) => ({
          label,
          points: commands.rates
            .filter(({ name }) => name === label)
            .map(
              ({ perSecond, commandsPerSecond }) =>
                /** @type {const} */ ([median(perSecond), median(commandsPerSecond)]),
            ),
        })),
      }),
    }),
  };
}

/** @param {string} name */
const isOurs = (name) => name.startsWith("sessionmesh");

/** @param {Growth["starts"]} starts */
function judgeStarts(starts) {
  return judge(
    {
      what: "Starting",
      reason:
        "A node holds its lease before it answers from memory: its first beat has come back through its own subscription, on a second connection. The client-side cache of node-redis has one connection and waits for nothing. `get()` works before, from Redis.",
      work: "a beat that is sent before the reply to the subscription is there, which saves one round trip of three; the second connection has to be opened.",
    },
    starts
      .filter(({ name }) => isOurs(name))
      .map(({ name, ms: figures }) => ({
        label: "",
        ours: { name, figures },
        peers: starts
          .filter((one) => !isOurs(one.name) && !one.name.startsWith("raw"))
          .map((one) => ({ name: one.name, figures: one.ms })),
        format: ms,
      })),
  );
}

/** @param {Growth["imports"]} imports */
function judgeImports(imports) {
  return judge(
    {
      what: "Loading the package",
      reason:
        "An entry is one file, with what it shares with the others; it is compiled whole. The adapter loads its middleware too, for the class that it extends: express-session, which an application of Express has loaded anyway.",
      work: "parts that are loaded when they are first needed, at the cost of the first request.",
    },
    imports
      .filter(({ name }) => isOurs(name))
      .map(({ name, ms: figures }) => ({
        label: "",
        ours: { name, figures },
        peers: imports
          .filter((one) => !isOurs(one.name) && one.name !== "node alone")
          .map((one) => ({ name: one.name, figures: one.ms })),
        format: ms,
      })),
  );
}

/** @param {Commands | undefined} commands */
function judgeRates(commands) {
  const rates = commands?.rates ?? [];
  return judge(
    {
      what: "Commands by requests",
      reason: "Two beats a second, and what is read again before its time is over.",
      work: "a longer bound, and a longer default of `localCache.ttlMs`.",
    },
    rates
      .filter(({ name }) => isOurs(name))
      .map(({ name, wanted, commandsPerSecond }) => ({
        label: `${digits(wanted)} requests/s`,
        ours: { name, figures: commandsPerSecond },
        peers: rates
          .filter((one) => !isOurs(one.name) && one.wanted === wanted)
          .map((one) => ({ name: one.name, figures: one.commandsPerSecond })),
        format: digits,
      })),
  );
}
