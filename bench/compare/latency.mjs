import { fork } from "node:child_process";
import { once } from "node:events";
import { quantile } from "../harness.mjs";
import { LATENCY_PEERS } from "./peers.mjs";

/** A message that takes longer is lost. */
const LOST_MS = 10_000;
/** Longer than the measurement: nothing is to end by its time. */
const TTL_MS = 600_000;

/**
 * How soon a node, a process of its own, has heard of a write: p50 and p99 of each round, in milliseconds.
 *
 * @param {{ port: number, rounds: number, writes: number }} options
 * @returns {Promise<Record<string, { p50Ms: number[], p99Ms: number[] }>>} by peer
 */
export async function run({ port, rounds, writes }) {
  const pairs = [];
  for (const [name, peer] of Object.entries(LATENCY_PEERS)) {
    const reader = fork(new URL("latency-node.mjs", import.meta.url), [name, `${port}`, `${TTL_MS}`], {
      serialization: "advanced",
    });
    await once(reader, "message"); // it is connected
    pairs.push({ name, reader, writer: await peer.open({ commands: port, feed: port }, TTL_MS) });
  }
  /** @type {Record<string, { p50Ms: number[], p99Ms: number[] }>} */
  const figures = Object.fromEntries(pairs.map(({ name }) => [name, { p50Ms: [], p99Ms: [] }]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, reader, writer } of pairs) {
      const delaysMs = [];
      for (let n = 0; n < writes; n++) delaysMs.push(await writeOnce(writer, reader, `latency-${name}`, n));
      figures[name]?.p50Ms.push(quantile(delaysMs, 0.5));
      figures[name]?.p99Ms.push(quantile(delaysMs, 0.99));
    }
  }
  for (const { reader, writer } of pairs) {
    reader.disconnect();
    await writer.close();
  }
  return figures;
}

/**
 * @param {import("./peers.mjs").CacheNode} writer
 * @param {import("node:child_process").ChildProcess} reader
 * @param {string} id
 * @param {number} n
 * @returns {Promise<number>} milliseconds from the call of the write until the reader had heard
 */
async function writeOnce(writer, reader, id, n) {
  if (n === 0) await writer.set(id, { n });
  const answer = () => once(reader, "message", { signal: AbortSignal.timeout(LOST_MS) });
  reader.send(id);
  await answer(); // it holds the value
  const heard = answer();
  const calledAt = process.hrtime.bigint();
  await writer.set(id, { n: n + 1 });
  const [{ at }] = await heard;
  return Number(at - calledAt) / 1e6;
}
