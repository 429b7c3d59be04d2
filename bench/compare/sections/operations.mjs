import { digits, ranged, table, time } from "../markdown.mjs";

/**
 * @typedef {import("../../harness.mjs").Spread} Spread
 * @typedef {import("../../harness.mjs").Measurement} Measurement
 *
 * @typedef {object} Operations
 * @property {import("../../harness.mjs").Effort} effort
 * @property {{ length: number, rows: Measurement[] }[]} cached
 * @property {{ operation: string, width: number, length: number, rows: Measurement[] }[]} remote
 * @property {{ name: string, bytes: Spread }[]} allocated
 * @property {{ name: string, bytes: Spread }[]} heap
 * @property {number} heapSessions
 */

/** A ratio that counts as more than the same. */
const NOISE = 1.1;
/** Who does the same as whom: what is compared where it comes to who is ahead. */
const PEERS_OF = {
  "sessionmesh get": ["bentocache", "node-redis client-side cache", "cacheable"],
  ExpressSessionStore: ["MemoryStore", "memorystore"],
};

/**
 * @param {Operations} operations
 * @returns {import("./coherence.mjs").Section}
 */
export function operationsSection(operations) {
  const { effort, cached, remote, allocated, heap, heapSessions } = operations;
  const names = cached[0]?.rows.map(({ name }) => name) ?? [];
  const timeOf = (/** @type {Measurement | undefined} */ row) =>
    row === undefined ? "" : ranged(row.timeNs, time);
  const text = [
    "## Operations",
    `Without HTTP, ${effort.rounds} rounds of ${effort.roundMs} ms in which all take turns. What is awaited is awaited one after the other; stores of express-session call back. A floor is what nobody can be below who does that much.`,
    "### A read from memory, by the size of the session's JSON",
    table(
      ["", ...cached.map(({ length }) => size(length))],
      names.map((name) => [name, ...cached.map(({ rows }) => timeOf(rows.find((row) => row.name === name)))]),
    ),
    `### What a read from memory allocates, and what a session in memory takes, 1 KB`,
    table(
      ["", "bytes per read"],
      allocated.map(({ name, bytes }) => [name, ranged(bytes, digits)]),
    ),
    `${digits(heapSessions)} sessions of 1 KB in memory, all with an id of their own; heap and buffers after a full collection:`,
    table(
      ["", "bytes per session"],
      heap.map(({ name, bytes }) => [name, ranged(bytes, digits)]),
    ),
    "Who keeps text instead of objects takes less memory, and parses at each read: the times above grow with the size.",
    "### What goes to Redis",
    "Time per operation with so many in flight. `sessionmesh` has a second node that listens; a revocation waits until that node has answered. A miss of bentocache is read with room for one value in memory, those of the others after their own copy was dropped.",
    ...remote.map(({ operation, width, length, rows }) =>
      table(
        [`${operation}, ${size(length)}, ${width} in flight`, "time", "ratio"],
        [...rows.map((row, n) => [row.name, timeOf(row), n === 0 ? "1" : ranged(row.ratio, digits)])],
      ),
    ),
  ].join("\n\n");
  return {
    text,
    charts: {},
    losses: [...cachedLosses(cached), ...memoryLosses(operations), ...remoteLosses(remote)],
  };
}

/** @param {number} length */
const size = (length) => (length < 1_000 ? `${length} B` : `${length / 1_000} KB`);

/** @param {Operations["cached"]} cached */
function cachedLosses(cached) {
  return Object.entries(PEERS_OF).flatMap(([ours, peers]) =>
    peers.flatMap((peer) => {
      const sizes = cached.filter(({ rows }) => ratioOf(rows, ours, peer) > NOISE);
      if (sizes.length === 0) return [];
      const said = sizes.map(
        ({ length, rows }) => `${size(length)}: ${timeIn(rows, ours)} and ${timeIn(rows, peer)}`,
      );
      return [
        `**A read from memory**: ${ours} takes longer than ${peer} (${said.join("; ")}). A store of express-session hands out a copy that the request may change, and keeps what was read for the merge; a parser of JSON makes its copy in the engine itself. A large session shows it most.`,
      ];
    }),
  );
}

/** @param {Operations} operations */
function memoryLosses({ allocated, heap }) {
  const losses = [];
  for (const [ours, peers] of Object.entries(PEERS_OF)) {
    const mine = allocated.find(({ name }) => name === ours)?.bytes.median ?? 0;
    const ahead = allocated.filter(({ name, bytes }) => peers.includes(name) && mine > NOISE * bytes.median);
    if (ahead.length > 0)
      losses.push(
        `**Allocation of a read from memory**: ${digits(mine)} bytes with ${ours}, ${ahead.map(({ name, bytes }) => `${digits(bytes.median)} with ${name}`).join(", ")}. The objects of a session that the request may change are made for each read, and what was read is remembered for the merge. What would change it: a copy that is made when the request first writes.`,
      );
  }
  const ours = heap.find(({ name }) => name.startsWith("sessionmesh"))?.bytes.median ?? 0;
  const ahead = heap.filter(
    ({ name, bytes }) => !/^(sessionmesh|Map)/.test(name) && ours > NOISE * bytes.median,
  );
  if (ahead.length > 0)
    losses.push(
      `**Heap of a session in memory**: ${digits(ours)} bytes with sessionmesh, ${ahead.map(({ name, bytes }) => `${digits(bytes.median)} with ${name}`).join(", ")}. Sessionmesh keeps objects, of which a read costs nothing; text is smaller, and is parsed at each read. What would change it: an option to keep text, for many sessions that are seldom read.`,
    );
  return losses;
}

/** @param {Operations["remote"]} remote */
function remoteLosses(remote) {
  const operations = [...new Set(remote.map(({ operation }) => operation))];
  return operations.flatMap((operation) => {
    const cases = remote
      .filter((one) => one.operation === operation)
      .flatMap(({ width, length, rows }) => {
        const ours = rows.find(({ name }) => name === OURS)?.timeNs.median ?? 0;
        const ahead = rows.filter(
          ({ name, timeNs }) => !/^(sessionmesh|floor)/.test(name) && ours > NOISE * timeNs.median,
        );
        if (ahead.length === 0) return [];
        const theirs = ahead.map(({ name, timeNs }) => `${time(timeNs.median)} with ${name}`).join(", ");
        return [`${size(length)}, ${width} in flight: ${time(ours)} with sessionmesh, ${theirs}`];
      });
    if (cases.length === 0) return [];
    return [`**A ${operation}** (${cases.join("; ")}). ${REASONS[operation] ?? ""}`];
  });
}

/** Whose times stand for sessionmesh: what most will use. */
const OURS = "sessionmesh, node-redis";

/**
 * From profiles of the operations.
 *
 * @type {Record<string, string>}
 */
const REASONS = {
  miss: "What is read is frozen, and takes its place in memory. A script reads the record and what is left of its life in one step, which a GET alone does not; with many in flight, those that wait for their turn go together in one script (`maxConcurrentLoads`). What would change it: little; a miss is one request in a hundred.",
  write:
    "One script checks the revision, writes, moves the chain and publishes; Redis runs it for longer than a SET, and the node that wrote hears its own message. With large sessions it also costs the copy that this node keeps in memory, and Redis the way of a long text through Lua. What would change it: little, without giving up that the write and its message are one.",
  delete:
    "One script deletes, leaves a tombstone, moves the chain and publishes: that is what keeps a late save from bringing the session back. connect-redis sends one DEL, and tells nobody. What would change it: little; deletions are rare.",
};

/**
 * @param {readonly Measurement[]} rows
 * @param {string} ours
 * @param {string} peer
 */
function ratioOf(rows, ours, peer) {
  const of = (/** @type {string} */ name) =>
    rows.find((row) => row.name === name)?.timeNs.median ?? Number.NaN;
  return of(ours) / of(peer);
}

/**
 * @param {readonly Measurement[]} rows
 * @param {string} name
 */
function timeIn(rows, name) {
  return time(rows.find((row) => row.name === name)?.timeNs.median ?? 0);
}
