import { setTimeout as delay } from "node:timers/promises";
import middleware from "express-session";
import { ClusteredRedisStore } from "../../dist/index.js";
import { inFlight } from "../harness.mjs";
import { connectNodeRedis } from "../redis.mjs";
import { makeId, makeSession } from "../sessions.mjs";
import { usedBytes } from "./heap.mjs";
import { seriesOf } from "./series.mjs";

const LENGTH = 200;
const TTL_MS = 3_600_000;
const WIDTH = 256;
const WRITTEN_TOGETHER = 1_000;
/** After each of so many parts of the sessions it is weighed what the part takes. */
const PARTS = 5;
const BOUND = 2 ** 40;

/** A full collection of a heap so large takes a second. */
const GC_TURNS = 2;

/** One session after the other in the same object: to make each would take longer than all else. */
const session = makeSession(0, LENGTH);

/** @param {number} n */
function sessionOf(n) {
  const text = makeId(n);
  session.userId = 1_000_000 + n;
  session.csrfToken = text.slice(0, 16);
  session.note = text.slice(0, session.note.length);
  return session;
}

/** @param {number} n */
const textOf = (n) => JSON.stringify(sessionOf(n));

/** @typedef {{ add(n: number): Promise<unknown> | void, held(): number, close(): unknown }} Holder */

/** @type {Record<string, (port: number, sessions: number) => Promise<Holder>>} */
const HOLDERS = {
  MemoryStore: async () => {
    const store = new middleware.MemoryStore();
    let size = 0;
    return {
      add: (n) => store.set(makeId(n), sessionOf(n), () => size++),
      held: () => size,
      close: () => store.clear(),
    };
  },
  sessionmesh: openSessionmesh,
};

/**
 * What very many small sessions take of the heap, in a process that has room for them.
 *
 * @param {{ port: number, sessions: number }} options
 * @returns {Promise<{ name: string, sessions: number, length: number, bytes: import("./series.mjs").Series }[]>}
 */
export async function run({ port, sessions }) {
  const rows = [];
  for (const [name, open] of Object.entries(HOLDERS)) {
    const holder = await open(port, sessions);
    const part = sessions / PARTS;
    const bytes = [];
    let before = await usedBytes(GC_TURNS);
    for (let nth = 0; nth < PARTS; nth++) {
      await inFlight(WIDTH)(async (n) => holder.add(nth * part + n))(part);
      await delay(0);
      const after = await usedBytes(GC_TURNS);
      bytes.push((after - before) / part);
      before = after;
    }
    if (holder.held() !== sessions) throw new Error(`${name} holds ${holder.held()} sessions`);
    await holder.close();
    rows.push({ name, sessions, length: LENGTH, bytes: seriesOf(bytes) });
  }
  return rows;
}

/**
 * A store that reads sessions which are in Redis already, put there by the thousand, as connect-redis would have.
 *
 * @param {number} port
 * @param {number} sessions
 * @returns {Promise<Holder>}
 */
async function openSessionmesh(port, sessions) {
  const client = await connectNodeRedis(`redis://127.0.0.1:${port}`);
  for (let first = 0; first < sessions; first += WRITTEN_TOGETHER) {
    const together = client.multi();
    for (let n = first; n < Math.min(sessions, first + WRITTEN_TOGETHER); n++) {
      together.set(`million:${makeId(n)}`, textOf(n), { expiration: { type: "PX", value: TTL_MS } });
    }
    await together.execAsPipeline();
  }
  const store = new ClusteredRedisStore({
    client,
    prefix: "million:",
    // `refreshAhead` would begin to read again what this is still filling.
    localCache: { maxEntries: sessions, maxBytes: BOUND, ttlMs: TTL_MS / 2, refreshAhead: false },
    cluster: { channel: "million" },
  });
  await store.start();
  return {
    add: (n) => store.get(makeId(n)),
    held: () => store.cacheStats().size,
    async close() {
      await store.close();
      client.destroy();
    },
  };
}
