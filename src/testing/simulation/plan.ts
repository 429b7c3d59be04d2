import { DEFAULT_CHANNEL } from "../../options.js";
import { metaKey } from "../../redis/session-table.js";
import { SeededRandom } from "./random.js";
import type { Act, PlannedAct, PlannedFault, Step, Unplaced } from "./steps.js";
import { planUsers } from "./user-plan.js";

export type { Act, PlannedAct, PlannedFault, Step } from "./steps.js";

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
/** In how many histories somebody clears all, once. */
const CLEARED_SHARE = 0.2;
/** How many sessions end by a rotation instead, and for how long their ids lead on at most. */
const ROTATED_SHARE = 0.2;
const MAX_GRACE_MS = 400;

/** How many processes come and go at most, and for how long a place is free. */
const MAX_CHANGES = 3;
const MAX_FREE_MS = 1_500;
/** How much of what is done later is done at a node that has joined. */
const JOINED_SHARE = 0.25;

/** What happens in the history of a seed, in the order of time. */
export function planOf(seed: number, nodes: number): Step[] {
  const random = new SeededRandom(`plan ${seed}`);
  const faults = Array.from({ length: random.below(MAX_FAULTS + 1) }, () => planFault(random, nodes));
  // of streams of their own: they leave the rest of a plan as it was
  const more = random.fork("more");
  const clearedAtMs = more.chance(CLEARED_SHARE) ? more.between(CALM_MS, DURATION_MS) : undefined;
  const acts = planActs(random, more, { nodes, clearedAtMs });
  const users = planUsers(random.fork("users"), {
    nodes,
    clearedAtMs,
    calmMs: CALM_MS,
    durationMs: DURATION_MS,
  });
  const changes = planChanges(random.fork("processes"), nodes);
  const all = withJoined([...acts, ...users], changes, random.fork("joined"));
  return [...all, ...faults, ...changes].sort((a, b) => a.atMs - b.atMs);
}

/** Processes end, leave and are started again; one joins, in a place beside those that are taken from the beginning. */
function planChanges(random: SeededRandom, nodes: number): PlannedFault[] {
  return Array.from({ length: random.below(MAX_CHANGES + 1) }, () => {
    const atMs = random.between(CALM_MS, DURATION_MS);
    const backAfterMs = random.between(0, MAX_FREE_MS);
    const kind = random.pick(["crash", "leave", "join"] as const);
    if (kind === "join") return { atMs, fault: { kind }, node: nodes };
    return { atMs, fault: { kind, backAfterMs }, node: random.below(nodes) };
  });
}

/** Users come to a node that has joined as well. */
function withJoined(acts: PlannedAct[], changes: PlannedFault[], random: SeededRandom): PlannedAct[] {
  const joins = changes.filter(({ fault }) => fault.kind === "join");
  const [first] = joins.sort((a, b) => a.atMs - b.atMs);
  if (first?.node === undefined) return acts;
  const { atMs: joinedAtMs, node } = first;
  return acts.map((act) => {
    // its client may send again what was not answered: see `planActs`
    const moves = act.atMs > joinedAtMs && act.what !== "write" && random.chance(JOINED_SHARE);
    return moves ? { ...act, node } : act;
  });
}

function planActs(
  random: SeededRandom,
  more: SeededRandom,
  { nodes, clearedAtMs = Number.POSITIVE_INFINITY }: { nodes: number; clearedAtMs: number | undefined },
): PlannedAct[] {
  const slots = 1 + random.below(MAX_SLOTS);
  const times = Array.from({ length: ACTS }, () => random.between(50, DURATION_MS)).sort((a, b) => a - b);
  const acts: PlannedAct[] = [];
  /** How often the session of each slot has ended. */
  const ended = Array.from({ length: slots }, () => 0);
  const add = (
    atMs: number,
    what: Act,
    slot: number,
    life = ended[slot] ?? 0,
    rotation?: Pick<PlannedAct, "to" | "graceMs">,
  ) => {
    // An unconditional write must come but once. The client of every second node may send it again, so it is left to the others.
    const node = what === "write" ? 2 * random.below(Math.ceil(nodes / 2)) : random.below(nodes);
    const late = what === "write" && life < (ended[slot] ?? 0);
    acts.push({ atMs, node, what, id: `s${slot}.${life}`, ...(late && { late }), ...rotation });
  };
  const isCleared = Array.from({ length: slots }, () => false);
  if (clearedAtMs < DURATION_MS)
    acts.push({ atMs: clearedAtMs, node: more.below(nodes), what: "clear", id: "" });
  for (let slot = 0; slot < slots; slot++) add(10, "write", slot);
  for (const atMs of times) {
    const slot = random.below(slots);
    if (atMs > clearedAtMs && !isCleared[slot]) {
      isCleared[slot] = true;
      ended[slot] = (ended[slot] ?? 0) + 1;
      add(atMs, "write", slot);
    }
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
      const how = random.chance(0.7) ? "revoke" : "delete";
      if (more.chance(ROTATED_SHARE)) {
        const rotation = { to: `s${slot}.${life + 1}`, graceMs: more.below(MAX_GRACE_MS) };
        add(atMs, "rotate", slot, life, rotation);
        // who has the old id may log out by it
        if (more.chance(0.3)) add(atMs + more.between(1, MAX_GRACE_MS), how, slot, life);
      } else add(atMs, how, slot);
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
  const fault = random.pick<Unplaced>([
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
