/**
 * A table of Markdown.
 *
 * @param {readonly string[]} header
 * @param {readonly (readonly string[])[]} rows
 */
export function table(header, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, n) => (n === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/**
 * The median, and the least and the most.
 *
 * @param {readonly number[] | undefined} values
 * @param {(value: number) => string} [format]
 */
export function spread(values, format = digits) {
  if (values === undefined || values.length === 0) return "";
  if (values.length === 1) return format(median(values));
  return `${format(median(values))} (${format(Math.min(...values))} – ${format(Math.max(...values))})`;
}

/**
 * The same, of what the harness has measured.
 *
 * @param {import("../harness.mjs").Spread} spread
 * @param {(value: number) => string} format
 */
export function ranged({ median, least, most }, format) {
  if (least === most) return format(median);
  return `${format(median)} (${format(least)} – ${format(most)})`;
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

/**
 * Three significant digits, and all of those before the point.
 *
 * @param {number} value
 */
export function digits(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return `${Number(value.toPrecision(3))}`;
}

/**
 * The length of a session's JSON.
 *
 * @param {number} length
 */
export function size(length) {
  return length < 1_000 ? `${length} B` : `${length / 1_000} KB`;
}

/** @param {number} ns */
export function time(ns) {
  if (Math.abs(ns) < 1e3) return `${digits(ns)} ns`;
  if (Math.abs(ns) < 1e6) return `${digits(ns / 1e3)} µs`;
  return Math.abs(ns) < 1e9 ? `${digits(ns / 1e6)} ms` : `${digits(ns / 1e9)} s`;
}
