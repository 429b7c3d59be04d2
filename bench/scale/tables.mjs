/**
 * The figures as tables of Markdown.
 *
 * @typedef {import("./measure.mjs").Measured} Measured
 * @typedef {import("../harness.mjs").Spread} Spread
 * @typedef {import("sessionmesh/testing").ScaleResult} ScaleResult
 * @typedef {import("sessionmesh/testing").PredictedLoad} PredictedLoad
 * @typedef {ReturnType<typeof import("./model.mjs").checkModel>} Model
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

/** @param {Model["constants"]} constants */
export function constantsTable(constants) {
  return table(
    "writes/s, CPU µs per write, and for each node (m), bytes per write, and for each node",
    constants.map(({ writesPerSecond, cpuUs, bytes }) => [
      digits(writesPerSecond),
      digits(cpuUs.fixed),
      digits(cpuUs.perNode),
      digits(bytes.fixed),
      digits(bytes.perNode),
    ]),
  );
}

/** @param {Model["beside"]} beside */
export function modelTable(beside) {
  return table(
    "nodes, writes/s, these sizes, beats/s predicted, measured, CPU µs per write predicted, measured, off by %, KB per write predicted, measured",
    beside.map(({ nodes, writesPerSecond, isFitted, beats, cpuUs, bytes, measured }) => [
      digits(nodes),
      digits(writesPerSecond),
      isFitted ? "made the constants" : "check them",
      digits(beats),
      spread(measured.beatsPerSecond),
      digits(cpuUs),
      spread(measured.cpuUsPerWrite),
      digits(100 * (cpuUs / measured.cpuUsPerWrite.median - 1)),
      digits(bytes / 1_000),
      spread(measured.bytesPerWrite, 1 / 1_000),
    ]),
  );
}

/** @param {readonly { name: string, result: ScaleResult, predicted: PredictedLoad }[]} fleets */
export function steadyTable(fleets) {
  return table(
    "fleet, commands/s, predicted, messages/s, predicted, hit rate %, predicted, stale answers, p50 ms, p99 ms, oldest ms",
    fleets.map(({ name, result, predicted }) => [
      name,
      digits(result.commandsPerSecond),
      digits(predicted.commands),
      digits(result.messagesPerSecond),
      digits(predicted.messages),
      digits(100 * result.hitRate),
      digits(100 * predicted.hitRate),
      ...staleness(result),
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
      ...staleness(result),
    ]),
  );
}

/**
 * How many answers were older than what was stored, and how old those were.
 *
 * @param {ScaleResult} result
 */
function staleness({ staleness: { stale, answers, p50Ms, p99Ms, maxMs } }) {
  return [`${stale} of ${answers}`, ...(stale === 0 ? ["", "", ""] : [p50Ms, p99Ms, maxMs].map(digits))];
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
