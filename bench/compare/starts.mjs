import { spreadOf } from "../harness.mjs";
import { LATENCY_PEERS } from "./peers.mjs";

/**
 * How long a node takes until it is connected, has subscribed, and can answer from memory.
 *
 * @param {{ port: number, rounds: number }} options
 * @returns {Promise<{ name: string, ms: import("../harness.mjs").Spread }[]>}
 */
export async function run({ port, rounds }) {
  /** @type {Map<string, number[]>} */
  const timesMs = new Map(Object.values(LATENCY_PEERS).map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, open } of Object.values(LATENCY_PEERS)) {
      const startedAt = performance.now();
      const node = await open({ commands: port, feed: port }, 60_000);
      timesMs.get(name)?.push(performance.now() - startedAt);
      await node.close();
    }
  }
  return [...timesMs].map(([name, times]) => ({ name, ms: spreadOf(times) }));
}
