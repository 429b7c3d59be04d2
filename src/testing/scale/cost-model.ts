import { BEATS_PER_LEASE } from "../../cluster/heartbeat.js";
import { REFRESH_SHARE, TTL_JITTER } from "../../stores/near-cache.js";
import { MAX_REFRESHED_TOGETHER, REFRESH_DELAY } from "../../stores/refreshes.js";
import type { ScaleLoad } from "./options.js";
import { Zipf } from "./zipf.js";

/** What a load costs Redis per second, in a steady state. */
export interface PredictedLoad {
  readonly beats: number;
  /** Commands that read: a session that was not in memory, or several that are asked for all the time. */
  readonly reads: number;
  readonly writes: number;
  /** The sum of these. */
  readonly commands: number;
  /** Messages to one subscriber each: one per beat, one per write and node. */
  readonly messages: number;
  /** Of all reads, those that memory answers. */
  readonly hitRate: number;
}

/** A copy lives up to the whole of the jitter less than the TTL, so half of that less on average. */
const MEAN_LIFE = 1 - TTL_JITTER / 2;

/** What a load costs, by the formulas of `docs/internals/scale.md`. */
export function predictLoad(load: ScaleLoad): PredictedLoad {
  const { nodes, requestsPerSecond, writeShare, maxStalenessMs, cacheTtlMs } = load;
  const beats = (BEATS_PER_LEASE * nodes * 1_000) / maxStalenessMs;
  const writes = requestsPerSecond * writeShare;
  const { misses, refreshes } = readsPerSecond(load);
  const gatheredPerBatch = ((refreshes / nodes) * cacheTtlMs * REFRESH_DELAY) / 1_000;
  const reads = misses + refreshes / Math.min(MAX_REFRESHED_TOGETHER, 1 + gatheredPerBatch);
  return {
    beats,
    reads,
    writes,
    commands: beats + reads + writes,
    messages: beats + nodes * writes,
    hitRate: 1 - misses / requestsPerSecond,
  };
}

/** How many reads a second find nothing in memory, and how many copies are read again before their time is over. */
function readsPerSecond(load: ScaleLoad): { misses: number; refreshes: number } {
  const { nodes, sessions, zipfExponent, requestsPerSecond, writeShare, routing, cacheTtlMs } = load;
  const zipf = new Zipf(sessions, zipfExponent);
  const holders = routing === "sticky" ? 1 : nodes;
  let misses = 0;
  let refreshes = 0;
  for (let rank = 0; rank < sessions; rank++) {
    const requests = (requestsPerSecond * zipf.probability(rank)) / holders;
    const writes = requests * writeShare;
    const { toNextS, ended, refreshed } = copyOf(
      cacheTtlMs / 1_000,
      requests,
      writes,
      writes * (holders - 1),
    );
    // from one load to the next: 1 / ended beginnings of toNextS each, and then the time until somebody asks
    const beginnings = (holders * requests) / (ended + requests * toNextS);
    misses += beginnings * ended;
    refreshes += beginnings * refreshed;
  }
  return { misses, refreshes };
}

/**
 * What becomes of a copy whose time has begun. It serves until that is over or another node writes the session (`ends`). What the node itself writes it keeps
 * (`renewals`), and what is asked for late it reads again; with either, its time begins anew. All are rates per second. How long that takes on
 * average, and in which share of cases the copy has ended, or was read again.
 */
function copyOf(ttlS: number, requests: number, renewals: number, ends: number) {
  const lifeS = MEAN_LIFE * ttlS;
  const lateS = REFRESH_SHARE * lifeS;
  const isAskedFor = 1 - Math.exp(-requests * lateS);
  // when it is asked for late, on average, if it is; then it waits for others
  const waitS = requests === 0 ? 0 : 1 / requests - (lateS * (1 - isAskedFor)) / isAskedFor;
  const refreshedAfterS = Math.min(lifeS, lifeS - lateS + waitS + ttlS * REFRESH_DELAY);
  const rate = renewals + ends;
  const untouched = (s: number) => Math.exp(-rate * s);
  const spent = (s: number) => (rate === 0 ? s : (1 - untouched(s)) / rate);
  const refreshed = isAskedFor * untouched(refreshedAfterS);
  const toNextS = isAskedFor * spent(refreshedAfterS) + (1 - isAskedFor) * spent(lifeS);
  return { toNextS, ended: 1 - refreshed - renewals * toNextS, refreshed };
}
