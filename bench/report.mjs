/**
 * @typedef {import("./harness.mjs").Spread} Spread
 * @typedef {import("./harness.mjs").Measurement} Measurement
 *
 * @typedef {"ns" | "ratio" | "bytes" | "count" | "percent"} Unit
 *
 * @typedef {object} Column
 * @property {string} key of the rows' values
 * @property {string} label
 * @property {Unit} unit
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {Record<string, number | Spread>} values
 * @property {Goal} [goal]
 *
 * @typedef {object} Goal
 * @property {string} text
 * @property {boolean} met
 *
 * @typedef {object} Table
 * @property {string} title
 * @property {readonly Column[]} columns
 * @property {readonly Row[]} rows
 * @property {string | undefined} [note] how it was measured
 */

const TIMING_COLUMNS = /** @type {const} */ ([
  { key: "timeNs", label: "time", unit: "ns" },
  { key: "ratio", label: "ratio", unit: "ratio" },
]);

/**
 * A table of times, each with its ratio to the first.
 *
 * @param {string} title
 * @param {readonly Measurement[]} measurements
 * @param {string} [note] how it was measured
 * @param {Record<string, { maxNs?: number, maxRatio?: number }>} [goals] by the measurement's name
 * @returns {Table}
 */
export function timingTable(title, measurements, note, goals = {}) {
  const rows = measurements.map(({ name, timeNs, ratio }, i) => {
    const { maxNs, maxRatio } = goals[name] ?? {};
    const goal =
      maxNs !== undefined
        ? { text: `≤ ${format(maxNs, "ns")}`, met: timeNs.median <= maxNs }
        : maxRatio !== undefined && { text: `≤ ${format(maxRatio, "ratio")}`, met: ratio.median <= maxRatio };
    return { name, values: { timeNs, ratio: i === 0 ? 1 : ratio }, ...(goal && { goal }) };
  });
  return { title, columns: TIMING_COLUMNS, rows, note };
}

/**
 * The table as text.
 *
 * @param {Table} table
 */
export function render({ title, columns, rows, note }) {
  const header = ["", ...columns.flatMap(({ label }) => [label, ""]), ""];
  const lines = rows.map(({ name, values, goal }) => [
    name,
    ...columns.flatMap(({ key, unit }) => cells(values[key], unit)),
    goal ? `${goal.met ? "met" : "MISSED"}: ${goal.text}` : "",
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...lines].map((line) => line[i]?.length ?? 0)));
  const text = [header, ...lines].map((line) =>
    line
      .map((cell, i) =>
        i % 2 === 1 && i < line.length - 1 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return [title, ...text.map((line) => `  ${line}`), ...(note === undefined ? [] : [`  ${note}`]), ""].join(
    "\n",
  );
}

/**
 * A value and its spread, where it has one.
 *
 * @param {number | Spread | undefined} value
 * @param {Unit} unit
 * @returns {[string, string]}
 */
function cells(value, unit) {
  if (value === undefined) return ["", ""];
  if (typeof value === "number") return [format(value, unit), ""];
  return [format(value.median, unit), `${format(value.lower, unit)} – ${format(value.upper, unit)}`];
}

/**
 * @param {number} value
 * @param {Unit} unit
 */
function format(value, unit) {
  switch (unit) {
    case "ns":
      if (Math.abs(value) < 1e3) return `${digits(value)} ns`;
      return Math.abs(value) < 1e6 ? `${digits(value / 1e3)} µs` : `${digits(value / 1e6)} ms`;
    case "ratio":
      return `${digits(value)} ×`;
    case "bytes":
      return `${Math.round(value).toLocaleString("en")} B`;
    case "count":
      return digits(value);
    case "percent":
      return `${digits(100 * value)} %`;
  }
}

/**
 * Three significant digits, and all of those before the point.
 *
 * @param {number} value
 */
function digits(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return `${Number(value.toPrecision(3))}`;
}
