import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { BEAT } from "./beat.js";
import { LEAVE } from "./leave.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run } = useScripts(server);
  const leave = (...nodes: string[]) => run(LEAVE, [names.meta], nodes);
  const beatsOf = (node: string) => redis.send("HGET", names.meta, `n:${node}`);

  async function beat(node: string, times = 1): Promise<void> {
    for (let i = 0; i < times; i++) await run(BEAT, [names.meta], [newTag(), newTag(), "channel", node]);
  }

  test("a node goes that has sent no beat since", async () => {
    await beat("a", 2);
    expect(await leave("a", "2")).toBe(1);
    expect(await beatsOf("a")).toBeNull();
  });

  test("a node stays that has sent another beat", async () => {
    await beat("a", 3);
    expect(await leave("a", "2")).toBe(0);
    expect(await beatsOf("a")).toBe("3");
  });

  test("a node that leaves goes whatever its number", async () => {
    await beat("a", 3);
    expect(await leave("a", "*")).toBe(1);
    expect(await leave("a", "*")).toBe(0);
  });

  test("each of several is looked at for itself, and no other goes", async () => {
    await beat("silent");
    await beat("alive", 2);
    await beat("other");
    expect(await leave("silent", "1", "alive", "1", "unknown", "1", "unknown too", "*")).toBe(1);
    expect([await beatsOf("silent"), await beatsOf("alive"), await beatsOf("other")]).toEqual([
      null,
      "2",
      "1",
    ]);
  });

  test("a thousand go at once", async () => {
    const nodes = Array.from({ length: 1_000 }, (_, n) => `node-${n}`);
    await redis.send("HSET", names.meta, ...nodes.flatMap((node) => [`n:${node}`, "1"]));
    expect(await leave(...nodes.flatMap((node) => [node, "1"]))).toBe(1_000);
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });

  test("the chain stays", async () => {
    await beat("a");
    const head = await redis.send("HGET", names.meta, "c");
    await leave("a", "*", "c", "*");
    expect(await redis.send("HGET", names.meta, "c")).toBe(head);
  });
});
