/** Something that happens to a whole fleet, when the measuring begins. */
export type ScaleEvent =
  /** Every node is replaced by a new process, one after the other, evenly over this time. */
  | { readonly kind: "deploy"; readonly overMs: number }
  /** The master fails, and a replica that lacks its last writes takes over. */
  | { readonly kind: "failover"; readonly lostMs: number; readonly downMs: number }
  /** One node revokes so many sessions, the most popular ones, evenly over this time. */
  | { readonly kind: "mass logout"; readonly sessions: number; readonly overMs: number };

/** The traffic of a fleet. */
export interface ScaleLoad {
  readonly nodes: number;
  /** Sessions that are there. */
  readonly sessions: number;
  /** How much more popular some are: the n-th has a share in proportion to 1 / n ** exponent. */
  readonly zipfExponent: number;
  /** Of all nodes together. Each request reads one session. */
  readonly requestsPerSecond: number;
  /** Of all requests, those that change their session after they have read it. */
  readonly writeShare: number;
  /** Whether the requests of a session always come to the same node. */
  readonly routing: "sticky" | "random";
  /** `cluster.maxStalenessMs`. */
  readonly maxStalenessMs: number;
  /** `localCache.ttlMs`. */
  readonly cacheTtlMs: number;
}

/** What is simulated: the traffic, for how long, on what server, and what happens. */
export interface ScaleOptions extends Partial<ScaleLoad> {
  /** From which everything follows. */
  readonly seed: number;
  readonly nodes: number;
  /** How long the fleet runs before the measuring begins. Default 10,000. */
  readonly warmUpMs?: number;
  /** How long is measured. Default 10,000. */
  readonly measuredMs?: number;
  /** How long Redis is busy with a command, in milliseconds. Default: what `npm run bench:scale` has measured. */
  readonly commandMs?: number;
  /** The same for each session more that it reads with it. */
  readonly keyMs?: number;
  /** The same for each message that it sends to one subscriber. */
  readonly messageMs?: number;
  /** `maxConcurrentLoads` of each node. Default: that of the store. */
  readonly maxConcurrentLoads?: number;
  /** What happens when the measuring begins. Default: nothing. */
  readonly event?: ScaleEvent;
}

/** Processor time of Redis for a script that comes alone, and for each message that it sends, in milliseconds, rounded: see `docs/internals/scale.md`. */
export const MEASURED_COMMAND_MS = 0.05;
/** The same for each further session that is read with it. */
export const MEASURED_KEY_MS = 0.01;
export const MEASURED_MESSAGE_MS = 0.005;

/** A large site, and the defaults of the store. */
const DEFAULT_LOAD: Omit<ScaleLoad, "nodes"> = {
  sessions: 1_000_000,
  zipfExponent: 1,
  requestsPerSecond: 10_000,
  writeShare: 0.002,
  routing: "sticky",
  maxStalenessMs: 2_000,
  cacheTtlMs: 30_000,
};

/** The load with what was not said of it. */
export function resolveLoad(options: ScaleOptions): ScaleLoad {
  const {
    nodes,
    sessions,
    zipfExponent,
    requestsPerSecond,
    writeShare,
    routing,
    maxStalenessMs,
    cacheTtlMs,
  } = {
    ...DEFAULT_LOAD,
    ...options,
  };
  return {
    nodes,
    sessions,
    zipfExponent,
    requestsPerSecond,
    writeShare,
    routing,
    maxStalenessMs,
    cacheTtlMs,
  };
}
