import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { REPLACE } from "./replace.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run } = useScripts(server);
  const replace = (expected: string, text: string, lifeMs: number | "" = "") =>
    run(REPLACE, [names.key], [expected, text, lifeMs]);
  const found = () => redis.send("GET", names.key);

  test("replaces what is expected, and leaves its life", async () => {
    await redis.send("SET", names.key, "old", "PX", "60000");
    expect(await replace("old", "new")).toBe(1);
    expect(await found()).toBe("new");
    const lifeMs = Number(await redis.send("PTTL", names.key));
    expect(lifeMs).toBeGreaterThan(0);
    expect(lifeMs).toBeLessThanOrEqual(60_000);
  });

  test("gives no end to what has none", async () => {
    await redis.send("SET", names.key, "old");
    expect(await replace("old", "new")).toBe(1);
    expect(await redis.send("PTTL", names.key)).toBe(-1);
  });

  test("writes where nothing is expected and nothing is, with the life that is asked for", async () => {
    expect(await replace("", "new", 60_000)).toBe(1);
    expect(await found()).toBe("new");
    expect(Number(await redis.send("PTTL", names.key))).toBeGreaterThan(0);
  });

  test("removes what is expected", async () => {
    await redis.send("SET", names.key, "old");
    expect(await replace("other", "")).toBe(0);
    expect(await found()).toBe("old");
    for (let n = 0; n < 2; n++) expect(await replace("old", "")).toBe(1);
    expect(await found()).toBeNull();
  });

  test("leaves whatever is not expected", async () => {
    expect(await replace("old", "new")).toBe(0);
    expect(await found()).toBeNull();
    await redis.send("SET", names.key, "other");
    for (const expected of ["", "old"]) expect(await replace(expected, "new", 1_000)).toBe(0);
    expect(await found()).toBe("other");
    expect(await redis.send("PTTL", names.key)).toBe(-1);
  });

  test("answers a repetition as the first time, and changes no life", async () => {
    await redis.send("SET", names.key, "new");
    expect(await replace("old", "new", 1_000)).toBe(1);
    expect(await redis.send("PTTL", names.key)).toBe(-1);
  });
});
