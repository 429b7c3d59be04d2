import { describe, expect, onTestFinished, test } from "vitest";
import { DEFAULT_REMEMBER_MS } from "../../src/options.js";
import type { Step } from "../../src/testing/simulation/plan.js";
import { reportOf, shrink, simulate } from "../../src/testing/simulation.js";
import { Program } from "../support/program.js";
import { ABLATIONS } from "./ablations.js";
import { firstViolation } from "./violations.js";

const SEEDS = { from: 1, count: 300 };
const ALL_PROMISES = ["I1", "I2", "I3", "I4", "life"];
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

test.each(ABLATIONS)("without $without, a promise breaks", PATIENCE, async (ablation) => {
  const { without, plan, options, apply } = ablation;
  // with it, the very same histories break nothing
  const whole = { ...(plan && { plan }), ...(options && { options }), breaks: ALL_PROMISES };
  if (plan !== undefined) expect(await firstViolation(whole, { from: 1, count: 20 })).toBeUndefined();
  onTestFinished(apply());
  const result = await firstViolation(ablation, SEEDS);
  expect(result, `no violation in ${SEEDS.count} seeds`).toBeDefined();
  const promises = result?.violations.map(({ promise }) => promise) ?? [];
  console.log(`without ${without}: seed ${result?.seed} breaks ${[...new Set(promises)].sort().join(", ")}`);
});

test("a user who was revoked longer ago than nodes remember can log in after the server has lost all", async () => {
  const agoMs = DEFAULT_REMEMBER_MS + 1_000;
  const plan: Step[] = [
    { atMs: 10, node: 0, what: "create", id: "u0.0", user: "u0" },
    { atMs: 1_500, node: 1, what: "get", id: "u0.0" },
    { atMs: 3_000, node: 1, what: "revoke user", id: "", user: "u0" },
    { atMs: 3_000 + agoMs, fault: { kind: "restart", data: "lost", downMs: 50 } },
  ];
  const { violations } = await simulate({ seed: 1, plan, maxDelayMs: 2 });
  expect(violations).toEqual([]);
});

test(
  "a history that breaks a promise is shrunk to what it takes, and told with its seed",
  PATIENCE,
  async () => {
    const lease = ABLATIONS.find(({ without }) => without === "the cache lease");
    if (lease === undefined) throw new Error("no such ablation");
    onTestFinished(lease.apply());
    const result = await firstViolation(lease, SEEDS);
    if (result === undefined) throw new Error("no violation");
    const shortest = await shrink(result);
    expect(shortest.violations).not.toEqual([]);
    expect(shortest.plan.length).toBeLessThan(result.plan.length / 4);
    expect(reportOf(shortest)).toMatch(new RegExp(`^seed ${result.seed}\nI\\d at `));
    expect((await simulate({ seed: shortest.seed, plan: shortest.plan })).digest).toBe(shortest.digest);
  },
);

describe("npm run simulate -- --without", () => {
  const simulateWithout = (...args: string[]) =>
    new Program("scripts/simulate.mjs", {}, ["--without", ...args]);

  test("prints the first seed that misses a mechanism", async () => {
    const program = simulateWithout("own-echo", "--seeds", "5");
    expect(await program.ended()).toBe(1);
    expect(program.output).toMatch(/^without waiting for the own message of a revocation:\nseed 1\nI1 at /);
  });

  test("names the mechanisms if it is asked for one that there is not", async () => {
    const program = simulateWithout("luck");
    expect(await program.ended()).toBe(2);
    for (const { flag } of ABLATIONS) expect(program.output).toContain(flag);
  });
});

test("every mechanism that can be taken out has a name of its own", () => {
  const flags = ABLATIONS.map(({ flag }) => flag);
  expect(new Set(flags).size).toBe(flags.length);
  expect(flags.filter((flag) => !/^[a-z]+(-[a-z]+)*$/.test(flag))).toEqual([]);
});
