import { predictLoad, simulateScale } from "sessionmesh/testing";

/**
 * @typedef {import("sessionmesh/testing").ScaleOptions} ScaleOptions
 * @typedef {import("sessionmesh/testing").ScaleResult} ScaleResult
 */

const SEED = 1;
/** A cache that is soon in a steady state, to compare with the cost model. */
const STEADY = {
  cacheTtlMs: 5_000,
  warmUpMs: 10_000,
  measuredMs: 5_000,
  requestsPerSecond: 2_000,
  writeShare: 0.005,
};
/**
 * More than Redis can answer from cold: its capacity is 20,000 commands per second here.
 *
 * @type {Omit<ScaleOptions, "seed">}
 */
const BUSY = {
  nodes: 400,
  requestsPerSecond: 40_000,
  writeShare: 0.0005,
  warmUpMs: 8_000,
  measuredMs: 6_000,
  event: { kind: "failover", lostMs: 200, downMs: 1_000 },
};
/** @type {import("sessionmesh/testing").ScaleEvent} */
const LOGOUT = { kind: "mass logout", sessions: 500, overMs: 1_000 };

/** @type {readonly Omit<ScaleOptions & { name: string }, "seed">[]} */
export const STEADY_FLEETS = [
  { ...STEADY, name: "10 nodes, sticky", nodes: 10 },
  { ...STEADY, name: "10 nodes, random", nodes: 10, routing: "random" },
  { ...STEADY, name: "100 nodes, sticky", nodes: 100 },
  { ...STEADY, name: "100 nodes, random", nodes: 100, routing: "random" },
  { ...STEADY, name: "1,000 nodes, sticky", nodes: 1_000 },
  { ...STEADY, name: "1,000 nodes, random", nodes: 1_000, routing: "random" },
  { ...STEADY, name: "2,000 nodes, sticky", nodes: 2_000 },
  { ...STEADY, name: "2,000 nodes, random", nodes: 2_000, routing: "random" },
];

const DEPLOY = {
  requestsPerSecond: 5_000,
  warmUpMs: 8_000,
  measuredMs: 8_000,
  event: /** @type {const} */ ({ kind: "deploy", overMs: 2_000 }),
};
const MASS_LOGOUT = { requestsPerSecond: 1_000, warmUpMs: 6_000, measuredMs: 8_000, event: LOGOUT };

/** @type {Readonly<Record<string, Omit<ScaleOptions, "seed">>>} */
export const EVENTS = {
  deploy: { ...DEPLOY, nodes: 1_000 },
  "deploy, 2,000 nodes": { ...DEPLOY, nodes: 2_000 },
  "failover, without turns": { ...BUSY, maxConcurrentLoads: 10_000 },
  "failover, with turns": BUSY,
  "failover, 2,000 nodes": { ...BUSY, nodes: 2_000 },
  "failover, 2,000 nodes, turns of 2": { ...BUSY, nodes: 2_000, maxConcurrentLoads: 2 },
  "mass logout": { ...MASS_LOGOUT, nodes: 1_000 },
  "mass logout, 2,000 nodes": { ...MASS_LOGOUT, nodes: 2_000, measuredMs: 20_000 },
};

/** For `--short`: shows that everything works. */
export const SHORT = { nodes: 5, sessions: 1_000, requestsPerSecond: 100, warmUpMs: 500, measuredMs: 500 };

/**
 * Simulates a fleet; what the cost model says of it, too.
 *
 * @param {Omit<ScaleOptions, "seed">} options
 */
export async function simulateFleet(options) {
  const result = await simulateScale({ ...options, seed: SEED });
  return { result, predicted: predictLoad(result.load) };
}
