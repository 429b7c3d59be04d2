import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { LEGACY_TOUCH } from "./legacy-touch.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run } = useScripts(server);
  const touch = (lifeMs: number) => run(LEGACY_TOUCH, [names.key], [lifeMs]);

  test("extends a life", async () => {
    await redis.send("SET", names.key, "{}", "PX", "60000");
    expect(await touch(120_000)).toBe(120_000);
    expect(Number(await redis.send("PTTL", names.key))).toBeGreaterThan(60_000);
    expect(await redis.send("GET", names.key)).toBe("{}");
  });

  test("never shortens one", async () => {
    await redis.send("SET", names.key, "{}", "PX", "60000");
    expect(Number(await touch(1_000))).toBeGreaterThan(1_000);
    expect(Number(await redis.send("PTTL", names.key))).toBeGreaterThan(1_000);
  });

  test("gives no end to what has none", async () => {
    await redis.send("SET", names.key, "{}");
    expect(await touch(1_000)).toBe(-1);
    expect(await redis.send("PTTL", names.key)).toBe(-1);
  });

  test("makes nothing where there is nothing", async () => {
    expect(await touch(1_000)).toBeNull();
    expect(await redis.send("EXISTS", names.key)).toBe(0);
  });
});
