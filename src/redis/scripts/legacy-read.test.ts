import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { LEGACY_READ } from "./legacy-read.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run } = useScripts(server);
  const read = () => run(LEGACY_READ, [names.key], []);

  test("gives whatever string there is, with what is left of its life", async () => {
    await redis.send("SET", names.key, "any text", "PX", "60000");
    const [text, lifeMs] = (await read()) as [string, number];
    expect(text).toBe("any text");
    expect(lifeMs).toBeLessThanOrEqual(60_000);
    expect(lifeMs).toBeGreaterThan(0);
  });

  test("gives -1 for what has no end", async () => {
    await redis.send("SET", names.key, "{}");
    expect(await read()).toEqual(["{}", -1]);
  });

  test("gives nil where there is nothing, or no string", async () => {
    expect(await read()).toBeNull();
    await redis.send("HSET", names.key, "field", "value");
    expect(await read()).toBeNull();
  });
});
