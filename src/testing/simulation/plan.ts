import { DEFAULT_CHANNEL } from "../../options.js";
import { metaKey } from "../../redis/session-table.js";
import type { Fault } from "./faults.js";
import { SeededRandom } from "./random.js";

/** What users do with a session. `write` comes first, and now and then once more after the session has ended, too late. */
export type Act = "write" | "get" | "peek" | "read Redis" | "update" | "delete" | "revoke";

/** A fault without the node that it happens to. */
type Unplaced<F> = F extends unknown ? Omit<F, "node" | "process"> : never;

/** Something goes wrong, at a node or for all. */
export interface PlannedFault {
  readonly atMs: number;
  readonly fault: Unplaced<Fault>;
  readonly node?: number;
}

/** Somebody does something at a node. */
export interface PlannedAct {
  readonly atMs: number;
  readonly node: number;
  readonly what: Act;
  readonly id: string;
  /** Of a write: only if the session is known to have ended. */
  readonly late?: boolean;
}

/** Something that happens in a simulated history. */
export type Step = PlannedFault | PlannedAct;

/** How long things go on, in milliseconds. */
const DURATION_MS = 6_000;
/** Before this, nothing goes wrong: nodes start, and registries come to be trusted. */
const CALM_MS = 1_500;
const ACTS = 250;
/** How much goes wrong, and how many sessions are alive at a time: that differs from seed to seed. */
const MAX_FAULTS = 16;
const MAX_SLOTS = 3;
/** How many times the bound a fault may last: some much less, some much more. */
const MAX_FAULT_MS = 1_600;

/** What happens in the history of a seed, in the order of time. */
export function planOf(seed: number, nodes: number): Step[] {
  const random = new SeededRandom(`plan ${seed}`);
  const faults = Array.from({ length: random.below(MAX_FAULTS + 1) }, () => planFault(random, nodes));
  return [...planActs(random, nodes), ...faults].sort((a, b) => a.atMs - b.atMs);
}

function planActs(random: SeededRandom, nodes: number): PlannedAct[] {
  const slots = 1 + random.below(MAX_SLOTS);
  const times = Array.from({ length: ACTS }, () => random.between(50, DURATION_MS)).sort((a, b) => a - b);
  const acts: PlannedAct[] = [];
  /** How often the session of each slot has ended. */
  const ended = Array.from({ length: slots }, () => 0);
  const add = (atMs: number, what: Act, slot: number, life = ended[slot] ?? 0) => {
    // An unconditional write must come but once. The client of every second node may send it again, so it is left to the others.
    const node = what === "write" ? 2 * random.below(Math.ceil(nodes / 2)) : random.below(nodes);
    const late = what === "write" && life < (ended[slot] ?? 0);
    acts.push({ atMs, node, what, id: `s${slot}.${life}`, ...(late && { late }) });
  };
  for (let slot = 0; slot < slots; slot++) add(10, "write", slot);
  for (const atMs of times) {
    const slot = random.below(slots);
    const life = ended[slot] ?? 0;
    const chance = random.next();
    // who has read an id goes on using it for a while after its session has ended
    const known = life > 0 && random.chance(0.3) ? life - 1 : life;
    if (chance < 0.35) add(atMs, "get", slot, known);
    else if (chance < 0.55) add(atMs, "peek", slot, known);
    else if (chance < 0.6) add(atMs, "read Redis", slot, known);
    else if (chance < 0.9) add(atMs, "update", slot, known);
    else if (chance < 0.93 && known < life) add(atMs, "write", slot, known);
    else if (chance < 0.95) {
      add(atMs, random.chance(0.7) ? "revoke" : "delete", slot);
      ended[slot] = life + 1;
      add(atMs + random.between(1, 30), "write", slot);
      // those who had it in memory ask again
      for (let n = 0; n < 4; n++)
        add(atMs + random.between(0, 1_200), random.chance(0.5) ? "get" : "peek", slot, life);
    } else add(atMs, "get", slot);
  }
  return acts;
}

function planFault(random: SeededRandom, nodes: number): PlannedFault {
  const atMs = random.between(CALM_MS, DURATION_MS);
  const forMs = MAX_FAULT_MS * random.next() ** 2 + 5;
  const connection = random.pick([undefined, "commands", "subscription"] as const);
  const ways = random.pick([undefined, ["toServer"], ["toNode"]] as const);
  const fault = random.pick<Unplaced<Fault>>([
    { kind: "disconnect", connection, delivered: random.chance(0.5) },
    { kind: "half-open", connection, ways, forMs },
    { kind: "stall", connection, ways, forMs },
    { kind: "stall", connection: undefined, ways: undefined, forMs },
    { kind: "stall", connection: "commands", ways: ["toNode"], forMs: random.between(50, 700) },
    { kind: "drop-subscriber" },
    { kind: "lose-messages", count: 1 + random.below(3) },
    { kind: "pause", forMs },
    { kind: "step-wall-clock", byMs: random.between(-5_000, 5_000) },
    { kind: "restart", data: random.pick(["kept", "lost"]), downMs: random.between(1, 500) },
    { kind: "lose-key", key: metaKey(DEFAULT_CHANNEL) },
    { kind: "switch-over", lostMs: random.between(1, 300) },
    {
      kind: "failover",
      lostMs: random.between(1, 300),
      downMs: random.between(50, 500),
      oldMasterMs: random.between(0, 50),
    },
  ]);
  return { atMs, fault, node: random.below(nodes) };
}
