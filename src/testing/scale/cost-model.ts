import { BEATS_PER_LEASE } from "../../cluster/heartbeat.js";
import { TTL_JITTER } from "../../stores/near-cache.js";
import type { ScaleLoad } from "./options.js";
import { Zipf } from "./zipf.js";

/** What a load costs Redis per second, in a steady state. */
export interface PredictedLoad {
  readonly beats: number;
  /** Loads of sessions that were not in memory. */
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
  const { nodes, requestsPerSecond, writeShare, maxStalenessMs } = load;
  const beats = (BEATS_PER_LEASE * nodes * 1_000) / maxStalenessMs;
  const writes = requestsPerSecond * writeShare;
  const reads = missesPerSecond(load);
  return {
    beats,
    reads,
    writes,
    commands: beats + reads + writes,
    messages: beats + nodes * writes,
    hitRate: 1 - reads / requestsPerSecond,
  };
}

/**
 * A node's copy is loaded, serves until its time is over or another node writes the session, and is loaded again at the next request. What
 * the node itself writes it keeps, and its time begins anew.
 */
function missesPerSecond({
  nodes,
  sessions,
  zipfExponent,
  requestsPerSecond,
  writeShare,
  routing,
  cacheTtlMs,
}: ScaleLoad): number {
  const zipf = new Zipf(sessions, zipfExponent);
  const holders = routing === "sticky" ? 1 : nodes;
  const lifeS = (MEAN_LIFE * cacheTtlMs) / 1_000;
  let misses = 0;
  for (let rank = 0; rank < sessions; rank++) {
    const requests = (requestsPerSecond * zipf.probability(rank)) / holders;
    const writes = requests * writeShare;
    const heldS = heldFor(lifeS, writes, writes * (holders - 1));
    misses += (holders * requests) / (1 + requests * heldS);
  }
  return misses;
}

/**
 * For how long a copy is held on average: until nothing has begun its time anew for all of its life, or something has ended it. `renewals`
 * and `ends` are rates per second.
 */
function heldFor(lifeS: number, renewals: number, ends: number): number {
  const rate = renewals + ends;
  if (rate === 0) return lifeS;
  const untouched = Math.exp(-rate * lifeS);
  // from each beginning: the time to the next thing that happens; with a renewal, all begins anew
  return (1 - untouched) / rate / (1 - (renewals / rate) * (1 - untouched));
}
