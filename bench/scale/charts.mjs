import { lineChart } from "./plot.mjs";

/**
 * The charts of `docs/internals/scale.md` that show what was measured, by their name.
 *
 * @param {readonly import("./measure.mjs").Measured[]} measured
 * @returns {Record<string, string>}
 */
export function measuredCharts(measured) {
  const rates = [...new Set(measured.map(({ writesPerSecond }) => writesPerSecond))].filter(
    (rate) => rate > 0,
  );
  /** @param {(one: import("./measure.mjs").Measured) => number} of */
  const byRate = (of, label = "") =>
    rates.map((rate) => ({
      label: `${rate} writes/s${label}`,
      points: measured
        .filter(({ writesPerSecond }) => writesPerSecond === rate)
        .map((one) => /** @type {const} */ ([one.nodes, of(one)])),
    }));
  const latency = [
    ...byRate(({ p50Ms }) => p50Ms.median, ", p50"),
    ...byRate(({ p99Ms }) => p99Ms.median, ", p99").map((series) => ({ ...series, dashed: true })),
  ];
  return {
    latency: lineChart({
      title: "Time until another node has dropped what was written",
      xLabel: "nodes",
      yLabel: "milliseconds",
      logX: true,
      logY: true,
      series: latency,
    }),
    "cpu-per-write": lineChart({
      title: "Processor time of Redis per write",
      xLabel: "nodes",
      yLabel: "microseconds",
      series: byRate(({ cpuUsPerWrite }) => cpuUsPerWrite.median),
    }),
  };
}

/**
 * Those that show what was simulated.
 *
 * @param {Readonly<Record<string, import("sessionmesh/testing").ScaleResult>>} events
 * @returns {Record<string, string>}
 */
export function simulatedCharts(events) {
  return {
    failover: overTime(
      "Requests that fail, per 100 ms: a failover, 40,000 requests/s",
      "requests",
      "failed",
      {
        "without turns": events["failover, without turns"],
        "with turns": events["failover, with turns"],
      },
    ),
    queue: overTime("Commands that wait for Redis", "commands", "queue", {
      "failover, without turns": events["failover, without turns"],
      "failover, with turns": events["failover, with turns"],
      "mass logout": events["mass logout"],
      deploy: events.deploy,
    }),
  };
}

/**
 * @param {string} title
 * @param {string} yLabel
 * @param {"failed" | "queue"} key
 * @param {Record<string, import("sessionmesh/testing").ScaleResult | undefined>} results
 */
function overTime(title, yLabel, key, results) {
  return lineChart({
    title,
    xLabel: "seconds since it began",
    yLabel,
    series: Object.entries(results).map(([label, result]) => ({
      label,
      points: (result?.samples ?? [])
        .filter(({ atMs }) => atMs >= -1_000)
        .map((sample) => /** @type {const} */ ([sample.atMs / 1_000, sample[key]])),
    })),
  });
}
