import type { SeededRandom } from "./random.js";
import type { PlannedAct } from "./steps.js";

/** When something may happen, and where. */
export interface UserPlanOptions {
  readonly nodes: number;
  /** When all sessions are cleared. Default: never. */
  readonly clearedAtMs: number | undefined;
  /** Before this, nobody is revoked. */
  readonly calmMs: number;
  readonly durationMs: number;
}

/** How many users there are, besides those whose sessions are nobody's. */
const MAX_USERS = 2;
/** What each of them does. */
const ACTS_PER_USER = 50;
/** How many of their sessions are used at a time. */
const REMEMBERED = 3;
/** Some of their sessions end by themselves. */
const SHORT_LIFE_SHARE = 0.35;
const MIN_TTL_MS = 150;
const MAX_TTL_MS = 900;
const ABSOLUTE_SHARE = 0.3;
/** How often such a session is used, and after which part of its TTL each time. */
const TOUCHES = 4;
const TOUCH_SHARE = 0.6;

type Part = Omit<PlannedAct, "atMs" | "node">;

/** Logins, what is done with those sessions, and the ends of them: one by one, or all of a user. */
export function planUsers(
  random: SeededRandom,
  { nodes, clearedAtMs = Number.POSITIVE_INFINITY, calmMs, durationMs }: UserPlanOptions,
): PlannedAct[] {
  const acts: PlannedAct[] = [];
  const add = (atMs: number, part: Part) => acts.push({ atMs, node: random.below(nodes), ...part });
  const users = random.below(MAX_USERS + 1);
  for (let n = 0; n < users; n++) {
    const user = `u${n}`;
    const ids: string[] = [];
    const logIn = (atMs: number) => {
      const id = `${user}.${ids.length}`;
      ids.push(id);
      const isShort = random.chance(SHORT_LIFE_SHARE);
      const ttlMs = isShort ? Math.round(random.between(MIN_TTL_MS, MAX_TTL_MS)) : undefined;
      const hasEnd = isShort && random.chance(ABSOLUTE_SHARE);
      const absoluteTtlMs = hasEnd ? Math.round(random.between(MIN_TTL_MS, 2 * MAX_TTL_MS)) : undefined;
      add(atMs, { what: "create", id, user, ...(isShort && { ttlMs }), ...(hasEnd && { absoluteTtlMs }) });
      if (ttlMs === undefined) return;
      // whoever is there all the time stays logged in
      for (let n = 1; n <= TOUCHES; n++) {
        const touchedAtMs = atMs + n * TOUCH_SHARE * ttlMs;
        add(touchedAtMs, { what: random.chance(0.7) ? "touch" : "update", id });
        add(touchedAtMs + random.between(0, TOUCH_SHARE) * ttlMs, { what: "get", id });
      }
    };
    logIn(10);
    const times = Array.from({ length: ACTS_PER_USER }, () => random.between(50, durationMs));
    let isCleared = false;
    for (const atMs of times.sort((a, b) => a - b)) {
      if (!isCleared && atMs > clearedAtMs) logIn(atMs);
      isCleared = atMs > clearedAtMs;
      const known = ids.slice(-REMEMBERED) as [string, ...string[]];
      const id = random.pick(known);
      const chance = random.next();
      if (chance < 0.25) add(atMs, { what: "get", id });
      else if (chance < 0.4) add(atMs, { what: "peek", id });
      else if (chance < 0.45) add(atMs, { what: "read Redis", id });
      else if (chance < 0.6) add(atMs, { what: "update", id });
      else if (chance < 0.75) add(atMs, { what: "touch", id });
      else if (chance < 0.87) logIn(atMs);
      else if (chance < 0.93) add(atMs, { what: random.chance(0.5) ? "revoke" : "delete", id });
      else if (atMs < calmMs) add(atMs, { what: "get", id });
      else {
        add(atMs, { what: "revoke user", id: "", user });
        logIn(atMs + random.between(1, 30));
        // those who had the sessions in memory ask again
        for (const old of known) {
          for (let n = 0; n < 2; n++) {
            add(atMs + random.between(0, 1_200), { what: random.chance(0.5) ? "get" : "peek", id: old });
          }
        }
      }
    }
  }
  return acts;
}
