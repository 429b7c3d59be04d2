import { LRUCache } from "lru-cache";
import { LocalCache } from "../../dist/index.js";
import { repeat } from "../harness.mjs";
import { makeId } from "../sessions.mjs";
import { seriesOf } from "./series.mjs";

const TTL_MS = 600_000;
const READS = 200_000;
const BOUND = 2 ** 40;

/** @typedef {{ get(id: string): unknown, set(id: string, value: object): unknown, clear(): void }} Cache */

/** @type {Record<string, (sessions: number) => Cache>} */
const CACHES = {
  "floor: Map": () => new Map(),
  "floor: lru-cache": (sessions) => new LRUCache({ max: sessions, ttl: TTL_MS }),
  "sessionmesh LocalCache": (sessions) =>
    /** @type {Cache} */ (new LocalCache({ ttlMs: TTL_MS, maxEntries: sessions, maxBytes: BOUND })),
};

/**
 * What caches of many small sessions cost: a read of any of them, what one takes, and a flush.
 *
 * @param {{ sessions: number, rounds: number }} options
 */
export async function run({ sessions, rounds }) {
  /** @type {Map<string, { readNs: number[], flushNs: number[], heapBytes: number[] }>} */
  const figures = new Map(
    Object.keys(CACHES).map((name) => [name, { readNs: [], flushNs: [], heapBytes: [] }]),
  );
  const ids = Array.from({ length: sessions }, (_, n) => makeId(n));
  // In no order, as requests come: what is read is seldom what was read just before.
  const asked = Int32Array.from({ length: 65_536 }, () => Math.floor(Math.random() * sessions));
  for (let round = 0; round < rounds; round++) {
    for (const [name, open] of Object.entries(CACHES)) {
      const figure = figures.get(name);
      if (figure === undefined || gc === undefined) throw new Error("run this with --expose-gc");
      gc();
      const before = process.memoryUsage().heapUsed;
      const cache = open(sessions);
      for (const [n, id] of ids.entries()) cache.set(id, { userId: n, csrfToken: n });
      gc();
      figure.heapBytes.push((process.memoryUsage().heapUsed - before) / sessions);
      const read = repeat((i) => cache.get(/** @type {string} */ (ids[asked[i % 65_536] ?? 0])));
      await read(READS);
      const readAt = process.hrtime.bigint();
      await read(READS);
      const flushedAt = process.hrtime.bigint();
      figure.readNs.push(Number(flushedAt - readAt) / READS);
      cache.clear();
      figure.flushNs.push(Number(process.hrtime.bigint() - flushedAt));
    }
  }
  return [...figures].map(([name, { readNs, flushNs, heapBytes }]) => ({
    name,
    sessions,
    readNs: seriesOf(readNs),
    heapBytes: seriesOf(heapBytes),
    flushNs: seriesOf(flushNs),
  }));
}
