import { styleText } from "node:util";
import type { Counts } from "./migration.js";
import type { MigrationPlan } from "./resolve.js";

/** Where a run tells what it does. */
export interface Terminal {
  /** A result, on the standard output. */
  print(text: string): void;
  /** How far it is, on the standard error. */
  progress(counts: Counts, elapsedMs: number): void;
  /** What went wrong, on the standard error. */
  fail(message: string): void;
}

/** The terminal of a process; colours only where somebody sees them. */
export function terminalOf({ stdout, stderr, env }: NodeJS.Process): Terminal {
  const isShown = stderr.isTTY && !env.NO_COLOR;
  let isLineOpen = false;
  const endLine = () => {
    if (isLineOpen) stderr.write("\n");
    isLineOpen = false;
  };
  return {
    print(text) {
      endLine();
      stdout.write(text);
    },
    progress(counts, elapsedMs) {
      const line = progressOf(counts, elapsedMs);
      stderr.write(isShown ? `\r\u001b[K${styleText("dim", line)}` : `${line}\n`);
      isLineOpen = isShown;
    },
    fail(message) {
      endLine();
      stderr.write(`${isShown ? styleText("red", "Error:") : "Error:"} ${message}\n`);
    },
  };
}

function progressOf(counts: Counts, elapsedMs: number): string {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const rate = Math.round((total * 1_000) / Math.max(1, elapsedMs));
  return `${total} records, ${rate} per second`;
}

/** What a run has done, in lines of a count and its meaning; and which keys it has left beside. */
export function summaryOf(
  { to, dryRun }: MigrationPlan,
  counts: Counts,
  others: ReadonlyMap<string, number>,
): string {
  const isBack = to !== "sessionmesh";
  const rows: [number, string][] = [
    [counts.rewritten, dryRun ? `would be rewritten for ${to}` : `rewritten for ${to}`],
    [counts.done, "already done"],
    [counts.over, isBack ? `tombstones ${dryRun ? "would be deleted" : "deleted"}` : "tombstones left"],
    [counts.unreadable, "unreadable, left as they are"],
    [counts.busy, "written by others meanwhile, left for the next run"],
  ];
  const lines = rows.map(([count, meaning]) => `${String(count).padStart(8)}  ${meaning}`);
  if (others.size > 0) {
    lines.push("Left, for no other store reads them; delete them when no node of sessionmesh runs any more:");
    for (const [key, count] of others) lines.push(`  ${key}${count > 1 ? ` (${count} keys)` : ""}`);
  }
  return `${lines.join("\n")}\n`;
}
