import { setTimeout as delay } from "node:timers/promises";
import session from "express-session";
import createMemoryStore from "memorystore";
import { inFlight } from "../harness.mjs";
import { makeData, makeId, makeSession } from "../sessions.mjs";
import { LATENCY_PEERS } from "./peers.mjs";

const TTL_MS = 600_000;
const LENGTH = 1_000;
const WIDTH = 64;
const GC_TURNS = 5;
const SETTLE_MS = 20;
const MemoryStore = createMemoryStore(session);

/**
 * What a session of 1 KB takes of the heap when it is in memory, in bytes; of one candidate, in this process.
 *
 * @param {{ port: number, name: string, sessions: number }} options
 * @returns {Promise<number>}
 */
export async function run({ port, name, sessions }) {
  const before = await usedBytes();
  const filled = await fill(name, port, sessions);
  const after = await usedBytes();
  await filled.close();
  return (after - before) / sessions;
}

/**
 * @param {string} name
 * @param {number} port
 * @param {number} sessions
 * @returns {Promise<{ close: () => unknown, held: unknown }>}
 */
async function fill(name, port, sessions) {
  if (name === "Map") {
    const map = new Map();
    for (let n = 0; n < sessions; n++) map.set(makeId(n), makeData(n, LENGTH));
    return { held: map, close: () => map.clear() };
  }
  if (name === "MemoryStore" || name === "memorystore") {
    const store =
      name === "MemoryStore"
        ? new session.MemoryStore()
        : new MemoryStore({ max: sessions, checkPeriod: 86_400_000 });
    for (let n = 0; n < sessions; n++) store.set(makeId(n), makeSession(n, LENGTH));
    return { held: store, close: () => store instanceof MemoryStore && store.stopInterval() };
  }
  const peer = /** @type {import("./peers.mjs").Peer} */ (LATENCY_PEERS[name]);
  const node = await peer.open({ commands: port, feed: port }, TTL_MS, sessions);
  await inFlight(WIDTH)(async (n) => {
    await node.set(`${name}:${makeId(n)}`, makeData(n, LENGTH));
    await node.get(`${name}:${makeId(n)}`);
  })(sessions);
  return { held: node, close: () => node.close() };
}

/**
 * What is in use once all garbage is gone; sockets that have just been closed need some turns of the event loop for that.
 *
 * @param {number} [turns]
 */
export async function usedBytes(turns = GC_TURNS) {
  if (gc === undefined) throw new Error("run this with --expose-gc");
  for (let turn = 0; turn < turns; turn++) {
    await delay(SETTLE_MS);
    gc();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
