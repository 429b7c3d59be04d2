import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { INCREMENT } from "./increment.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run } = useScripts(server);
  const increment = (ttlMs: number) => run(INCREMENT, [names.key], [ttlMs]);

  test("counts from one on", async () => {
    expect(await increment(60_000)).toBe(1);
    expect(await increment(60_000)).toBe(2);
    expect(await increment(60_000)).toBe(3);
  });

  test("only the first sets how long the counter lives", async () => {
    await increment(60_000);
    const endMs = await redis.send("PEXPIRETIME", names.key);
    await increment(600_000);
    expect(await redis.send("PEXPIRETIME", names.key)).toBe(endMs);
    expect(Number(endMs) - (await redis.nowMs())).toBeLessThanOrEqual(60_000);
  });

  test("none is lost of many at a time", async () => {
    const counts = await Promise.all(Array.from({ length: 100 }, () => increment(60_000)));
    expect(counts.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
  });

  test("a counter is no string, so no listing takes it for a session", async () => {
    await increment(60_000);
    expect(await redis.send("TYPE", names.key)).toBe("hash");
  });

  test("a key of another type fails", async () => {
    await redis.send("SET", names.key, "1");
    await expect(increment(60_000)).rejects.toThrow("WRONGTYPE");
  });
});
