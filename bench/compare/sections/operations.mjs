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
    "bentocache and cacheable keep values as text unless they are told otherwise; the client-side cache keeps the reply.",
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
        `**Allocation of a read from memory**: ${digits(mine)} bytes with ${ours}, ${ahead.map(({ name, bytes }) => `${digits(bytes.median)} with ${name}`).join(", ")}. The session object of the request, its cookie and the record of what was read are made for each read.`,
      );
  }
  const ours = heap.find(({ name }) => name.startsWith("sessionmesh"))?.bytes.median ?? 0;
  const ahead = heap.filter(
    ({ name, bytes }) => !/^(sessionmesh|Map)/.test(name) && ours > NOISE * bytes.median,
  );
  if (ahead.length > 0)
    losses.push(
      `**Heap of a session in memory**: ${digits(ours)} bytes with sessionmesh, ${ahead.map(({ name, bytes }) => `${digits(bytes.median)} with ${name}`).join(", ")}. Sessionmesh keeps objects, of which a read costs nothing; text is smaller, and is parsed at each read.`,
    );
  return losses;
}

/** @param {Operations["remote"]} remote */
function remoteLosses(remote) {
  return remote.flatMap(({ operation, width, length, rows }) => {
    const [reference] = rows;
    const ours = rows.find(({ name }) => name === "sessionmesh, node-redis");
    if (reference === undefined || ours === undefined) return [];
    const ahead = rows.filter(
      ({ name, timeNs }) => !/^(sessionmesh|floor)/.test(name) && ours.timeNs.median > NOISE * timeNs.median,
    );
    if (ahead.length === 0) return [];
    return [
      `**${operation}, ${size(length)}, ${width} in flight**: ${time(ours.timeNs.median)} with sessionmesh, ${ahead.map(({ name, timeNs }) => `${time(timeNs.median)} with ${name}`).join(", ")}. ${REASONS[operation] ?? ""}`,
    ];
  });
}

/** @type {Record<string, string>} */
const REASONS = {
  miss: "A read decodes a record with its revision and times, freezes it and takes its place in memory; reads take turns at Redis (`maxConcurrentLoads`), 16 at a time.",
  write:
    "One script checks the revision, writes, moves the chain and publishes; Redis runs it for longer than a SET, and the node that wrote hears its own message.",
  delete:
    "One script deletes, leaves a tombstone, moves the chain and publishes: that is what keeps a late save from bringing the session back.",
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
