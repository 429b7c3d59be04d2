import type { Invalidation } from "../cluster/membership.js";
import { History, type Violation } from "./history.js";
import { Cast, NODES } from "./simulation/cast.js";
import type { Fault } from "./simulation/faults.js";
import { planOf } from "./simulation/plan.js";
import { SeededRandom } from "./simulation/random.js";
import { settle } from "./simulation/settling.js";
import type { PlannedFault, Step } from "./simulation/steps.js";
import { SimulatedWorld } from "./simulation/world.js";

/** What is simulated. */
export interface SimulationOptions {
  /** From which everything follows: the same seed, the same history. */
  readonly seed: number;
  /** Instead of the plan that follows from the seed: to play a part of it, or another one. */
  readonly plan?: readonly Step[];
  /** How long the network takes at most, in milliseconds. Default: one of a few, by the seed. */
  readonly maxDelayMs?: number;
  /** How each of the three nodes hears of changes. Default: all by broadcast. */
  readonly invalidation?: readonly Invalidation[];
  /** The bound of the nodes, in milliseconds. Default: short, so that much happens in little time. */
  readonly maxStalenessMs?: number;
  /** How long a command of theirs may take, in milliseconds. Default: half of the default bound. */
  readonly commandTimeoutMs?: number;
}

/** How a simulated history ended. */
export interface SimulationResult {
  readonly seed: number;
  readonly plan: readonly Step[];
  readonly invalidation: readonly Invalidation[];
  readonly maxDelayMs: number;
  readonly maxStalenessMs: number;
  readonly commandTimeoutMs: number;
  readonly violations: readonly Violation[];
  /** How long it lasted, by the time of the world. */
  readonly simulatedMs: number;
  /** How many answers were judged. */
  readonly answers: number;
  /** How long ago the oldest answer that was given had been replaced. */
  readonly worstStalenessMs: number;
  /** The same for two runs that went the same way. */
  readonly digest: string;
  /** What happened, one line each. */
  trace(): string;
}

/** What happens at a node, and nowhere else. */
const AT_A_NODE: ReadonlySet<string> = new Set([
  "disconnect",
  "half-open",
  "stall",
  "drop-subscriber",
  "lose-messages",
  "pause",
  "step-wall-clock",
] satisfies Fault["kind"][]);
/** The bound of the simulated nodes: short, so that much happens in little time. */
export const SIMULATED_BOUND_MS = 600;
const COMMAND_TIMEOUT_MS = 300;
/** How many sessions a user may have, in a third of the histories. */
const MAX_SESSIONS = 2;
/** What a node's clock and timers may be off by (`NodeClock`), over the bound. */
const TOLERANCE_MS = 5;
/** How long the nodes have to come to rest after the last step. */
const REST_MS = 4_000;

/**
 * Plays the history of one seed: three real stores and more, with their caches and coordinators, on a simulated server and network. Sessions are read,
 * changed, deleted and revoked, while connections, processes and the server fail as planned; every answer is judged against the
 * promises of `docs/internals/protocol.md`.
 *
 * @example
 * const { violations } = await simulate({ seed: 42 });
 */
export async function simulate({
  seed,
  plan = planOf(seed, NODES),
  maxDelayMs = new SeededRandom(`network ${seed}`).pick([2, 20, 60, 150]),
  invalidation = [],
  maxStalenessMs = SIMULATED_BOUND_MS,
  commandTimeoutMs = COMMAND_TIMEOUT_MS,
}: SimulationOptions): Promise<SimulationResult> {
  const world = new SimulatedWorld({ seed, network: { maxDelayMs }, logLimit: 20_000 });
  const maxSessionsPerUser = new SeededRandom(`limit ${seed}`).pick([undefined, undefined, MAX_SESSIONS]);
  const history = new History({ maxStalenessMs, toleranceMs: TOLERANCE_MS });
  const bounds = { maxStalenessMs, commandTimeoutMs };
  const cast = new Cast({ world, history, invalidation, maxSessionsPerUser, ...bounds });
  for (const step of plan) {
    world.at(step.atMs, () => {
      if ("fault" in step) fail(world, cast, history, step);
      else void cast.at(step.node)?.play(step, history);
    });
  }
  const lastMs = plan.reduce((latestMs, { atMs }) => Math.max(latestMs, atMs), 0);
  await world.run(lastMs + REST_MS);
  await settle({ world, players: cast.players, history, plan, maxSessionsPerUser });
  return {
    seed,
    plan,
    invalidation,
    maxDelayMs,
    maxStalenessMs,
    commandTimeoutMs,
    violations: history.violations,
    simulatedMs: world.nowMs,
    answers: history.reads,
    worstStalenessMs: history.worstStalenessMs,
    digest: world.log.digest,
    trace: () => world.log.toString(),
  };
}

function fail(
  world: SimulatedWorld,
  cast: Cast,
  history: History,
  { fault, node: place = 0 }: PlannedFault,
): void {
  if (fault.kind === "crash" || fault.kind === "leave" || fault.kind === "join") {
    cast.change(place, fault);
    return;
  }
  // where nobody is, only what concerns the server can happen
  const node = cast.at(place)?.node;
  if (node === undefined && AT_A_NODE.has(fault.kind)) return;
  const sinceMs = world.nowMs;
  world.fault((fault.kind === "pause" ? { ...fault, process: node } : { ...fault, node }) as Fault);
  if (fault.kind === "restart" && fault.data === "lost") history.lost(Number.NEGATIVE_INFINITY, sinceMs); // all of it
  if (fault.kind === "switch-over")
    world.at(sinceMs + fault.lostMs, () => history.lost(sinceMs, world.nowMs));
  if (fault.kind === "failover") {
    world.at(sinceMs + fault.lostMs + fault.downMs, () => history.lost(sinceMs, world.nowMs));
  }
}

/**
 * The shortest part of a plan that still breaks a promise: whatever can be left out is left out, halves first. Bounded, since each attempt
 * is a run.
 */
export async function shrink(result: SimulationResult, maxRuns = 200): Promise<SimulationResult> {
  let best = result;
  let runs = 0;
  for (let size = Math.ceil(best.plan.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < best.plan.length && runs < maxRuns; ) {
      const plan = [...best.plan.slice(0, from), ...best.plan.slice(from + size)];
      runs++;
      const shorter = await simulate({ ...result, plan });
      if (shorter.violations.length > 0) best = shorter;
      else from += size;
    }
  }
  return best;
}

/** What a developer needs to see of a history that broke a promise: the seed, what was broken, the plan, and the end of the trace. */
export function reportOf({ seed, violations, plan, trace }: SimulationResult, lines = 150): string {
  const broken = violations
    .slice(0, 5)
    .map(({ promise, atMs, id, what }) => `${promise} at ${atMs.toFixed(3)}, ${id}: ${what}`);
  const steps = plan.map((step) => JSON.stringify(step));
  const [first] = violations;
  const until = trace()
    .split("\n")
    .filter((line) => first === undefined || Number.parseFloat(line) <= first.atMs + 1);
  return [`seed ${seed}`, ...broken, "", ...steps, "", ...until.slice(-lines)].join("\n");
}
