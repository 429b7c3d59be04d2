import { expect } from "vitest";
import type { Invalidation } from "../../src/index.js";
import { reportOf, shrink, simulate } from "../../src/testing/simulation.js";

/** Plays a history for each seed, and prints the shortest part of the first one that breaks a promise. */
export async function playSeeds(
  first: number,
  count: number,
  invalidation?: readonly Invalidation[],
): Promise<void> {
  let answers = 0;
  let simulatedMs = 0;
  let worstStalenessMs = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = await simulate({ seed, ...(invalidation && { invalidation }) });
    if (result.violations.length > 0) throw new Error(reportOf(await shrink(result)));
    answers += result.answers;
    simulatedMs += result.simulatedMs;
    worstStalenessMs = Math.max(worstStalenessMs, result.worstStalenessMs);
  }
  expect(answers).toBeGreaterThan(20 * count); // else the judge had nothing to judge
  const hours = (simulatedMs / 3_600_000).toFixed(1);
  console.log(
    `seeds ${first} to ${first + count - 1}: ${hours} h, ${answers} answers, worst ${worstStalenessMs.toFixed(0)} ms`,
  );
}
