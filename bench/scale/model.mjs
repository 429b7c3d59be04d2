import { DEFAULT_MAX_STALENESS_MS } from "sessionmesh";

/**
 * The cost model of `docs/internals/scale.md` beside a measurement: its constants are fitted on every other size of the fleet, for each rate
 * of writes, and checked on the sizes between them.
 *
 * @typedef {import("./measure.mjs").Measured} Measured
 *
 * @typedef {{ fixed: number, perNode: number }} Line
 *
 * @typedef {object} Constants at one rate of writes
 * @property {number} writesPerSecond
 * @property {Line} cpuUs of a write: what it costs by itself, and for each node that is told
 * @property {Line} bytes that Redis sends for a write
 *
 * @typedef {object} Beside one prediction and what was measured
 * @property {number} nodes
 * @property {number} writesPerSecond
 * @property {boolean} isFitted whether the constants are from this one; otherwise it checks them
 * @property {number} beats predicted per second
 * @property {number} cpuUs predicted per write
 * @property {number} bytes predicted per write
 * @property {Measured} measured
 */

/** How often a node sends a beat within the bound. */
const BEATS_PER_LEASE = 4;

/**
 * @param {readonly Measured[]} measured
 * @returns {{ constants: Constants[], beside: Beside[] }}
 */
export function checkModel(measured) {
  const writing = measured.filter(({ writesPerSecond }) => writesPerSecond > 0);
  const sizes = [...new Set(writing.map(({ nodes }) => nodes))];
  const fitted = sizes.filter((_, n) => n % 2 === 0);
  const rates = [...new Set(writing.map(({ writesPerSecond }) => writesPerSecond))];
  const constants = rates.map((writesPerSecond) => {
    const points = writing.filter(
      (one) => one.writesPerSecond === writesPerSecond && fitted.includes(one.nodes),
    );
    const line = (/** @type {"cpuUsPerWrite" | "bytesPerWrite"} */ key) =>
      lineThrough(points.map((one) => ({ nodes: one.nodes, cost: one[key].median })));
    return { writesPerSecond, cpuUs: line("cpuUsPerWrite"), bytes: line("bytesPerWrite") };
  });
  const beside = constants.flatMap(({ writesPerSecond, cpuUs, bytes }) =>
    writing
      .filter((one) => one.writesPerSecond === writesPerSecond)
      .map((one) => ({
        nodes: one.nodes,
        writesPerSecond,
        isFitted: fitted.includes(one.nodes),
        beats: (BEATS_PER_LEASE * one.nodes * 1_000) / DEFAULT_MAX_STALENESS_MS,
        cpuUs: cpuUs.fixed + cpuUs.perNode * one.nodes,
        bytes: bytes.fixed + bytes.perNode * one.nodes,
        measured: one,
      })),
  );
  return { constants, beside };
}

/**
 * The line that is off by the least share of what each point says: a few nodes count as much as many.
 *
 * @param {readonly { nodes: number, cost: number }[]} points
 * @returns {Line}
 */
function lineThrough(points) {
  const sum = (/** @type {(point: { nodes: number, cost: number }) => number} */ of) =>
    points.reduce((total, point) => total + of(point) / point.cost ** 2, 0);
  const [weight, nodes, cost] = [sum(() => 1), sum(({ nodes }) => nodes), sum(({ cost }) => cost)];
  const squares = sum(({ nodes }) => nodes ** 2);
  const products = sum(({ nodes, cost }) => nodes * cost);
  const perNode = (weight * products - nodes * cost) / (weight * squares - nodes ** 2);
  return { fixed: (cost - perNode * nodes) / weight, perNode };
}
