import { lineChart } from "../../scale/plot.mjs";
import { digits, median, spread, table, time } from "../markdown.mjs";

/**
 * @typedef {"mixed" | "reads" | "calm"} Load
 *
 * @typedef {object} Cell
 * @property {string} site
 * @property {Load} load
 * @property {number} latencyMs
 * @property {number[]} perSecond
 * @property {number[]} p50Ms
 * @property {number[]} p99Ms
 * @property {number[]} cpuUsPerRequest
 * @property {number[]} redisCpuUsPerRequest
 * @property {number} failed
 *
 * @typedef {{ key: string, stack: string, store: string, configuration: string }} Site
 *
 * @typedef {object} Http
 * @property {{ sessions: number, rounds: number, seconds: number, countSeconds: number }} effort
 * @property {boolean} pinned
 * @property {Site[]} sites
 * @property {{ latencyMs: number, roundTripMs: number }[]} roundTrips
 * @property {Cell[]} cells
 * @property {{ site: string, load: Load, requests: number, commands: number }[]} commands
 */

/** What is wanted of read requests, in commands for Redis per 1,000. */
const WANTED_COMMANDS = 10;

/** A ratio that counts as more than the same, round by round. */
const NOISE = 1.1;

/** @param {Site} site */
const nameOf = ({ stack, store }) => `${stack}, ${store}`;

/**
 * @param {Http} http
 * @returns {import("./coherence.mjs").Section}
 */
export function httpSection(http) {
  const { effort, pinned, sites, roundTrips, cells, commands } = http;
  const of = (/** @type {Site} */ { key }, /** @type {Load} */ load, latencyMs = 0) =>
    cells.find((cell) => cell.site === key && cell.load === load && cell.latencyMs === latencyMs);
  const counted = (/** @type {Site} */ { key }, /** @type {Load} */ load) => {
    const count = commands.find((one) => one.site === key && one.load === load);
    return count && (1_000 * count.commands) / count.requests;
  };
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
        const cell = of(site, load);
        const commandsPerThousand = counted(site, load);
        return [
          nameOf(site),
          spread(cell?.perSecond),
          spread(cell?.p50Ms),
          spread(cell?.p99Ms),
          spread(cell?.cpuUsPerRequest, micros),
          commandsPerThousand === undefined ? "" : spread(cell?.redisCpuUsPerRequest, micros),
          commandsPerThousand === undefined ? "" : digits(commandsPerThousand),
        ];
      }),
    );
  const far = sites.filter(
    (site) => of(site, "calm", 2) !== undefined || of(site, "calm", 0.5) !== undefined,
  );
  const latencies = roundTrips.map(({ latencyMs }) => latencyMs);
  const farTable = (/** @type {Load} */ load, /** @type {"p50Ms" | "perSecond" | "p99Ms"} */ key) =>
    table(
      ["", ...latencies.map((ms) => `+ ${ms} ms`)],
      far.map((site) => [nameOf(site), ...latencies.map((ms) => spread(of(site, load, ms)?.[key]))]),
    );
  const text = [
    "## HTTP, end to end",
    `Applications with one route that answers from the session, each in a process of its own${pinned ? " and on a core of its own; everything else, Redis and autocannon too, shares the other one" : ""}. ${digits(effort.sessions)} visitors are logged in, each with a session of 1 KB; ${effort.rounds} rounds of ${effort.seconds} s. CPU means more than requests per second, of which the machine has its share. Copies in the memory of sessionmesh live for 30 s, its default: in the count of commands, which lasts ${effort.countSeconds} s for it when reading, all are read again.`,
    sites.map((site) => `- ${nameOf(site)}: \`${site.configuration}\``).join("\n"),
    "### What was wanted",
    goals(http, of, counted),
    "### 95 % reads, 5 % writes, 32 at a time",
    busy("mixed"),
    "### Reads alone, 32 at a time",
    busy("reads"),
    ...(far.length === 0
      ? []
      : [
          "### With Redis further away",
          `A proxy adds latency between the application and Redis, which no loopback has. A PING took ${roundTrips.map(({ latencyMs, roundTripMs }) => `${digits(roundTripMs)} ms with ${latencyMs} ms added`).join(", ")}: the proxy's own time is in it. One visitor after the other, reads alone: p50 in ms,`,
          farTable("calm", "p50Ms"),
          "and p99 in ms:",
          farTable("calm", "p99Ms"),
          "![p50 of a request by latency to Redis](comparison/http-latency.svg)",
          "95 % reads, 32 at a time: requests per second,",
          farTable("mixed", "perSecond"),
          "![Requests per second by latency to Redis](comparison/http-throughput.svg)",
        ]),
  ].join("\n\n");
  const chart = (/** @type {Load} */ load, /** @type {"p50Ms" | "perSecond"} */ key) =>
    far.map((site) => ({
      label: nameOf(site),
      dashed: site.store === "connect-redis",
      points: latencies.map((ms) => /** @type {const} */ ([ms, median(of(site, load, ms)?.[key] ?? [])])),
    }));
  /** @type {Record<string, string>} */
  const charts =
    far.length === 0
      ? {}
      : {
          "http-latency": lineChart({
            title: "p50 of a read request, one visitor at a time",
            xLabel: "milliseconds added between the application and Redis",
            yLabel: "milliseconds",
            series: chart("calm", "p50Ms"),
          }),
          "http-throughput": lineChart({
            title: "Requests per second, 95 % reads, 32 at a time",
            xLabel: "milliseconds added between the application and Redis",
            yLabel: "requests per second",
            series: chart("mixed", "perSecond"),
          }),
        };
  return {
    text,
    charts,
    losses: [...slower(http, of), ...tooMany(http, counted), ...tooFar(far, of, roundTrips)],
  };
}

/**
 * @param {Http} http
 * @param {(site: Site, load: Load, latencyMs?: number) => Cell | undefined} of
 * @param {(site: Site, load: Load) => number | undefined} counted
 */
function goals({ sites, roundTrips }, of, counted) {
  const nearest = roundTrips.find(({ latencyMs }) => latencyMs > 0)?.latencyMs ?? 0;
  const rows = sites
    .filter(({ store }) => store.startsWith("sessionmesh"))
    .map((ours) => {
      const inMemory = sites.find(({ stack, store }) => stack === ours.stack && /^memory/i.test(store));
      const connectRedis = sites.find(
        ({ stack, store }) => stack === ours.stack && store === "connect-redis",
      );
      const ratio = (/** @type {Load} */ load) =>
        spread(perRound(of(ours, load)?.perSecond, inMemory && of(inMemory, load)?.perSecond));
      const far = of(ours, "calm", nearest)?.p50Ms;
      return [
        nameOf(ours),
        ratio("mixed"),
        ratio("reads"),
        digits(counted(ours, "reads") ?? 0),
        spread(perRound(far, connectRedis && of(connectRedis, "calm", nearest)?.p50Ms)),
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

/** @param {number} us */
const micros = (us) => time(us * 1e3);

/**
 * Where a store of a peer takes less of the processor, beyond the noise.
 *
 * @param {Http} http
 * @param {(site: Site, load: Load) => Cell | undefined} of
 */
function slower({ sites }, of) {
  const losses = [];
  for (const ours of sites.filter(({ store }) => store.startsWith("sessionmesh"))) {
    for (const load of /** @type {const} */ (["mixed", "reads"])) {
      const mine = of(ours, load)?.cpuUsPerRequest;
      const ahead = sites
        .filter(({ stack, store }) => stack === ours.stack && !/^(sessionmesh|no session)/.test(store))
        .map((peer) => ({ store: peer.store, theirs: of(peer, load)?.cpuUsPerRequest }))
        .filter(({ theirs }) => median(perRound(mine, theirs)) > NOISE);
      if (ahead.length === 0) continue;
      losses.push(
        `**HTTP, ${LOADS[load]}**: a request takes ${micros(median(mine ?? []))} of the processor with ${nameOf(ours)}, ${ahead.map(({ store, theirs }) => `${micros(median(theirs ?? []))} with ${store}`).join(", ")}. ${REASONS[load]}`,
      );
    }
  }
  return losses;
}

const LOADS = { mixed: "95 % reads", reads: "reads alone", calm: "one visitor at a time" };

/** From profiles of the applications; the shares are not repeated here, since they change with the machine. */
const REASONS = {
  mixed:
    "A write is a script in Redis, and its message comes back to the node that wrote; what a request has changed is found by comparing. A store in one memory does none of that, and no second process sees it. Of a profile, most belongs to the socket and the middleware; see the reads.",
  reads:
    "Of a profile, most belongs to the socket and to the middleware, which serialises and hashes the session at each request, whatever the store. Of our own, the copy of the session that the request may change comes first, then the comparison of what is saved with what was read: a hundredth of the request each. What would change it: nothing that would be seen beside the noise of this table.",
};

/**
 * @param {Http} http
 * @param {(site: Site, load: Load) => number | undefined} counted
 */
function tooMany({ sites }, counted) {
  return sites
    .filter(({ store }) => store.startsWith("sessionmesh"))
    .flatMap((site) => {
      const count = counted(site, "reads");
      if (count === undefined || count <= WANTED_COMMANDS) return [];
      return [
        `**Commands per 1,000 reads**: ${digits(count)} with ${nameOf(site)}, and ${WANTED_COMMANDS} were wanted. Sessions that are in use are read again in the last fifth of the 30 s for which a copy is held, up to 32 in a command; those that come more seldom one by one; and two beats a second hold the lease. So the count per second is fixed, and that per request falls as requests grow. What would change it: a longer default of \`localCache.ttlMs\`.`,
      ];
    });
}

/**
 * @param {readonly Site[]} far
 * @param {(site: Site, load: Load, latencyMs: number) => Cell | undefined} of
 * @param {Http["roundTrips"]} roundTrips
 */
function tooFar(far, of, roundTrips) {
  const losses = [];
  for (const { latencyMs } of roundTrips.filter((one) => one.latencyMs > 0)) {
    for (const ours of far.filter(({ store }) => store.startsWith("sessionmesh"))) {
      const peer = far.find(({ stack, store }) => stack === ours.stack && store === "connect-redis");
      const mine = median(of(ours, "calm", latencyMs)?.p50Ms ?? []);
      const theirs = median((peer && of(peer, "calm", latencyMs)?.p50Ms) ?? []);
      if (mine <= theirs / 2) continue;
      losses.push(
        `**p50 with ${latencyMs} ms added**: ${digits(mine)} ms with ${nameOf(ours)}, ${digits(theirs)} ms with connect-redis; half was wanted. The rest is the framework's own time.`,
      );
    }
  }
  return losses;
}
