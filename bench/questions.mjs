/**
 * The questions, each answered by `run()` of the module of its name.
 *
 * @typedef {object} Context
 * @property {string} redisUrl
 * @property {import("./harness.mjs").Effort} effort
 * @property {boolean} quick whether only to show that everything works: few and small, and figures that mean nothing
 *
 * @typedef {{ run(context: Context): Promise<import("./report.mjs").Table[]> }} Question
 */
export const QUESTIONS = [
  "reads",
  "writes",
  "memory",
  "eviction",
  "invalidation",
  "fan-out",
  "revocation",
  "commands",
  "concurrency",
  "requests",
];
