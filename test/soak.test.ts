import { expect, test } from "vitest";
import { Program } from "./support/program.js";

test("processes on a Redis Cluster with faults break no promise and leave nothing behind", {
  timeout: 240_000,
}, async () => {
  const soak = new Program("scripts/soak.mjs", {}, ["--minutes", "0.35"]);
  const exitCode = await soak.ended();
  console.log(soak.output); // with the seed
  expect(soak.output).toContain("0 violations, 0 problems");
  expect(soak.output).toMatch(/[1-9]\d* × key invalidated/); // one of the nodes tracks
  expect(soak.output).toMatch(/[1-9]\d* × (attempted )?(killed|suspended) master/);
  expect(exitCode).toBe(0);
});

test("what is no time is refused", async () => {
  const soak = new Program("scripts/soak.mjs", {}, ["--minutes", "soon"]);
  expect(await soak.ended()).toBe(2);
  expect(soak.output).toContain("Usage:");
});
