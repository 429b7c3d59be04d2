import { type Clock, pause } from "../clock.js";
import type { Invalidation } from "../cluster/membership.js";
import { SessionMeshError } from "../errors.js";
import { DEFAULT_CACHE_TTL_MS } from "../options.js";
import { ClusteredRedisStore } from "../stores/clustered-redis-store.js";
import { History, type HistoryData, type Violation } from "./history.js";
import type { Fault } from "./simulation/faults.js";
import type { WorldNode } from "./simulation/node.js";
import { type PlannedFault, planOf, type Step } from "./simulation/plan.js";
import { SeededRandom } from "./simulation/random.js";
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
}

/** How a simulated history ended. */
export interface SimulationResult {
  readonly seed: number;
  readonly plan: readonly Step[];
  readonly invalidation: readonly Invalidation[];
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

type Store = ClusteredRedisStore<HistoryData>;

const NODES = ["A", "B", "C"];
/** The bound of the simulated nodes: short, so that much happens in little time. */
export const SIMULATED_BOUND_MS = 600;
const COMMAND_TIMEOUT_MS = 300;
/** One of the nodes reads again what is in use; not so soon that nothing could be older than the bound. */
const SHORT_CACHE_TTL_MS = 700;
/** What a node's clock and timers may be off by (`NodeClock`), over the bound. */
const TOLERANCE_MS = 5;
/** How often a read is tried when all is well again. */
const SETTLING_ATTEMPTS = 20;
const SETTLING_PAUSE_MS = 500;
/** How long the nodes have to come to rest after the last step. */
const REST_MS = 4_000;

/**
 * Plays the history of one seed: three real stores, with their caches and coordinators, on a simulated server and network. Sessions are read,
 * changed, deleted and revoked, while connections, processes and the server fail as planned; every answer is judged against the
 * promises of `docs/internals/protocol.md`.
 *
 * @example
 * const { violations } = await simulate({ seed: 42 });
 */
export async function simulate({
  seed,
  plan = planOf(seed, NODES.length),
  maxDelayMs = new SeededRandom(`network ${seed}`).pick([2, 20, 60, 150]),
  invalidation = [],
}: SimulationOptions): Promise<SimulationResult> {
  const world = new SimulatedWorld({ seed, network: { maxDelayMs }, logLimit: 20_000 });
  const players = NODES.map((name, n) => {
    const node = world.node(name, { resendsUnanswered: n % 2 === 1 });
    const cacheTtlMs = n === 2 ? SHORT_CACHE_TTL_MS : DEFAULT_CACHE_TTL_MS;
    return new Player(world, node, { invalidation: invalidation[n] ?? "broadcast", cacheTtlMs });
  });
  const history = new History({ maxStalenessMs: SIMULATED_BOUND_MS, toleranceMs: TOLERANCE_MS });
  for (const player of players) void player.start();
  for (const step of plan) {
    world.at(step.atMs, () => {
      if ("fault" in step) fail(world, players, history, step);
      else void players[step.node]?.play(step, history);
    });
  }
  const lastMs = plan.reduce((latestMs, { atMs }) => Math.max(latestMs, atMs), 0);
  await world.run(lastMs + REST_MS);
  await settle(world, players, history, plan);
  return {
    seed,
    plan,
    invalidation,
    violations: history.violations,
    simulatedMs: world.nowMs,
    answers: history.reads,
    worstStalenessMs: history.worstStalenessMs,
    digest: world.log.digest,
    trace: () => world.log.toString(),
  };
}

/** One node, and what its users do with it. */
class Player {
  readonly node: WorldNode;
  readonly store: Store;
  readonly #world: SimulatedWorld;

  constructor(
    world: SimulatedWorld,
    node: WorldNode,
    { invalidation, cacheTtlMs }: { invalidation: Invalidation; cacheTtlMs: number },
  ) {
    this.node = node;
    this.#world = world;
    this.store = new ClusteredRedisStore<HistoryData>({
      client: node.port,
      clock: node.clock,
      commandTimeoutMs: COMMAND_TIMEOUT_MS,
      cluster: { nodeId: node.name, maxStalenessMs: SIMULATED_BOUND_MS, invalidation },
      localCache: { maxEntries: 100, ttlMs: cacheTtlMs },
    });
  }

  /** It goes on trying when it does not succeed. */
  start(): Promise<unknown> {
    return this.node.perform(() => this.store.start().catch(() => {}));
  }

  /** Does one thing, and tells the judge. */
  async play(step: Exclude<Step, PlannedFault>, history: History): Promise<void> {
    const { store } = this;
    const { id } = step;
    const startedAtMs = this.#world.nowMs;
    const span = () => ({ startedAtMs, endedAtMs: this.#world.nowMs });
    const done = await this.node
      .perform(async () => {
        switch (step.what) {
          case "peek":
          case "get": {
            const session = step.what === "peek" ? store.peek(id) : await store.get(id);
            if (session) history.answered(id, session.data.n, span());
            return session?.data.n;
          }
          case "read Redis": {
            const session = await store.get(id, { consistency: "strong" });
            if (session) history.answered(id, session.data.n, span(), { strong: true });
            return session?.data.n;
          }
          case "write": {
            // what a middleware does: no matter what is there. The first write of a session, or one that comes too late
            if (step.late && !history.hasEnded(id)) return "not yet";
            await store.set(id, { n: 0 });
            history.changed(id, 0, span());
            return 0;
          }
          case "update": {
            const session = await store.update(id, ({ n }) => ({ n: n + 1 }));
            if (session) history.changed(id, session.data.n, span());
            return session?.data.n;
          }
          case "delete":
            await store.delete(id);
            history.ended(id, span(), { revoked: false });
            return "deleted";
          case "revoke": {
            const { acknowledged } = await store.revoke(id);
            history.ended(id, span(), { revoked: true });
            return acknowledged ? "revoked, acknowledged" : "revoked, outlasted";
          }
        }
      })
      .catch(outcomeOf);
    this.node.note(`${step.what} ${id}: ${done}`);
  }
}

/** Redis may be out of reach, others may be faster, a session may be over: these are answers too. Anything else is a defect. */
function outcomeOf(error: unknown): string {
  if (!(error instanceof SessionMeshError)) throw error;
  return error.code;
}

function fail(
  world: SimulatedWorld,
  players: readonly Player[],
  history: History,
  { fault, node = 0 }: PlannedFault,
): void {
  const player = players[node];
  if (player === undefined) return;
  const { node: on } = player;
  const sinceMs = world.nowMs;
  world.fault((fault.kind === "pause" ? { ...fault, process: on } : { ...fault, node: on }) as Fault);
  if (fault.kind === "restart" && fault.data === "lost") history.lost(Number.NEGATIVE_INFINITY, sinceMs); // all of it
  if (fault.kind === "switch-over")
    world.at(sinceMs + fault.lostMs, () => history.lost(sinceMs, world.nowMs));
  if (fault.kind === "failover") {
    world.at(sinceMs + fault.lostMs + fault.downMs, () => history.lost(sinceMs, world.nowMs));
  }
}

/** When all is well again: what was deleted is gone, on every node and in Redis. */
async function settle(
  world: SimulatedWorld,
  players: readonly Player[],
  history: History,
  plan: readonly Step[],
): Promise<void> {
  const ids = new Set(plan.flatMap((step) => ("fault" in step ? [] : [step.id])));
  for (const { node, store } of players) {
    for (const id of ids) {
      const session = await world.settle(
        node.perform(() => persistently(node.clock, () => store.get(id, { consistency: "strong" }))),
      );
      history.settled(id, session !== undefined, world.nowMs);
    }
  }
}

/** A slow network makes a read too slow now and then, but not each time; the circuit may be open after it. */
async function persistently<R>(clock: Clock, read: () => Promise<R>): Promise<R> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (attempt === SETTLING_ATTEMPTS) throw error;
      await pause(clock, SETTLING_PAUSE_MS);
    }
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
