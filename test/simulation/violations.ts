import { SeededRandom } from "../../src/testing/simulation/random.js";
import { type SimulationResult, simulate } from "../../src/testing/simulation.js";
import type { Ablation } from "./ablations/tools.js";

/** Which seeds are played. */
export interface Seeds {
  readonly from: number;
  readonly count: number;
}

/**
 * The first seed whose history breaks one of the promises that may break without a mechanism. Whoever calls takes it out. A plan of its
 * own is played on a quick network.
 */
export async function firstViolation(
  { plan, options, breaks }: Pick<Ablation, "plan" | "options" | "breaks">,
  { from, count }: Seeds,
): Promise<SimulationResult | undefined> {
  for (let seed = from; seed < from + count; seed++) {
    const planned = plan && { plan: plan(new SeededRandom(`plan ${seed}`)), maxDelayMs: 2 };
    const result = await simulate({ seed, ...planned, ...options });
    if (result.violations.some(({ promise }) => breaks.includes(promise))) return result;
  }
  return undefined;
}
