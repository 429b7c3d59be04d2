import { startRedis } from "../../scripts/redis-server.mjs";
import { measure } from "./measure.mjs";
import { LATENCY_PEERS, PEERS } from "./peers.mjs";
import { STORIES, TTL_MS, WATCH_MS } from "./stories.mjs";

/** @typedef {import("./figures.mjs").Coherence} Coherence */

/**
 * What each cache in front of Redis answers when something fails, what each store does to requests that overlap, and how soon a
 * node hears of a change.
 *
 * @param {{ quick: boolean }} options
 * @returns {Promise<Coherence>}
 */
export async function run({ quick }) {
  const rounds = quick ? 1 : 5;
  const writes = quick ? 20 : 300;
  const names = quick ? ["delete", "load"] : Object.keys(STORIES);
  // They wait most of their time, and each has a Redis of its own: so they are played side by side.
  const peers = await Promise.all(
    Object.entries(PEERS).map(async ([key, { name, configuration }]) => {
      const halves = [0, 1].map((half) => names.filter((_, n) => n % 2 === half));
      const outcomes = await Promise.all(
        halves.map((half) => measure("stories", { peer: key, rounds, names: half })),
      );
      return { key, name, configuration, outcomes: Object.assign({}, ...outcomes) };
    }),
  );
  const redis = await startRedis();
  try {
    const http = await measure("http-stories", { redisUrl: redis.url, rounds });
    const figures = await measure("latency", { port: redis.port, rounds, writes });
    const latency = Object.entries(LATENCY_PEERS).map(([key, { name }]) => ({ name, ...figures[key] }));
    const stories = names.map((key) => ({ key, name: STORIES[key]?.name ?? key }));
    return { rounds, ttlMs: TTL_MS, watchMs: WATCH_MS, writes, peers, stories, http, latency };
  } finally {
    await redis.stop();
  }
}
