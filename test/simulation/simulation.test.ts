import { expect, onTestFinished, test } from "vitest";
import { reportOf, shrink, simulate } from "../../src/testing/simulation.js";
import { ABLATIONS } from "./ablations.js";
import { firstViolation } from "./seeds.js";

const MAX_SEEDS = 300;
const PATIENCE = { timeout: 300_000 };

test("the same seed gives the same history, another one another", async () => {
  const [one, again, other] = [
    await simulate({ seed: 7 }),
    await simulate({ seed: 7 }),
    await simulate({ seed: 8 }),
  ];
  expect(again.digest).toBe(one.digest);
  expect(again.trace()).toBe(one.trace());
  expect(other.digest).not.toBe(one.digest);
});

test.each(ABLATIONS)(
  "without $without, a promise breaks",
  PATIENCE,
  async ({ without, breaks, plan, apply }) => {
    // with it, the very same histories break nothing
    if (plan !== undefined) expect(await firstViolation(20, plan)).toBeUndefined();
    onTestFinished(apply());
    const result = await firstViolation(MAX_SEEDS, plan);
    expect(result, `no violation in ${MAX_SEEDS} seeds`).toBeDefined();
    const promises = result?.violations.map(({ promise }) => promise) ?? [];
    expect(breaks).toContain(promises[0]);
    console.log(
      `without ${without}: seed ${result?.seed} breaks ${[...new Set(promises)].sort().join(", ")}`,
    );
  },
);

test(
  "a history that breaks a promise is shrunk to what it takes, and told with its seed",
  PATIENCE,
  async () => {
    const lease = ABLATIONS.find(({ without }) => without === "the cache lease");
    if (lease === undefined) throw new Error("no such ablation");
    onTestFinished(lease.apply());
    const result = await firstViolation(MAX_SEEDS);
    if (result === undefined) throw new Error("no violation");
    const shortest = await shrink(result);
    expect(shortest.violations).not.toEqual([]);
    expect(shortest.plan.length).toBeLessThan(result.plan.length / 4);
    expect(reportOf(shortest)).toMatch(new RegExp(`^seed ${result.seed}\nI\\d at `));
    expect((await simulate({ seed: shortest.seed, plan: shortest.plan })).digest).toBe(shortest.digest);
  },
);
