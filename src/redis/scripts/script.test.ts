import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { useScripts } from "../../../test/support/script-runner.js";
import type { Script } from "./script.js";

const { redis } = useScripts();

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".ts"));
const sources = files.filter((file) => !file.endsWith(".test.ts"));

/** Every script of this folder, with the file that it is in; files that hold but a part of one have none. */
const scripts = await Promise.all(
  sources.map(async (file) => {
    const exported: object = await import(`./${file}`);
    return Object.values(exported)
      .filter((value): value is Script => typeof value === "object" && "sha1" in value)
      .map((script) => ({ file, script }));
  }),
).then((found) => found.flat());

test("there are scripts", () => {
  expect(scripts.length).toBeGreaterThanOrEqual(6);
});

describe.each(scripts)("$file", ({ file, script }) => {
  test("has a test of its own", () => {
    expect(files).toContain(file.replace(".ts", ".test.ts"));
  });

  test("has the digest that Redis gives it", async () => {
    expect(await redis.send("SCRIPT", "LOAD", script.lua)).toBe(script.sha1);
  });
});
