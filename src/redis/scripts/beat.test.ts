import { describe, expect, onTestFinished, test } from "vitest";
import { useRawRedis } from "../../../test/support/raw-redis.js";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { BEAT } from "./beat.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, foreignChain } = useScripts(server);

  const beat = (nonce = newTag(), fresh = newTag(), node = "node", listensMs: number | "" = "") =>
    run(BEAT, [names.meta], [nonce, fresh, names.channel, node, listensMs]);
  const head = () => redis.send("HGET", names.meta, "c");
  const epoch = () => redis.send("HGET", names.meta, "e");

  /** Moves the head of the chain, as a write does. */
  async function write(): Promise<string> {
    const tag = newTag();
    await redis.send("HSET", names.meta, "c", tag);
    return tag;
  }

  test("says how many heard it, and tells them the nonce and the head of the chain", async () => {
    expect(await beat()).toBe(0);
    const messages = await listen(names.channel);
    const tag = await write();
    const nonce = newTag();
    expect(await beat(nonce)).toBe(1);
    await expect.poll(() => messages).toEqual([["SM1B", nonce, tag]]);
  });

  test("registers the node, and counts its beats", async () => {
    await beat();
    await beat();
    await beat(newTag(), newTag(), "other");
    expect(await redis.send("HGET", names.meta, "n:node")).toBe("2");
    expect(await redis.send("HGET", names.meta, "n:other")).toBe("1");
  });

  test("begins a chain where there is none", async () => {
    const fresh = newTag();
    await beat(newTag(), fresh);
    expect(await head()).toBe(fresh);
    expect(await epoch()).toMatch(/^[0-9a-f]{40}$/);
  });

  test("leaves the chain of this server alone", async () => {
    await beat();
    const tag = await write();
    await beat();
    expect(await head()).toBe(tag);
  });

  test("breaks a chain that another server wrote, once", async () => {
    await foreignChain(newTag());
    const messages = await listen(names.channel);
    const [nonce, fresh] = [newTag(), newTag()];
    await beat(nonce, fresh);
    expect(await head()).toBe(fresh);
    await expect.poll(() => messages).toEqual([["SM1B", nonce, fresh]]);
    await beat();
    expect(await head()).toBe(fresh); // from then on the chain is this server's
  });

  describe("of a node that must be told of every change", () => {
    const listens = (listensMs: number, fresh = newTag()) => beat(newTag(), fresh, "node", listensMs);

    test("says until when, by the clock of Redis", async () => {
      const [seconds] = (await redis.send("TIME")) as string[];
      await listens(600_000);
      const untilMs = Number(await redis.send("HGET", names.meta, "l"));
      expect(untilMs).toBeGreaterThanOrEqual(Number(seconds) * 1_000 + 600_000);
      expect(untilMs).toBeLessThan(Number(seconds) * 1_000 + 660_000);
    });

    test("breaks the chain if changes may not have been told, once", async () => {
      await beat();
      await write();
      const messages = await listen(names.channel);
      const fresh = newTag();
      await listens(10_000, fresh);
      expect(await head()).toBe(fresh);
      await expect.poll(() => messages).toEqual([["SM1B", expect.anything(), fresh]]);
      await listens(10_000);
      expect(await head()).toBe(fresh);
    });

    test("is no business of one that need not be", async () => {
      await beat();
      expect(await redis.send("HGET", names.meta, "l")).toBeNull();
    });
  });

  test("goes on with the registry of another server", async () => {
    await foreignChain(newTag());
    await redis.send("HSET", names.meta, "n:node", "41");
    await beat();
    expect(await redis.send("HGET", names.meta, "n:node")).toBe("42");
  });
});

describe("a server that must not be written to", () => {
  const { redis, names, run, listen } = useScripts();

  test("refuses the beat, though it would deliver a message", async () => {
    const messages = await listen(names.channel);
    await redis.send("CONFIG", "SET", "min-replicas-to-write", "1");
    onTestFinished(async () => void (await redis.send("CONFIG", "SET", "min-replicas-to-write", "0")));
    const args = [newTag(), newTag(), names.channel, "node"];
    await expect(run(BEAT, [names.meta], args)).rejects.toThrow("NOREPLICAS");
    expect(await redis.send("PUBLISH", names.channel, "a message")).toBe(1);
    await expect.poll(() => messages).toEqual([["a message"]]);
  });
});

describe("where INFO is forbidden", () => {
  const redis = useRawRedis();

  test("a beat does without", async () => {
    await redis.send("ACL", "SETUSER", "careful", "on", "nopass", "~*", "&*", "+@all", "-info");
    const careful = redis.client.duplicate({ username: "careful", password: "any" });
    onTestFinished(() => careful.destroy());
    await careful.connect();
    const tag = newTag();
    await redis.send("HSET", "meta", "c", tag);
    const args = ["EVAL", BEAT.lua, "1", "meta", newTag(), newTag(), "channel", "node"];
    await careful.sendCommand(args); // the first one cannot tell whose chain it is, and breaks it
    const begun = await redis.send("HGET", "meta", "c");
    expect(begun).not.toBe(tag);
    await careful.sendCommand(args);
    expect(await redis.send("HGET", "meta", "c")).toBe(begun);
  });
});
