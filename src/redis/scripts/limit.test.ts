import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { LIMIT } from "./limit.js";

const MEMORY_MS = 60_000;

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run } = useScripts(server);
  const login = (own: string, ...found: string[]) => run(LIMIT, [names.key], [MEMORY_MS, own, ...found]);
  const remembered = () => redis.send("ZRANGE", names.key, "0", "-1");

  test("of two that have found each other, the first ends what is too much", async () => {
    expect(await login("a", "b", "old")).toBe(1);
    expect(await login("b", "a", "old")).toBe(0);
    expect(await remembered()).toEqual(["b", "old"]);
  });

  test("who was not found by another does so, too", async () => {
    expect(await login("a", "old")).toBe(1);
    expect(await login("b", "a", "old")).toBe(1);
    expect(await login("a", "b", "old")).toBe(0);
  });

  test("a repetition is answered alike", async () => {
    expect(await login("a", "b")).toBe(1);
    expect(await login("a", "b")).toBe(1);
  });

  test("what was found is remembered for as long as was said, and not for ever", async () => {
    await redis.send("ZADD", names.key, String((await redis.nowMs()) - 1), "a");
    expect(await login("a", "b")).toBe(1);
    expect(await remembered()).toEqual(["b"]);
    const endMs = Number(await redis.send("PEXPIRETIME", names.key));
    expect(endMs - (await redis.nowMs())).toBeGreaterThan(MEMORY_MS - 10_000);
  });
});
