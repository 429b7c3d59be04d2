import { setTimeout as delay } from "node:timers/promises";
import { startRedis } from "../../scripts/redis-server.mjs";
import { connectNodeRedis } from "../redis.mjs";
import { measure } from "./measure.mjs";
import { countCommands } from "./monitor.mjs";
import { ask, startProcess } from "./processes.mjs";
import { SITES } from "./sites.mjs";

/** @typedef {import("./figures.mjs").Commands} Commands */

/** One request in so many writes; 0: none. @type {Record<"reads" | "mixed", number>} */
const WRITE_EVERY = { reads: 0, mixed: 20 };
const CONNECTIONS = 16;
/** Commands that were sent when the last answer was there are seen by then. */
const SETTLE_MS = 50;

/** Longer than a copy stays in memory: all are read again. */
const WHOLE_LIFE_S = 31;
const FULL = {
  sessions: 1_000,
  rounds: 5,
  perSecond: 1_000,
  seconds: WHOLE_LIFE_S,
  shortSeconds: 1,
  rates: [1_000, 5_000, 20_000],
};
const QUICK = { sessions: 32, rounds: 1, perSecond: 200, seconds: 0.3, shortSeconds: 0.3, rates: [1_000] };

/**
 * What is sent to Redis, by applications and by stores alone. No times are taken, so what has room beside each other runs at the same time.
 *
 * @param {{ quick: boolean }} options
 * @returns {Promise<Commands>}
 */
export async function run({ quick }) {
  const effort = quick ? QUICK : FULL;
  const { rounds, seconds, shortSeconds, rates } = effort;
  const isOurs = (/** @type {string} */ site) => site.includes("Sessionmesh");
  const sites = Object.keys(SITES).filter((site) => SITES[site]?.usesRedis);
  const ours = sites.filter(isOurs);
  const http = await Promise.all(
    sites.filter((site) => !isOurs(site)).map((site) => countSite(site, effort, shortSeconds)),
  );
  const rated = []; // one after the other: this is much for one machine
  for (const rate of rates)
    rated.push(await measure("rates", { name: "connect-redis", rate, seconds: shortSeconds, rounds }));
  const [counted, ourRates] = await Promise.all([
    Promise.all(ours.map((site) => countSite(site, effort, seconds))),
    Promise.all(rates.map((rate) => measure("rates", { name: "sessionmesh", rate, seconds, rounds }))),
  ]);
  return { effort, http: [...http, ...counted].flat(), rates: [...rated, ...ourRates] };
}

/**
 * @param {string} site
 * @param {typeof FULL} effort
 * @param {number} seconds of each round of reads
 * @returns {Promise<Commands["http"]>}
 */
async function countSite(site, { sessions, rounds, perSecond, shortSeconds }, seconds) {
  const stops = /** @type {(() => unknown)[]} */ ([]);
  try {
    const redis = await startRedis();
    stops.push(() => redis.stop());
    const client = await connectNodeRedis(redis.url);
    stops.push(() => client.destroy());
    const { first } = await startProcess("http-server.mjs", [site, redis.url], stops);
    const { child: loader } = await startProcess("http-load.mjs", [], stops);
    const load = { port: first.port, connections: CONNECTIONS, perSecond };
    await ask(loader, { port: first.port, logins: sessions });
    await ask(loader, { ...load, amount: 2 * sessions, writeEvery: 0 }); // each is in memory, and the touch that follows a login is sent
    const counts = [];
    for (const kind of /** @type {const} */ (["reads", "mixed"])) {
      const writeEvery = WRITE_EVERY[kind];
      /** @type {Commands["http"][0]} */
      const count = { site, load: kind, requests: [], commands: [] };
      for (let round = 0; round < rounds; round++) {
        const counting = await countCommands(client);
        const lasting = kind === "reads" ? seconds : shortSeconds;
        const { requests } = await ask(loader, { ...load, seconds: lasting, writeEvery });
        await delay(SETTLE_MS);
        count.requests.push(requests);
        count.commands.push(counting.stop());
      }
      counts.push(count);
    }
    return counts;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}
