import { together } from "../judge.mjs";
import { digits, ranged, size, table, time } from "../markdown.mjs";
import { judgeCached, judgeMemory, judgeRemote } from "./operations-judged.mjs";

/**
 * @typedef {import("../figures.mjs").Operations} Operations
 * @typedef {import("../series.mjs").Timed} Timed
 */

/**
 * @param {Operations} operations
 * @returns {import("./coherence.mjs").Section}
 */
export function operationsSection(operations) {
  const { effort, readers, remotes, cached, remote, allocated, heap, heapSessions, million } = operations;
  const lengths = [...new Set(cached.map(({ length }) => length))];
  const cachedTable = (/** @type {number} */ width) => {
    const columns = cached.filter((one) => one.width === width);
    const names = columns[0]?.rows.map(({ name }) => name) ?? [];
    return table(
      ["", ...columns.map(({ length }) => size(length))],
      names.map((name) => [
        name,
        ...columns.map(({ rows }) => timeOf(rows.find((row) => row.name === name))),
      ]),
    );
  };
  const widths = [...new Set(cached.map(({ width }) => width))];
  const text = [
    "## Operations",
    `Without HTTP, ${effort.rounds} rounds of ${effort.roundMs} ms in which all take turns. Each gets what its users give it: stores of a middleware a session with its cookie, all others plain data. What is awaited is awaited one after the other; stores of express-session call back. A floor is what nobody can be below who does that much.`,
    "### A read from memory, by the size of the session's JSON",
    setups(readers),
    cachedTable(1),
    ...widths
      .filter((width) => width > 1)
      .flatMap((width) => [
        `The same with ${width} in flight, time per read. Nobody has anything to wait for, so that this is the time before, and that of the promises:`,
        cachedTable(width),
      ]),
    "### What a read from memory allocates, and what a session in memory takes",
    "A read of 1 KB:",
    table(
      ["", "bytes per read"],
      allocated.map(({ name, bytes }) => [name, ranged(bytes, digits)]),
    ),
    `${digits(heapSessions)} sessions of 1 KB in memory, all with an id of their own; heap and buffers after a full collection, each in a process of its own:`,
    table(
      ["", "bytes per session"],
      heap.map(({ name, bytes }) => [name, ranged(bytes, digits)]),
    ),
    ...(million.length === 0
      ? []
      : [
          `${digits(million[0]?.sessions ?? 0)} sessions of ${size(million[0]?.length ?? 0)}; filled once, since that takes a minute, and weighed after each fifth of them. A heap of so many is larger than Node's default allows (\`--max-old-space-size\`), and so is the cache's: \`localCache.maxEntries\` and \`maxBytes\` are raised.`,
          table(
            ["", "bytes per session"],
            million.map(({ name, bytes }) => [name, ranged(bytes, digits)]),
          ),
        ]),
    "Who keeps text instead of objects takes less memory, and parses at each read: the times above grow with the size.",
    "### What goes to Redis",
    "Time per operation with so many in flight. `sessionmesh` has a second node that listens; a revocation waits until that node has answered. A miss of bentocache is read with room for one value in memory, those of the others after their own copy was dropped. MemoryStore and memorystore have no Redis: they are here for what that costs. Deletions are timed with sessions of 1 KB alone: what is sent is an id, whatever the session's size.",
    setups(remotes),
    ...lengths.flatMap((length) =>
      remote
        .filter((one) => one.length === length)
        .map(({ operation, width, rows }) =>
          table(
            [`${operation}, ${size(length)}, ${width} in flight`, "time", "ratio"],
            [...rows.map((row, n) => [row.name, timeOf(row), n === 0 ? "1" : ranged(row.ratio, digits)])],
          ),
        ),
    ),
  ].join("\n\n");
  return {
    text,
    charts: {},
    judged: together([judgeCached(cached), judgeMemory(operations), judgeRemote(remote)]),
  };
}

/** @param {Timed | undefined} row */
const timeOf = (row) => (row === undefined ? "" : ranged(row.timeNs, time));

/** @param {Record<string, string>} configurations */
function setups(configurations) {
  return Object.entries(configurations)
    .map(([name, configuration]) => `- ${name}: \`${configuration}\``)
    .join("\n");
}
