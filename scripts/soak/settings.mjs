/** By what all processes of a soak go: the bound on staleness, and how long a command may take. */
export const MAX_STALENESS_MS = 1_000;
export const COMMAND_TIMEOUT_MS = 800;
/** On more than one master, so that what a failover loses is not all. */
export const PARTITIONS = 6;
/** Longer than any operation may need with all that it repeats, in time that the process itself saw. */
export const SETTLE_MS = 10 * COMMAND_TIMEOUT_MS;

/** The monotonic clock of the machine, which all processes share. */
export function nowMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * What a node tells of one answer: of which session, with which change, asked for and given when.
 *
 * @typedef {object} SoakEvent
 * @property {"changed" | "deleted" | "revoked" | "answered" | "answered strongly"} kind
 * @property {number} partition
 * @property {string} id
 * @property {number} n
 * @property {number} startedAtMs
 * @property {number} endedAtMs
 */

/**
 * What a node is told.
 *
 * @typedef {{ kind: "ids", ids: string[] }
 *   | { kind: "create", id: string }
 *   | { kind: "end", id: string, how: "delete" | "revoke" }
 *   | { kind: "rotate", id: string, newId: string, graceMs: number }
 *   | { kind: "block", ms: number }
 *   | { kind: "finish", ids: string[] }} Order
 */

/**
 * The bytes that a process has after a garbage collection: of objects, of buffers outside of the heap, and of all that it got from the system.
 *
 * @typedef {{ heap: number, external: number, rss: number }} Memory
 */

/**
 * What a node tells. `problems` are defects whatever the history: errors that are no answers, operations that do not end, what is left open.
 *
 * @typedef {{ kind: "started", prefixes: string[] }
 *   | { kind: "told", events: SoakEvent[], done: Record<string, number>, problems: string[], memory?: Memory }
 *   | { kind: "finished" }} Report
 */
