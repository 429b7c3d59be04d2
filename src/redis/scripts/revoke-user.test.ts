import { describe, expect, test } from "vitest";
import { SERVERS, useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { REVOKE_USER } from "./revoke-user.js";

interface Revoke {
  user?: string;
  tag?: string;
  fresh?: string;
  floor?: number;
  channel?: string;
  request?: string;
}

/** Of each message the kind, the write before it and the write that it tells. */
const links = (messages: readonly string[][]) => messages.map((lines) => lines.slice(0, 3));

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, foreignChain } = useScripts(server);

  function revoke({ user = "ann", tag = newTag(), fresh = newTag(), request = "", ...rest }: Revoke = {}) {
    const { floor, channel = names.channel } = rest;
    const args = [tag, fresh, floor ?? "", channel, "node", "sess:", user, request, request && "replies"];
    return run(REVOKE_USER, [names.generations, names.meta], args);
  }

  const generationOf = (user: string) => redis.send("HGET", names.generations, user);

  test("moves the generation of the user on, from 0, and of no other", async () => {
    expect(await revoke()).toEqual([1, [], 1]);
    expect(await revoke()).toEqual([2, [], 1]);
    expect([await generationOf("ann"), await generationOf("bob")]).toEqual(["2", null]);
  });

  test("the generations never expire", async () => {
    await revoke();
    expect(await redis.send("PTTL", names.generations)).toBe(-1);
  });

  describe("with a lowest generation", () => {
    test("sets it where it is lower or none", async () => {
      expect(await revoke({ floor: 5 })).toEqual([5, [], 1]);
      expect(await revoke({ floor: 7 })).toEqual([7, [], 1]);
      expect(await generationOf("ann")).toBe("7");
    });

    test("never goes back, and does not go on", async () => {
      await revoke({ floor: 5 });
      expect(await revoke({ floor: 5 })).toEqual([5, [], 0]);
      expect(await revoke({ floor: 3 })).toEqual([5, [], 0]);
      expect(await generationOf("ann")).toBe("5");
    });

    test("the next one follows it", async () => {
      await revoke({ floor: 5 });
      expect(await revoke()).toEqual([6, [], 1]);
    });
  });

  test("tells the nodes the user, the generation, the request and where to answer", async () => {
    const messages = await listen(names.channel);
    const [first, second, fresh] = [newTag(), newTag(), newTag()];
    await revoke({ tag: first, fresh, user: "Zo%C3%AB" });
    await revoke({ tag: second, request: "request" });
    await expect
      .poll(() => messages)
      .toEqual([
        ["SM1U", fresh, first, "node", "sess:", "Zo%C3%AB", "1", "", ""],
        ["SM1U", first, second, "node", "sess:", "ann", "1", "request", "replies"],
      ]);
  });

  test("names the nodes that may hold a lease, with their beats", async () => {
    await redis.send("HSET", names.meta, "n:a", "1");
    expect(await revoke({ request: "request" })).toEqual([1, ["n:a", "1"], 1]);
    const nodes = Array.from({ length: 1_000 }, (_, n) => [`n:node-${n}`, String(n)]);
    await redis.send("HSET", names.meta, ...nodes.flat());
    const [, registry] = (await revoke({ request: "request" })) as unknown as [number, string[]];
    expect(registry).toHaveLength(2_002);
  });

  test("names none of them where nobody is to acknowledge", async () => {
    await redis.send("HSET", names.meta, "n:a", "1");
    expect(await revoke()).toEqual([1, [], 1]);
  });

  test("breaks a chain that another server wrote", async () => {
    await foreignChain(newTag());
    const messages = await listen(names.channel);
    const [tag, fresh] = [newTag(), newTag()];
    await revoke({ tag, fresh });
    const next = newTag();
    await revoke({ tag: next });
    await expect
      .poll(() => links(messages))
      .toEqual([
        ["SM1U", fresh, tag],
        ["SM1U", tag, next],
      ]);
  });

  test("tells nobody without a channel", async () => {
    expect(await revoke({ channel: "" })).toEqual([1, [], 1]);
    expect(await generationOf("ann")).toBe("1");
  });
});
