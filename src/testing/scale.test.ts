import { beforeAll, describe, expect, test } from "vitest";
import { predictLoad } from "./scale/cost-model.js";
import { type ScaleResult, simulateScale } from "./scale.js";

/** Small, and with a cache that is soon in a steady state. */
const SMALL = {
  seed: 1,
  nodes: 20,
  sessions: 2_000,
  requestsPerSecond: 400,
  writeShare: 0.05,
  cacheTtlMs: 2_000,
  warmUpMs: 5_000,
  measuredMs: 8_000,
} as const;
/** By how much a simulated rate may differ from the predicted one: requests come at random. */
const TOLERANCE = 0.1;
/** `SMALL` keeps the default of the store. */
const BOUND_MS = 2_000;

describe.each(["sticky", "random"] as const)("a fleet with %s routing", (routing) => {
  let result: ScaleResult;
  beforeAll(async () => {
    result = await simulateScale({ ...SMALL, routing });
  });

  test("costs what the cost model predicts", () => {
    const predicted = predictLoad(result.load);
    const { beat = 0, put = 0, read = 0 } = result.commands;
    const simulated = {
      beats: beat,
      reads: read,
      writes: put,
      commands: result.commandsPerSecond,
      messages: result.messagesPerSecond,
      hitRate: result.hitRate,
    };
    for (const [key, rate] of Object.entries(simulated)) {
      const expected = predicted[key as keyof typeof predicted];
      expect(Math.abs(rate / expected - 1), `${key}: ${rate}, predicted ${expected}`).toBeLessThan(TOLERANCE);
    }
  });

  test("answers with nothing older than the bound, and fails nobody", () => {
    expect(result.staleness.answers).toBeGreaterThan(1_000);
    expect(result.staleness.maxMs).toBeLessThan(BOUND_MS);
    expect(result.failed).toBe(0);
  });
});

test("the same seed gives the same figures, another one others", async () => {
  const short = { ...SMALL, warmUpMs: 500, measuredMs: 500 };
  const [one, again, other] = [
    await simulateScale(short),
    await simulateScale(short),
    await simulateScale({ ...short, seed: 2 }),
  ];
  expect(again).toEqual(one);
  expect(other.samples).not.toEqual(one.samples);
});

describe("whatever happens to a fleet, nothing older than the bound is answered", () => {
  test("when all nodes are replaced", async () => {
    const event = { kind: "deploy", overMs: 1_000 } as const;
    const { staleness, failed, commands } = await simulateScale({ ...SMALL, event });
    expect(staleness.maxMs).toBeLessThan(BOUND_MS);
    expect(failed).toBe(0);
    expect(commands.leave).toBeGreaterThanOrEqual(SMALL.nodes / (SMALL.measuredMs / 1_000));
  });

  test("when the server fails, and its replica lacks the last writes", async () => {
    const event = { kind: "failover", lostMs: 500, downMs: 500 } as const;
    const { staleness, samples } = await simulateScale({ ...SMALL, cacheTtlMs: 30_000, event });
    expect(staleness.maxMs).toBeLessThan(BOUND_MS);
    expect(samples.slice(-20).reduce((sum, { failed }) => sum + failed, 0)).toBe(0);
  });

  test("when many sessions are revoked at once: each is acknowledged, together by few messages of each node", async () => {
    const event = { kind: "mass logout", sessions: 200, overMs: 100 } as const;
    const { staleness, revocations, commands, failed } = await simulateScale({ ...SMALL, event });
    expect(revocations).toMatchObject({ count: 200, acknowledged: 200 });
    const acknowledgements = (commands.PUBLISH ?? 0) * (SMALL.measuredMs / 1_000);
    expect(acknowledgements).toBeLessThan((200 * SMALL.nodes) / 2);
    expect(staleness.maxMs).toBeLessThan(BOUND_MS);
    expect(failed).toBe(0);
  });
});
