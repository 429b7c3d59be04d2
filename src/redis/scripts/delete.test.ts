import { describe, expect, test } from "vitest";
import { A_TAG, recordOf } from "../../../test/support/records.js";
import {
  aliasOf,
  FUTURE_MS,
  PAST_MS,
  SERVERS,
  tombstoneOf,
  useScripts,
} from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { DELETE } from "./delete.js";

const TOMBSTONE_TTL_MS = 90_000;

interface Delete {
  /** Default: whatever tag it has. */
  expected?: string;
  /** Whether an alias is deleted, too. Default: no. */
  evenAlias?: boolean;
  tag?: string;
  channel?: string;
  /** The request that nodes shall acknowledge, and the tag for a chain that this server did not write. Default: none. */
  request?: string;
  fresh?: string;
  /** What names the deletion, however often it is sent. Default: the tag. */
  name?: string;
  /** Default: there is one. */
  tombstone?: boolean;
}

type Outcome = [outcome: number, registry?: string[]];

/** Of each message the kind, the write before it and the write that it tells. */
const links = (messages: readonly string[][]) => messages.map((lines) => lines.slice(0, 3));

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, revoked, foreignChain } = useScripts(server);

  async function remove({
    expected,
    evenAlias = false,
    tag = newTag(),
    request = "",
    fresh = newTag(),
    name,
    tombstone = true,
    ...rest
  }: Delete = {}) {
    const condition = expected === undefined ? (evenAlias ? "*" : "") : `=${expected}`;
    const told = [rest.channel ?? names.channel, "node", "deleted", request, request && "replies", fresh];
    const args = [condition, tag, tombstone ? TOMBSTONE_TTL_MS : "", ...told, name ?? tag];
    return (await run(DELETE, [names.key, names.meta, names.generations], args)) as unknown as Outcome;
  }

  const holds = (record: string) => redis.send("SET", names.key, record);
  const held = () => redis.send("GET", names.key);

  test("1: deleted, and a tombstone left for a while", async () => {
    await holds(recordOf());
    const tag = newTag();
    expect(await remove({ tag })).toEqual([1]);
    expect(await held()).toBe(tombstoneOf(tag, 1));
    const lifeMs = Number(await redis.send("PTTL", names.key));
    expect(lifeMs).toBeGreaterThan(0);
    expect(lifeMs).toBeLessThanOrEqual(TOMBSTONE_TTL_MS);
  });

  test("without a tombstone, nothing is left, and nodes are told as of a write", async () => {
    await redis.send("HSET", names.meta, "c", "before");
    const messages = await listen(names.channel);
    await holds(recordOf());
    const tag = newTag();
    expect(await remove({ tag, tombstone: false })).toEqual([1]);
    expect(await held()).toBeNull();
    await expect.poll(() => messages).toEqual([["SM1I", "before", tag, "node", names.key]]);
    expect(await remove({ tombstone: false })).toEqual([0]);
    await expect.poll(() => messages.length).toBe(2);
  });

  test("without a tombstone, one that is there stays, and nobody is told", async () => {
    const messages = await listen(names.channel);
    await holds(tombstoneOf(A_TAG));
    expect(await remove({ tombstone: false })).toEqual([0]);
    expect(await held()).toBe(tombstoneOf(A_TAG));
    expect(await redis.send("HGET", names.meta, "c")).toBeNull();
    expect(messages).toEqual([]);
  });

  test("0: there was none, and a tombstone is left all the same", async () => {
    const tag = newTag();
    expect(await remove({ tag })).toEqual([0]);
    expect(await held()).toBe(tombstoneOf(tag, 0));
    expect(await remove()).toEqual([0]);
  });

  test("0: its user was revoked before", async () => {
    await holds(recordOf({ user: "ann", generation: 1 }));
    await revoked("ann", 2);
    expect(await remove()).toEqual([0]);
  });

  test.each([
    ["a record of another store", "{}"],
    ["text", "hello"],
    ["a record of a newer format", `L2${recordOf().slice(2)}`],
  ])("1: %s was deleted", async (_, record) => {
    await holds(record);
    expect(await remove()).toEqual([1]);
  });

  test("a key of another type fails", async () => {
    await redis.send("RPUSH", names.key, "item");
    await expect(remove()).rejects.toThrow("WRONGTYPE");
    expect(await redis.send("TYPE", names.key)).toBe("list");
  });

  describe("an alias", () => {
    const alias = aliasOf("日本語", FUTURE_MS);

    test.each([
      undefined,
      A_TAG,
      "",
    ])("2: says where it leads, and stays (expected: %s)", async (expected) => {
      await holds(alias);
      expect(await remove({ ...(expected !== undefined && { expected }), request: "request" })).toEqual([
        2,
        "日本語",
      ]);
      expect(await held()).toBe(alias);
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });

    test("0: is deleted if that is meant, and told", async () => {
      await holds(alias);
      const messages = await listen(names.channel);
      const tag = newTag();
      expect(await remove({ evenAlias: true, tag })).toEqual([0]);
      expect(await held()).toBe(tombstoneOf(tag, 0));
      await expect.poll(() => messages).toEqual([["SM1D", "", tag, "node", names.key, "deleted", "", ""]]);
    });

    test("0: whose grace is over is none", async () => {
      await holds(aliasOf("new", PAST_MS));
      const tag = newTag();
      expect(await remove({ expected: A_TAG })).toEqual([0]);
      expect(await remove({ tag })).toEqual([0]);
      expect(await held()).toBe(tombstoneOf(tag, 0));
    });

    test("1: a session is deleted likewise if an alias is meant, too", async () => {
      await holds(recordOf());
      expect(await remove({ evenAlias: true })).toEqual([1]);
    });
  });

  describe("with a tag that is expected", () => {
    test("1: it had that tag", async () => {
      await holds(recordOf());
      const tag = newTag();
      expect(await remove({ expected: A_TAG, tag })).toEqual([1]);
      expect(await held()).toBe(tombstoneOf(tag));
    });

    test("-1: it has another tag, and stays", async () => {
      await holds(recordOf());
      for (const expected of [newTag(), "", "*", A_TAG.slice(0, 11)])
        expect(await remove({ expected })).toEqual([-1]);
      expect(await held()).toBe(recordOf());
    });

    test("0: there is none, and nothing is left", async () => {
      for (const expected of [A_TAG, ""]) expect(await remove({ expected })).toEqual([0]);
      expect(await redis.send("EXISTS", names.key, names.meta)).toBe(0);
    });

    test("0: it was deleted already, and the tombstone stays", async () => {
      await holds(tombstoneOf(A_TAG));
      for (const expected of [A_TAG, ""]) expect(await remove({ expected })).toEqual([0]);
      expect(await held()).toBe(tombstoneOf(A_TAG));
    });

    test("0: its user was revoked, and it stays", async () => {
      const record = recordOf({ user: "ann" });
      await holds(record);
      await revoked("ann", 1);
      expect(await remove({ expected: A_TAG })).toEqual([0]);
      expect(await held()).toBe(record);
    });

    test("the record of another store has the empty one", async () => {
      await holds("{}");
      expect(await remove({ expected: A_TAG })).toEqual([-1]);
      expect(await remove({ expected: "" })).toEqual([1]);
    });

    test("what cannot be read has none", async () => {
      const record = `L2${recordOf().slice(2)}`;
      await holds(record);
      for (const expected of [A_TAG, ""]) expect(await remove({ expected })).toEqual([-1]);
      expect(await held()).toBe(record);
    });
  });

  describe("a deletion that comes twice", () => {
    test.each([undefined, A_TAG])("is answered twice, and told once (expected: %s)", async (expected) => {
      await holds(recordOf());
      const tag = newTag();
      const messages = await listen(names.channel);
      expect(await remove({ expected, tag } as Delete)).toEqual([1]);
      const next = newTag();
      await redis.send("HSET", names.meta, "c", next); // a write in between: the chain must not come back to `tag`
      expect(await remove({ expected, tag } as Delete)).toEqual([1]);
      expect(await redis.send("HGET", names.meta, "c")).toBe(next);
      expect(await held()).toBe(tombstoneOf(tag));
      await redis.send("PUBLISH", names.channel, "the end");
      await expect
        .poll(() => messages)
        .toEqual([["SM1D", "", tag, "node", names.key, "deleted", "", ""], ["the end"]]);
    });

    test("is known by its name under another tag, and a tag does not make it the same", async () => {
      await holds(recordOf());
      const [name, first, second] = [newTag(), newTag(), newTag()];
      expect(await remove({ name, tag: first })).toEqual([1]);
      expect(await remove({ name, tag: second })).toEqual([1]);
      expect(await redis.send("HGET", names.meta, "c")).toBe(first);
      expect(await held()).toBe(tombstoneOf(name));
      expect(await remove({ name: newTag(), tag: name })).toEqual([0]);
    });

    test("says again that there was none", async () => {
      const tag = newTag();
      expect(await remove({ tag })).toEqual([0]);
      expect(await remove({ tag })).toEqual([0]);
    });

    test("names again who must acknowledge", async () => {
      await holds(recordOf());
      const tag = newTag();
      await redis.send("HSET", names.meta, "n:other", "4");
      expect(await remove({ tag, request: "request" })).toEqual([1, ["n:other", "4"]]);
      await redis.send("HSET", names.meta, "n:other", "5");
      expect(await remove({ tag, request: "request" })).toEqual([1, ["n:other", "5"]]);
    });
  });

  describe("the nodes", () => {
    test("are told, even if there was none: one of them may still hold it", async () => {
      const messages = await listen(names.channel);
      const [first, second] = [newTag(), newTag()];
      await holds(recordOf());
      await remove({ tag: first });
      await remove({ tag: second });
      await expect
        .poll(() => messages)
        .toEqual([
          ["SM1D", "", first, "node", names.key, "deleted", "", ""],
          ["SM1D", first, second, "node", names.key, "deleted", "", ""],
        ]);
    });

    test("are not told of what was refused", async () => {
      const messages = await listen(names.channel);
      await holds(recordOf());
      await remove({ expected: newTag() });
      const tag = newTag();
      await remove({ tag });
      await expect.poll(() => messages).toEqual([["SM1D", "", tag, "node", names.key, "deleted", "", ""]]);
    });

    test("are not told by a store without a channel", async () => {
      await holds(recordOf());
      expect(await remove({ channel: "" })).toEqual([1]);
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });
  });

  describe("one that nodes shall acknowledge", () => {
    test("tells them the request and where to answer, and names them all with their beats", async () => {
      await holds(recordOf());
      const [tag, fresh] = [newTag(), newTag()];
      await redis.send("HSET", names.meta, "n:a", "1", "n:b", "22");
      const messages = await listen(names.channel);
      const [outcome, registry = []] = await remove({ tag, request: "request", fresh });
      expect(outcome).toBe(1);
      expect(Object.fromEntries([registry.slice(0, 2), registry.slice(2)])).toEqual({
        "n:a": "1",
        "n:b": "22",
      });
      const message = ["SM1D", fresh, tag, "node", names.key, "deleted", "request", "replies"];
      await expect.poll(() => messages).toEqual([message]);
    });

    test("names nobody where nobody is registered, and only then leaves `c` and `e` in the hash", async () => {
      expect(await remove({ request: "request" })).toEqual([0, []]);
      expect(await redis.send("HLEN", names.meta)).toBe(2);
    });

    test("names a thousand nodes", async () => {
      const nodes = Array.from({ length: 1_000 }, (_, n) => [`n:node-${n}`, String(n)]);
      await redis.send("HSET", names.meta, ...nodes.flat());
      const [, registry = []] = await remove({ request: "request" });
      const named = nodes.map((_, n) => registry.slice(2 * n, 2 * n + 2));
      expect(registry).toHaveLength(2_000);
      expect(named.sort()).toEqual(nodes.sort());
    });

    test("goes on with the chain of this server", async () => {
      const [first, second] = [newTag(), newTag()];
      await remove({ tag: first, request: "request" });
      const messages = await listen(names.channel);
      await remove({ tag: second, request: "request" });
      await expect.poll(() => links(messages)).toEqual([["SM1D", first, second]]);
    });

    test("breaks a chain that another server wrote, even as a repetition", async () => {
      const [foreign, tag, fresh, again] = [newTag(), newTag(), newTag(), newTag()];
      await foreignChain(foreign);
      const messages = await listen(names.channel);
      await remove({ tag, request: "request", fresh });
      await expect.poll(() => links(messages)).toEqual([["SM1D", fresh, tag]]);
      await foreignChain(tag);
      await remove({ tag, request: "request", fresh: again });
      expect(await redis.send("HGET", names.meta, "c")).toBe(again);
    });

    test("leaves the chain of another server alone if nobody shall acknowledge", async () => {
      const [foreign, tag] = [newTag(), newTag()];
      await foreignChain(foreign);
      const messages = await listen(names.channel);
      await remove({ tag });
      await expect.poll(() => links(messages)).toEqual([["SM1D", foreign, tag]]);
    });
  });
});
