/**
 * The figures as tables of Markdown.
 *
 * @typedef {import("./measure.mjs").Measured} Measured
 * @typedef {import("../harness.mjs").Spread} Spread
 * @typedef {import("sessionmesh/testing").ScaleResult} ScaleResult
 * @typedef {import("sessionmesh/testing").PredictedLoad} PredictedLoad
 */

/** @param {readonly Measured[]} measured */
export function measuredTable(measured) {
  return table(
    "nodes, writes/s, p50 ms, p99 ms, Redis CPU %, of it beats %, CPU µs per write, bytes per write and node",
    measured.map(({ nodes, writesPerSecond, p50Ms, p99Ms, cpuPerSecond, cpuUsPerWrite, bytesPerWrite }) => {
      const idle = measured.find((other) => other.nodes === nodes && other.writesPerSecond === 0);
      const beats = (idle?.cpuPerSecond.median ?? Number.NaN) / cpuPerSecond.median;
      return [
        digits(nodes),
        digits(writesPerSecond),
        spread(p50Ms),
        spread(p99Ms),
        spread(cpuPerSecond, 100),
        digits(100 * beats),
        spread(cpuUsPerWrite),
        spread(bytesPerWrite, 1 / nodes),
      ];
    }),
  );
}

/** @param {readonly { name: string, result: ScaleResult, predicted: PredictedLoad, tookMs: number }[]} fleets */
export function steadyTable(fleets) {
  return table(
    "fleet, commands/s, predicted, messages/s, predicted, hit rate %, predicted, stale answers, oldest ms, simulated in s",
    fleets.map(({ name, result, predicted, tookMs }) => [
      name,
      digits(result.commandsPerSecond),
      digits(predicted.commands),
      digits(result.messagesPerSecond),
      digits(predicted.messages),
      digits(100 * result.hitRate),
      digits(100 * predicted.hitRate),
      `${result.staleness.stale} of ${result.staleness.answers}`,
      digits(result.staleness.maxMs),
      digits(tookMs / 1_000),
    ]),
  );
}

/** @param {Readonly<Record<string, ScaleResult>>} events */
export function eventTable(events) {
  return table(
    "event, commands/s, messages/s, hit rate %, failed, read p99 ms, longest queue, revoked (acknowledged), p99 ms, stale answers, p50 ms, p99 ms, oldest ms",
    Object.entries(events).map(([name, result]) => [
      name,
      digits(result.commandsPerSecond),
      digits(result.messagesPerSecond),
      digits(100 * result.hitRate),
      digits(result.failed),
      digits(result.readsMs.p99),
      digits(result.peakQueue),
      `${result.revocations.count} (${result.revocations.acknowledged})`,
      digits(result.revocations.p99Ms),
      `${result.staleness.stale} of ${result.staleness.answers}`,
      digits(result.staleness.p50Ms),
      digits(result.staleness.p99Ms),
      digits(result.staleness.maxMs),
    ]),
  );
}

/**
 * @param {string} header
 * @param {readonly (readonly string[])[]} rows
 */
function table(header, rows) {
  const columns = header.split(", ");
  const lines = [columns, columns.map((_, n) => (n === 0 ? "---" : "---:")), ...rows];
  return `${lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`;
}

/**
 * The median, and the quartiles around it.
 *
 * @param {Spread} spread
 */
function spread({ median, lower, upper }, factor = 1) {
  if (!Number.isFinite(median)) return "";
  return `${digits(median * factor)} (${digits(lower * factor)} – ${digits(upper * factor)})`;
}

/**
 * Two significant digits, and all of those before the point.
 *
 * @param {number} value
 */
function digits(value) {
  if (!Number.isFinite(value)) return "";
  return Math.abs(value) >= 10 ? Math.round(value).toLocaleString("en") : `${Number(value.toPrecision(2))}`;
}
