import { systemClock } from "../clock.js";
import { RedisCommands } from "../redis/commands.js";
import { CommandError, connect } from "./client.js";
import { type Counts, Migration } from "./migration.js";
import { summaryOf, type Terminal } from "./report.js";
import type { MigrationPlan } from "./resolve.js";

const COMMAND_TIMEOUT_MS = 10_000;
/** How many commands may wait for Redis: each record of a batch has one at a time. */
const MAX_PENDING_COMMANDS = 20_000;
/** How often progress is told, at most. */
const PROGRESS_INTERVAL_MS = 1_000;

/** Exit code of a run that was interrupted, as of a program that SIGINT ended. */
export const INTERRUPTED = 130;

/** Carries out a plan; the exit code. `interrupted` says, after each batch, whether to stop. */
export async function migrate(
  plan: MigrationPlan,
  terminal: Terminal,
  interrupted: () => boolean,
): Promise<number> {
  const { port, close } = await connect(plan.url, plan.client);
  const options = {
    port,
    clock: systemClock,
    timeoutMs: COMMAND_TIMEOUT_MS,
    maxPending: MAX_PENDING_COMMANDS,
  };
  const migration = new Migration(new RedisCommands(options), plan);
  const counts: Counts = { rewritten: 0, done: 0, over: 0, unreadable: 0, busy: 0 };
  try {
    const cursor = await rewriteAll(migration, plan, counts, terminal, interrupted);
    const others = cursor === "0" && plan.to !== "sessionmesh" ? await migration.otherKeys() : new Map();
    terminal.print(summaryOf(plan, counts, others));
    if (cursor === "0") return 0;
    terminal.print(`Interrupted. Go on with --cursor ${cursor}\n`);
    return INTERRUPTED;
  } finally {
    close();
  }
}

/** Goes through all keys; where the next batch would begin, `"0"` at the end. */
async function rewriteAll(
  migration: Migration,
  plan: MigrationPlan,
  counts: Counts,
  terminal: Terminal,
  interrupted: () => boolean,
): Promise<string> {
  let { cursor } = plan;
  const startedAtMs = performance.now();
  let toldAtMs = Number.NEGATIVE_INFINITY;
  try {
    do {
      const { next, keys } = await migration.scan(cursor);
      const outcomes = await Promise.all(keys.map((key) => migration.rewrite(key)));
      for (const outcome of outcomes) if (outcome !== undefined) counts[outcome]++;
      cursor = next;
      const nowMs = performance.now();
      if (nowMs - toldAtMs >= PROGRESS_INTERVAL_MS || cursor === "0") {
        toldAtMs = nowMs;
        terminal.progress(counts, nowMs - startedAtMs);
      }
    } while (cursor !== "0" && !interrupted());
  } catch (cause) {
    throw new CommandError(`${(cause as Error).message} Go on with --cursor ${cursor}`, { cause });
  }
  return cursor;
}
