import { setTimeout as delay } from "node:timers/promises";
import { LATENCY_PEERS } from "./peers.mjs";
import { seriesOf } from "./series.mjs";

/** What one leaves behind is not the next one's. */
const SETTLE_MS = 100;

/**
 * How long a node takes until it is connected, has subscribed, and can answer from memory.
 *
 * @param {{ port: number, rounds: number }} options
 * @returns {Promise<{ name: string, ms: import("./series.mjs").Series }[]>}
 */
export async function run({ port, rounds }) {
  /** @type {Map<string, number[]>} */
  const timesMs = new Map(Object.values(LATENCY_PEERS).map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, open } of Object.values(LATENCY_PEERS)) {
      // The first is not timed: node-redis makes a class for each set of options, and keeps the one that it made last.
      for (const isTimed of [false, true]) {
        const startedAt = performance.now();
        const node = await open({ commands: port, feed: port }, 60_000);
        if (isTimed) timesMs.get(name)?.push(performance.now() - startedAt);
        await node.close();
        await delay(SETTLE_MS);
      }
    }
  }
  return [...timesMs].map(([name, times]) => ({ name, ms: seriesOf(times) }));
}
