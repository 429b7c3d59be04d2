import { DEFAULT_MAX_CONCURRENT_LOADS } from "../options.js";
import { Fleet } from "./scale/fleet.js";
import { Meter, quantile, type ScaleSample } from "./scale/meter.js";
import {
  MEASURED_COMMAND_MS,
  MEASURED_KEY_MS,
  MEASURED_MESSAGE_MS,
  resolveLoad,
  type ScaleEvent,
  type ScaleLoad,
  type ScaleOptions,
} from "./scale/options.js";
import { Staleness, type StalenessReport } from "./scale/staleness.js";
import { Zipf } from "./scale/zipf.js";
import { SimulatedWorld } from "./simulation/world.js";

/** What a fleet did while it was measured. Rates are per second. */
export interface ScaleResult {
  readonly load: ScaleLoad;
  /** Commands that Redis carried out, by their name or that of their script. */
  readonly commands: Readonly<Record<string, number>>;
  readonly commandsPerSecond: number;
  /** Messages that Redis sent, to each subscriber counted. */
  readonly messagesPerSecond: number;
  /** Of all requests, those that memory answered. */
  readonly hitRate: number;
  /** Requests that ended with an error. */
  readonly failed: number;
  readonly staleness: StalenessReport;
  /** How long a read took, those from memory included, in milliseconds. */
  readonly readsMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** How many sessions were revoked, how many of these by acknowledgement, and how long that took. */
  readonly revocations: {
    readonly count: number;
    readonly acknowledged: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
  };
  /** The most commands that waited for Redis at a time. */
  readonly peakQueue: number;
  /** What happened, step by step, from the start of the fleet. */
  readonly samples: readonly ScaleSample[];
}

const DEFAULT_WARM_UP_MS = 10_000;
const DEFAULT_MEASURED_MS = 10_000;
const STEP_MS = 100;
/** A network inside of a data centre: half of what is sent arrives within 0.3 ms, little takes more than 2. */
const NETWORK = { minDelayMs: 0.1, maxDelayMs: 5, maxUndelivered: 1_000_000 };

/**
 * Runs many real stores, with their caches and coordinators, on a simulated server and network, and counts what they cost.
 *
 * Requests are served as fast as their Redis commands are: the processor time of nodes is not simulated, that of Redis is.
 *
 * @example
 * const { commandsPerSecond } = await simulateScale({ seed: 1, nodes: 100 });
 */
export async function simulateScale(options: ScaleOptions): Promise<ScaleResult> {
  const { seed, warmUpMs = DEFAULT_WARM_UP_MS, measuredMs = DEFAULT_MEASURED_MS, event } = options;
  const {
    commandMs = MEASURED_COMMAND_MS,
    keyMs = MEASURED_KEY_MS,
    messageMs = MEASURED_MESSAGE_MS,
  } = options;
  const { maxConcurrentLoads = DEFAULT_MAX_CONCURRENT_LOADS } = options;
  const load = resolveLoad(options);
  const meter = new Meter(warmUpMs, STEP_MS);
  const staleness = new Staleness();
  const world = new SimulatedWorld({
    seed: `scale ${seed}`,
    network: { ...NETWORK, commandMs, keyMs, messageMs },
    logLimit: 0,
    onCommand: (command) => meter.command(world.nowMs, command),
    onMessage: () => {
      meter.at(world.nowMs).messages++;
    },
  });
  staleness.observe(world.server, () => world.nowMs);
  const fleet = new Fleet({ world, load, meter, staleness, maxConcurrentLoads });
  fleet.start();
  send(world, fleet, load);
  watch(world, meter);
  if (event !== undefined) world.at(warmUpMs, () => begin(world, fleet, staleness, load, event));
  await world.run(warmUpMs + measuredMs);
  return resultOf(load, meter, staleness, measuredMs / 1_000);
}

/** Requests come one by one, at random. */
function send(
  world: SimulatedWorld,
  fleet: Fleet,
  { sessions, zipfExponent, requestsPerSecond, writeShare }: ScaleLoad,
) {
  const zipf = new Zipf(sessions, zipfExponent);
  const { random } = world;
  const next = () => {
    const waitMs = (-Math.log(1 - random.next()) * 1_000) / requestsPerSecond;
    world.at(world.nowMs + waitMs, () => {
      void fleet.serve(zipf.draw(random), random.chance(writeShare));
      next();
    });
  };
  next();
}

function watch(world: SimulatedWorld, meter: Meter): void {
  const sample = meter.at(world.nowMs);
  sample.queue = Math.max(sample.queue, world.queueLength);
  world.at(world.nowMs + 1, () => watch(world, meter));
}

function begin(
  world: SimulatedWorld,
  fleet: Fleet,
  staleness: Staleness,
  { nodes }: ScaleLoad,
  event: ScaleEvent,
) {
  const startMs = world.nowMs;
  const evenly = (count: number, overMs: number, run: (n: number) => void) => {
    for (let n = 0; n < count; n++) world.at(startMs + (n * overMs) / count, () => run(n));
  };
  if (event.kind === "deploy") evenly(nodes, event.overMs, (n) => void fleet.replace(n));
  else if (event.kind === "mass logout") evenly(event.sessions, event.overMs, (n) => void fleet.revoke(n));
  else {
    world.fault(event);
    const promotedAtMs = startMs + event.lostMs + event.downMs + 1; // no node is connected to it so soon
    world.at(promotedAtMs, () => staleness.promoted(world.server, () => world.nowMs));
  }
}

function resultOf(load: ScaleLoad, meter: Meter, staleness: Staleness, seconds: number): ScaleResult {
  const { samples, readsMs, revocationsMs, acknowledged } = meter;
  const measured = samples.filter(({ atMs }) => atMs >= 0);
  const sum = (key: keyof ScaleSample) => measured.reduce((total, sample) => total + sample[key], 0);
  return {
    load,
    commands: Object.fromEntries([...meter.commands].map(([name, count]) => [name, count / seconds])),
    commandsPerSecond: sum("commands") / seconds,
    messagesPerSecond: sum("messages") / seconds,
    hitRate: sum("hits") / sum("requests"),
    failed: sum("failed"),
    staleness: staleness.report(),
    readsMs: { p50: quantile(readsMs, 0.5), p99: quantile(readsMs, 0.99), max: quantile(readsMs, 1) },
    revocations: {
      count: revocationsMs.length,
      acknowledged,
      p50Ms: quantile(revocationsMs, 0.5),
      p99Ms: quantile(revocationsMs, 0.99),
    },
    peakQueue: Math.max(...measured.map(({ queue }) => queue)),
    samples,
  };
}
