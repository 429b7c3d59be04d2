import { lineChart } from "../../scale/plot.mjs";
import { judge, together } from "../judge.mjs";
import { digits, median, spread, table, time } from "../markdown.mjs";
import { HTTP_REASONS } from "./http-reasons.mjs";

/**
 * @typedef {import("../figures.mjs").Http} Http
 * @typedef {import("../figures.mjs").Cell} Cell
 * @typedef {import("../figures.mjs").Load} Load
 * @typedef {import("../figures.mjs").Commands} Commands
 * @typedef {Http["sites"][0]} Site
 * @typedef {"perSecond" | "p50Ms" | "p99Ms" | "cpuUsPerRequest" | "redisCpuUsPerRequest"} Figure
 */

/** What is wanted of read requests, in commands for Redis per 1,000. */
const WANTED_COMMANDS = 10;

/** @param {Site} site */
const nameOf = ({ stack, store, variant }) => [stack, store, variant].filter(Boolean).join(", ");
/** @param {number} us */
const micros = (us) => time(us * 1e3);
/** @param {number} ms */
const millis = (ms) => `${digits(ms)} ms`;

const LOADS = { mixed: "95 % reads", reads: "reads alone", calm: "one visitor at a time" };

/** @type {Record<Figure, { label: string, format: (value: number) => string, moreIsBetter?: boolean }>} */
const FIGURES = {
  perSecond: { label: "requests/s", format: digits, moreIsBetter: true },
  p50Ms: { label: "p50", format: millis },
  p99Ms: { label: "p99", format: millis },
  cpuUsPerRequest: { label: "CPU per request", format: micros },
  redisCpuUsPerRequest: { label: "Redis CPU per request", format: micros },
};

/** Looks up what was measured. */
class Measured {
  #http;
  #commands;

  /**
   * @param {Http} http
   * @param {Commands | undefined} commands
   */
  constructor(http, commands) {
    this.#http = http;
    this.#commands = commands;
  }

  /**
   * @param {Site} site
   * @param {Load} load
   */
  cell({ key }, load, latencyMs = 0) {
    return this.#http.cells.find(
      (cell) => cell.site === key && cell.load === load && cell.latencyMs === latencyMs,
    );
  }

  /**
   * Commands per 1,000 requests, by round.
   *
   * @param {Site} site
   * @param {Load} load
   */
  commands({ key }, load) {
    const count = this.#commands?.http.find((one) => one.site === key && one.load === load);
    return count?.commands.map((sent, round) => (1_000 * sent) / (count.requests[round] ?? Number.NaN));
  }

  /**
   * Who does the same as this one with another store.
   *
   * @param {Site} ours
   */
  peers(ours) {
    return this.#http.sites.filter(
      ({ stack, store, variant }) =>
        stack === ours.stack && variant === ours.variant && !/^(sessionmesh|no session)/.test(store),
    );
  }
}

/**
 * @param {Http} http
 * @param {Commands} [commands]
 * @returns {import("./coherence.mjs").Section}
 */
export function httpSection(http, commands) {
  const { effort, pinned, sites, roundTrips } = http;
  const measured = new Measured(http, commands);
  const busy = (/** @type {Load} */ load) =>
    table(
      [
        "",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU per request",
        "Redis CPU per request",
        "commands per 1,000",
      ],
      sites.map((site) => {
        const cell = measured.cell(site, load);
        const sent = measured.commands(site, load);
        return [
          nameOf(site),
          spread(cell?.perSecond),
          spread(cell?.p50Ms),
          spread(cell?.p99Ms),
          spread(cell?.cpuUsPerRequest, micros),
          (cell?.redisCpuUsPerRequest ?? []).some((us) => us > 0)
            ? spread(cell?.redisCpuUsPerRequest, micros)
            : "",
          spread(sent),
        ];
      }),
    );
  const latencies = roundTrips.map(({ latencyMs }) => latencyMs);
  const farthest = latencies.at(-1) ?? 0;
  const far = farthest === 0 ? [] : sites.filter((site) => measured.cell(site, "calm", farthest));
  const farTable = (/** @type {Load} */ load, /** @type {Figure} */ key) =>
    table(
      ["", ...latencies.map((ms) => `+ ${ms} ms`)],
      far.map((site) => [
        nameOf(site),
        ...latencies.map((ms) => spread(measured.cell(site, load, ms)?.[key])),
      ]),
    );
  const text = [
    "## HTTP, end to end",
    `Applications with one route that answers from the session, each in a process of its own${pinned ? " and on a core of its own; everything else, Redis and autocannon too, shares the other one" : ""}. ${digits(effort.sessions)} visitors are logged in, each with a session of 1 KB; ${effort.rounds} rounds of ${effort.seconds} s. CPU means more than requests per second, of which the machine has its share. ${countedHow(commands)}`,
    sites.map((site) => `- ${nameOf(site)}: \`${site.configuration}\``).join("\n"),
    ...failures(http),
    "### What was wanted",
    goals(http, measured),
    "### 95 % reads, 5 % writes, 32 at a time",
    busy("mixed"),
    "### Reads alone, 32 at a time",
    busy("reads"),
    ...(far.length === 0
      ? []
      : [
          "### With Redis further away",
          `A proxy adds latency between the application and Redis, which no loopback has. A PING took ${roundTrips.map(({ latencyMs, roundTripMs }) => `${spread(roundTripMs)} ms with ${latencyMs} ms added`).join(", ")}. One visitor after the other, reads alone: p50 in ms,`,
          farTable("calm", "p50Ms"),
          "and p99 in ms:",
          farTable("calm", "p99Ms"),
          "![p50 of a request by latency to Redis](comparison/http-latency.svg)",
          "95 % reads, 32 at a time: requests per second,",
          farTable("mixed", "perSecond"),
          "p50 in ms,",
          farTable("mixed", "p50Ms"),
          "and p99 in ms:",
          farTable("mixed", "p99Ms"),
          "![Requests per second by latency to Redis](comparison/http-throughput.svg)",
        ]),
  ].join("\n\n");
  return {
    text,
    charts: far.length === 0 ? {} : chartsOf(far, latencies, measured),
    judged: together([...contests(http, measured), tooMany(http, measured), tooFar(http, measured)]),
  };
}

/**
 * A request that was not answered by 200 makes its figures doubtful.
 *
 * @param {Http} http
 */
function failures({ cells, sites }) {
  const failed = cells.filter((cell) => cell.failed > 0);
  if (failed.length === 0) return [];
  const said = failed.map((cell) => {
    const site = sites.find(({ key }) => key === cell.site);
    return `${digits(cell.failed)} of ${site && nameOf(site)}, ${LOADS[cell.load]}, ${cell.latencyMs} ms added`;
  });
  return [`**Requests failed**: ${said.join("; ")}.`];
}

/** @param {Commands | undefined} commands */
function countedHow(commands) {
  if (commands === undefined) return "";
  const { perSecond, seconds, rounds } = commands.effort;
  return `Commands are counted apart, all applications of sessionmesh at the same time, with ${digits(perSecond)} requests per second for each application, so that the count does not depend on the machine: ${rounds === 1 ? "once" : `${rounds} times`} over ${digits(seconds)} s of reads for sessionmesh, whose copies live for 30 s in memory, its default: all of them are read again.`;
}

/**
 * @param {readonly Site[]} far
 * @param {readonly number[]} latencies
 * @param {Measured} measured
 */
function chartsOf(far, latencies, measured) {
  const series = (/** @type {Load} */ load, /** @type {Figure} */ key) =>
    far.map((site) => ({
      label: nameOf(site),
      dashed: site.store === "connect-redis",
      points: latencies.map(
        (ms) => /** @type {const} */ ([ms, median(measured.cell(site, load, ms)?.[key] ?? [])]),
      ),
    }));
  const xLabel = "milliseconds added between the application and Redis";
  return {
    "http-latency": lineChart({
      title: "p50 of a read request, one visitor at a time",
      xLabel,
      yLabel: "milliseconds",
      series: series("calm", "p50Ms"),
    }),
    "http-throughput": lineChart({
      title: "Requests per second, 95 % reads, 32 at a time",
      xLabel,
      yLabel: "requests per second",
      series: series("mixed", "perSecond"),
    }),
  };
}

/** @param {Site} site */
const isOurs = ({ store }) => store.startsWith("sessionmesh");

/**
 * @param {Http} http
 * @param {Measured} measured
 */
function goals({ sites, roundTrips }, measured) {
  const nearest = roundTrips.find(({ latencyMs }) => latencyMs > 0)?.latencyMs ?? 0;
  const rows = sites.filter(isOurs).map((ours) => {
    const peers = measured.peers(ours);
    const inMemory = peers.find(({ store }) => /^memory/i.test(store));
    const connectRedis = peers.find(({ store }) => store === "connect-redis");
    const ratio = (/** @type {Load} */ load) =>
      spread(
        perRound(measured.cell(ours, load)?.perSecond, inMemory && measured.cell(inMemory, load)?.perSecond),
      );
    return [
      nameOf(ours),
      ratio("mixed"),
      ratio("reads"),
      spread(measured.commands(ours, "reads")),
      spread(
        perRound(
          measured.cell(ours, "calm", nearest)?.p50Ms,
          connectRedis && measured.cell(connectRedis, "calm", nearest)?.p50Ms,
        ),
      ),
    ];
  });
  return table(
    [
      "",
      "requests/s of the store in memory, 95 % reads: 1 ×",
      "reads alone: 1 ×",
      `commands per 1,000 reads: ${WANTED_COMMANDS}`,
      `p50 of connect-redis with ${nearest} ms added: 0.5 ×`,
    ],
    rows,
  );
}

/**
 * The ratios of what was measured in the same round.
 *
 * @param {readonly number[]} [mine]
 * @param {readonly number[]} [theirs]
 */
function perRound(mine = [], theirs = []) {
  return mine.flatMap((value, round) => {
    const other = theirs[round];
    return other === undefined ? [] : [value / other];
  });
}

/**
 * Every figure that the page shows, beside those of the peers: each load at each latency.
 *
 * @param {Http} http
 * @param {Measured} measured
 */
function contests({ sites, roundTrips }, measured) {
  return sites.filter(isOurs).flatMap((ours) =>
    /** @type {const} */ (["mixed", "reads", "calm"]).map((load) => {
      const cases = roundTrips.flatMap(({ latencyMs }) =>
        Object.entries(FIGURES).map(([key, { label, format, moreIsBetter }]) => {
          const figure = /** @type {Figure} */ (key);
          const onRedis = figure === "redisCpuUsPerRequest";
          return {
            label: latencyMs === 0 ? label : `${label}, ${latencyMs} ms added`,
            ours: { name: "sessionmesh", figures: measured.cell(ours, load, latencyMs)?.[figure] },
            peers: measured
              .peers(ours)
              .filter(({ store }) => !onRedis || store === "connect-redis")
              .map((peer) => ({
                name: peer.store,
                figures: measured.cell(peer, load, latencyMs)?.[figure],
              })),
            format,
            ...(moreIsBetter && { moreIsBetter }),
          };
        }),
      );
      const { reason, work } = HTTP_REASONS[load](ours);
      return judge({ what: `HTTP, ${LOADS[load]}: ${nameOf(ours)}`, reason, work }, cases);
    }),
  );
}

/**
 * What was wanted and is not there, whoever is ahead.
 *
 * @param {Http} http
 * @param {Measured} measured
 * @returns {import("../judge.mjs").Judged}
 */
function tooMany({ sites }, measured) {
  const losses = sites.filter(isOurs).flatMap((site) => {
    const count = median(measured.commands(site, "reads") ?? [0]);
    if (count <= WANTED_COMMANDS) return [];
    return [
      {
        what: `Commands per 1,000 reads: ${nameOf(site)}`,
        cases: [`${digits(count)}, and ${WANTED_COMMANDS} were wanted`],
        reason:
          "Sessions that are in use are read again in the last fifth of the 30 s for which a copy is held, up to 32 in a command; those that come more seldom one by one; and two beats a second hold the lease. So the count per second is fixed, and that per request falls as requests grow.",
        work: "a longer default of `localCache.ttlMs`.",
      },
    ];
  });
  return { losses, withinNoise: [] };
}

/**
 * @param {Http} http
 * @param {Measured} measured
 * @returns {import("../judge.mjs").Judged}
 */
function tooFar({ sites, roundTrips }, measured) {
  const losses = roundTrips
    .filter(({ latencyMs }) => latencyMs > 0)
    .flatMap(({ latencyMs }) =>
      sites.filter(isOurs).flatMap((ours) => {
        const peer = measured.peers(ours).find(({ store }) => store === "connect-redis");
        const mine = measured.cell(ours, "calm", latencyMs)?.p50Ms;
        const theirs = peer && measured.cell(peer, "calm", latencyMs)?.p50Ms;
        const ratio = median(perRound(mine, theirs));
        if (!(ratio > 0.5)) return [];
        return [
          {
            what: `p50 with ${latencyMs} ms added: ${nameOf(ours)}`,
            cases: [
              `${millis(median(mine ?? []))}, ${millis(median(theirs ?? []))} with connect-redis; half was wanted`,
            ],
            reason: "Nothing of it is Redis: the rest is the framework's own time, which both have.",
            work: "a faster machine, or framework.",
          },
        ];
      }),
    );
  return { losses, withinNoise: [] };
}
