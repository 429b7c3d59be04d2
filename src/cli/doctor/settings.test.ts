import { expect, test } from "vitest";
import { replicationOf } from "./settings.js";

const facts = (version: string, replicas = "1") =>
  new Map([
    ["redis_version", version],
    ["connected_slaves", replicas],
  ]);

test.each([
  ["7.0.15", "ok"],
  ["7.2.4", "ok"],
  ["10.0.0", "ok"],
  ["6.2.14", "warning"],
  ["6.0.16", "warning"],
])("replicas that must be there are enough where scripts are refused without them: %s", (version, status) => {
  const [finding] = replicationOf(facts(version), "1", "10");
  expect(finding).toMatchObject({ status });
  if (status === "warning") expect(finding?.remedy).toContain("before 7.0");
});

test("a server without replicas is asked for nothing", () => {
  expect(replicationOf(facts("6.2.14", "0"), "0", "10")).toEqual([]);
});
