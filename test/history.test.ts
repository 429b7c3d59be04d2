import { expect, test } from "vitest";
import { Program } from "./support/program.js";

test.each(["node-redis", "ioredis"])("a random history with faults breaks no promise, on %s", {
  timeout: 120_000,
}, async (client) => {
  const history = new Program("scripts/history.mjs", {}, ["--seconds", "20", "--client", client]);
  const exitCode = await history.ended();
  console.log(history.output); // with the seed
  expect(history.output).toContain("0 violations");
  expect(exitCode).toBe(0);
});

test.each(["tracking", "mixed"])("nor where nodes hear of changes by %s", {
  timeout: 120_000,
}, async (invalidation) => {
  const history = new Program("scripts/history.mjs", {}, ["--seconds", "12", "--invalidation", invalidation]);
  const exitCode = await history.ended();
  console.log(history.output);
  expect(history.output).toContain("0 violations");
  expect(exitCode).toBe(0);
});

test("what is no option is refused", async () => {
  const history = new Program("scripts/history.mjs", {}, ["--client", "memcached"]);
  expect(await history.ended()).toBe(2);
  expect(history.output).toContain("Usage:");
});
