/**
 * What `run.mjs` measures and the page shows, part by part: between the programs that measure, which need the peers, and those that
 * write the page, which do not.
 *
 * @typedef {import("../harness.mjs").Effort} Effort
 * @typedef {import("./series.mjs").Series} Series
 * @typedef {import("./series.mjs").Timed} Timed
 *
 * @typedef {object} Comparison parts that were not measured are missing
 * @property {Record<string, string>} machine
 * @property {Record<string, string>} versions
 * @property {Coherence} [coherence]
 * @property {Http} [http]
 * @property {Commands} [commands]
 * @property {Operations} [operations]
 * @property {Growth} [growth]
 *
 * @typedef {object} Outcome of a story
 * @property {number} staleMs for how long after the change the node still answered with the old value; 0: never
 * @property {number} silentMs for how long it gave no answer
 * @property {boolean} resurrected whether the old value came back after a right answer
 * @property {string} [crash] the error that would have ended the process
 *
 * @typedef {object} Coherence
 * @property {number} rounds
 * @property {number} ttlMs
 * @property {number} watchMs
 * @property {number} writes of which each round of the latencies consists
 * @property {{ key: string, name: string, configuration: string, outcomes: Record<string, Outcome[]> }[]} peers
 * @property {{ key: string, name: string }[]} stories
 * @property {{ name: string, expected: number, wrong: string, left: Record<string, number[]> }[]} http
 * @property {{ name: string, p50Ms: number[], p99Ms: number[] }[]} latency
 *
 * @typedef {"mixed" | "reads" | "calm"} Load
 * @typedef {{ key: string, stack: string, store: string, variant?: string, configuration: string }} Site
 *
 * @typedef {object} Cell one application under one load, by round
 * @property {string} site
 * @property {Load} load
 * @property {number} latencyMs
 * @property {number[]} perSecond
 * @property {number[]} p50Ms
 * @property {number[]} p99Ms
 * @property {number[]} cpuUsPerRequest of the application
 * @property {number[]} redisCpuUsPerRequest
 * @property {number} failed
 *
 * @typedef {object} Http
 * @property {{ sessions: number, rounds: number, seconds: number }} effort
 * @property {boolean} pinned whether the application had a core of its own
 * @property {Site[]} sites
 * @property {{ latencyMs: number, roundTripMs: number[] }[]} roundTrips as measured, by round
 * @property {Cell[]} cells
 *
 * @typedef {object} Commands
 * @property {{ sessions: number, rounds: number, perSecond: number, seconds: number, shortSeconds: number }} effort
 * @property {{ site: string, load: Load, requests: number[], commands: number[] }[]} http by round
 * @property {{ name: string, wanted: number, perSecond: number[], commandsPerSecond: number[] }[]} rates by round
 *
 * @typedef {object} Operations
 * @property {Effort} effort
 * @property {Record<string, string>} readers how those of the cached reads are set up
 * @property {Record<string, string>} remotes how those of what goes to Redis are
 * @property {{ length: number, width: number, rows: Timed[] }[]} cached by the length of a session's JSON, and how many are in flight
 * @property {{ operation: string, width: number, length: number, rows: Timed[] }[]} remote by how many are in flight
 * @property {{ name: string, bytes: Series }[]} allocated per cached read of 1 KB
 * @property {{ name: string, bytes: Series }[]} heap per cached session of 1 KB
 * @property {number} heapSessions
 * @property {{ name: string, sessions: number, length: number, bytes: Series }[]} million per session, of very many
 *
 * @typedef {object} Growth
 * @property {number} rounds
 * @property {{ name: string, sessions: number, readNs: Series, heapBytes: Series, flushNs: Series }[]} caches
 * @property {{ name: string, ms: Series }[]} starts until a node can answer from memory
 * @property {{ name: string, ms: Series }[]} imports until a process has loaded the package and ended
 */
export {};
