import { quantile } from "../harness.mjs";
import { connectNodeRedis } from "../redis.mjs";
import { ask } from "./processes.mjs";

const PINGS = 200;
/** How often the proxy is told to hold back less, or more. */
const ATTEMPTS = 4;

/** @typedef {Awaited<ReturnType<typeof connectNodeRedis>>} Client */

/**
 * What a round trip takes without anything else, in milliseconds.
 *
 * @param {Client} client
 */
export async function pingMs(client) {
  const timesMs = [];
  for (let n = 0; n < PINGS; n++) {
    const startedAt = performance.now();
    await client.ping();
    timesMs.push(performance.now() - startedAt);
  }
  return quantile(timesMs, 0.5);
}

/**
 * A proxy takes time of its own, and that is part of the distance: so it holds back what passes it for less, until a PING takes as much
 * longer as is wanted.
 *
 * @param {import("node:child_process").ChildProcess} far
 * @param {number} port of the server
 * @param {Client} near connected to it without a proxy
 * @param {number} latencyMs wanted
 * @returns {Promise<{ client: Client, delayMs: number }>} connected through a proxy that does so
 */
export async function calibrate(far, port, near, latencyMs) {
  let delayMs = latencyMs;
  const proxy = await ask(far, { port, delayMs });
  const client = await connectNodeRedis(`redis://127.0.0.1:${proxy.port}`);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    await ask(far, { proxyPort: proxy.port, delayMs });
    const addedMs = (await pingMs(client)) - (await pingMs(near));
    delayMs = Math.max(0, delayMs - (addedMs - latencyMs));
  }
  await ask(far, { proxyPort: proxy.port, delayMs });
  return { client, delayMs };
}
