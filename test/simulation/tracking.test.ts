import { expect, onTestFinished, test } from "vitest";
import type { Invalidation } from "../../src/index.js";
import { Connection } from "../../src/testing/simulation/connection.js";
import type { Step } from "../../src/testing/simulation/plan.js";
import { simulate } from "../../src/testing/simulation.js";
import { playSeeds } from "./seeds.js";

const ALL: readonly Invalidation[] = ["tracking", "tracking", "tracking"];
const MIXED: readonly Invalidation[] = ["tracking", "broadcast", "tracking"];

test(
  "the histories of seeds 1 to 100 break no promise where the server tells each node of what it has read",
  {
    timeout: 120_000,
  },
  () => playSeeds(1, 100, ALL),
);

test(
  "nor do those of seeds 101 to 200 where one of the nodes listens to messages",
  { timeout: 120_000 },
  () => playSeeds(101, 100, MIXED),
);

test("they do if the server tells nothing", { timeout: 120_000 }, async () => {
  const { track } = Connection.prototype;
  onTestFinished(() => {
    Connection.prototype.track = track;
  });
  Connection.prototype.track = () => {};
  await expect(playSeeds(1, 20, ALL)).rejects.toThrow(/^seed \d+\nI2 at /);
});

/**
 * A node that listens stands still for so long that others stop telling of changes. Its subscription stands all the while, and a beat that
 * comes back must not let it answer with what it held before.
 */
test("a node that listens to messages notices that for a while nobody told of changes", async () => {
  const plan: Step[] = [
    { atMs: 1_500, node: 0, what: "write", id: "x" },
    { atMs: 1_700, node: 1, what: "get", id: "x" },
    { atMs: 2_000, node: 1, fault: { kind: "pause", forMs: 2_000 } },
    { atMs: 3_600, node: 0, what: "update", id: "x" },
  ];
  for (let atMs = 4_050; atMs < 6_000; atMs += 50) plan.push({ atMs, node: 1, what: "peek", id: "x" });
  const { violations, trace } = await simulate({ seed: 1, plan, maxDelayMs: 2, invalidation: MIXED });
  expect(violations).toEqual([]);
  const told = trace()
    .split("\n")
    .filter((line) => Number.parseFloat(line) > 3_600 && line.includes("SM1I"));
  expect(told).toEqual([]);
});
