import { reportOf, shrink } from "../../src/testing/simulation.js";
import { ABLATIONS } from "./ablations.js";
import { firstViolation, type Seeds } from "./violations.js";

/** The names of all mechanisms that can be taken out. */
export const MECHANISMS: readonly string[] = ABLATIONS.map(({ flag }) => flag);

/** Plays seeds without a mechanism. A report of the first that breaks a promise by that, shrunk; `undefined` if none does. */
export async function reportWithout(flag: string, seeds: Seeds): Promise<string | undefined> {
  const ablation = ABLATIONS.find((one) => one.flag === flag);
  if (ablation === undefined) throw new Error(`There is no mechanism named "${flag}"`);
  const restore = ablation.apply();
  try {
    const result = await firstViolation(ablation, seeds);
    return result && `without ${ablation.without}:\n${reportOf(await shrink(result))}`;
  } finally {
    restore();
  }
}
