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
import { ROTATE } from "./rotate.js";

const TOMBSTONE_TTL_MS = 90_000;
const GRACE_MS = 30_000;

interface Rotation {
  newId?: string;
  graceMs?: number;
  tag?: string;
  channel?: string;
  /** Default: the tag. */
  name?: string;
  /** Whether nothing is left where there is none. Default: no. */
  mustExist?: boolean;
  /** The deletion that becomes a rotation. Default: none. */
  deletion?: string;
}

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, revoked } = useScripts(server);

  function rotate({
    newId = "new",
    graceMs = GRACE_MS,
    tag = newTag(),
    channel = names.channel,
    name = tag,
    mustExist = false,
    deletion = "",
  }: Rotation = {}) {
    const told = [tag, channel, "node"];
    const args = [newId, graceMs, TOMBSTONE_TTL_MS, ...told, name, mustExist ? "1" : "", deletion];
    return run(ROTATE, [names.key, names.meta, names.generations], args);
  }

  const holds = (record: string) => redis.send("SET", names.key, record);
  const held = async () => `${await redis.send("GET", names.key)}`;
  const lifeMs = async () => Number(await redis.send("PTTL", names.key));

  test("1: an alias is left that lives as a tombstone after its grace", async () => {
    await holds(recordOf());
    const fromMs = await redis.nowMs();
    expect(await rotate()).toEqual([1]);
    const untilMs = await redis.nowMs();
    const alias = await held();
    const graceEndMs = Number(alias.slice(2, 15));
    expect(alias).toBe(aliasOf("new", graceEndMs));
    expect(graceEndMs).toBeGreaterThanOrEqual(Math.floor(fromMs) + GRACE_MS);
    expect(graceEndMs).toBeLessThanOrEqual(untilMs + GRACE_MS);
    expect(await lifeMs()).toBeGreaterThan(TOMBSTONE_TTL_MS);
    expect(await lifeMs()).toBeLessThanOrEqual(TOMBSTONE_TTL_MS + GRACE_MS);
  });

  test.each([
    "日本語",
    "é".repeat(256),
    "a b",
    "x".repeat(512),
  ])("an id stands there as it is: %s", async (newId) => {
    await holds(recordOf());
    await rotate({ newId });
    expect((await held()).slice(15)).toBe(newId);
    expect(await rotate({ newId: "another" })).toEqual([2, newId]);
  });

  test("1: without a grace, a tombstone is left", async () => {
    await holds(recordOf());
    const tag = newTag();
    expect(await rotate({ graceMs: 0, tag })).toEqual([1]);
    expect(await held()).toBe(tombstoneOf(tag, 1));
    expect(await lifeMs()).toBeLessThanOrEqual(TOMBSTONE_TTL_MS);
  });

  test("0: there was none, and a tombstone is left", async () => {
    const tag = newTag();
    expect(await rotate({ tag })).toEqual([0]);
    expect(await held()).toBe(tombstoneOf(tag, 0));
    expect(await lifeMs()).toBeLessThanOrEqual(TOMBSTONE_TTL_MS);
  });

  test("0: there was none where an alias led, and nothing is left", async () => {
    expect(await rotate({ mustExist: true })).toEqual([0]);
    expect(await redis.send("EXISTS", names.key, names.meta)).toBe(0);
    await holds(recordOf());
    expect(await rotate({ mustExist: true })).toEqual([1]);
  });

  test.each([
    ["a tombstone", tombstoneOf(A_TAG)],
    ["an alias whose grace is over", aliasOf("other", PAST_MS)],
    ["the session of a user who was revoked", recordOf({ user: "ann", generation: 1 })],
  ])("0: %s stays as it is, and nobody is told", async (_, record) => {
    await holds(record);
    await revoked("ann", 2);
    expect(await rotate()).toEqual([0]);
    expect(await held()).toBe(record);
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });

  test("2: an alias of another id says so, stays as it is, and nobody is told", async () => {
    await holds(aliasOf("other", FUTURE_MS));
    expect(await rotate()).toEqual([2, "other"]);
    expect(await held()).toBe(aliasOf("other", FUTURE_MS));
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });

  test.each([
    ["a record of another store", "{}"],
    ["text", "hello"],
    ["what begins like an alias", "A1hello"],
    ["an alias without an id", aliasOf("", FUTURE_MS)],
  ])("1: %s was rotated", async (_, record) => {
    await holds(record);
    expect(await rotate()).toEqual([1]);
    expect((await held()).slice(15)).toBe("new");
  });

  test("a key of another type fails", async () => {
    await redis.send("RPUSH", names.key, "item");
    await expect(rotate()).rejects.toThrow("WRONGTYPE");
    expect(await redis.send("TYPE", names.key)).toBe("list");
  });

  describe("a rotation that comes twice", () => {
    test.each([
      ["of a session", recordOf(), GRACE_MS, 1],
      ["without a grace", recordOf(), 0, 1],
      ["of none", undefined, GRACE_MS, 0],
    ])("is answered twice, and told once: %s", async (_, record, graceMs, outcome) => {
      if (record !== undefined) await holds(record);
      const messages = await listen(names.channel);
      const [name, first, second] = [newTag(), newTag(), newTag()];
      expect(await rotate({ name, tag: first, graceMs })).toEqual([outcome]);
      const left = await held();
      expect(await rotate({ name, tag: second, graceMs })).toEqual([outcome]);
      expect(await held()).toBe(left);
      expect(await redis.send("HGET", names.meta, "c")).toBe(first);
      await redis.send("PUBLISH", names.channel, "the end");
      await expect
        .poll(() => messages)
        .toEqual([["SM1D", "", first, "node", names.key, "rotated", "", ""], ["the end"]]);
    });

    test("is known after its grace", async () => {
      await holds(aliasOf("new", PAST_MS));
      expect(await rotate()).toEqual([1]);
      expect(await held()).toBe(aliasOf("new", PAST_MS));
    });

    test("does not rotate what was deleted in between", async () => {
      const name = newTag();
      await holds(recordOf());
      await rotate({ name });
      await holds(tombstoneOf(A_TAG, 0));
      expect(await rotate({ name })).toEqual([0]);
      expect(await held()).toBe(tombstoneOf(A_TAG, 0));
    });
  });

  describe("a deletion that becomes a rotation", () => {
    test("1: its tombstone becomes an alias, and nobody is told again, however often it comes", async () => {
      await holds(tombstoneOf(A_TAG, 1));
      for (let n = 0; n < 2; n++) expect(await rotate({ deletion: A_TAG })).toEqual([1]);
      expect(await held()).toMatch(/^A1\d{13}new$/);
      expect(await lifeMs()).toBeGreaterThan(TOMBSTONE_TTL_MS);
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });

    test.each([
      ["a session", recordOf()],
      ["a session with a tag like it", recordOf({ tag: A_TAG })],
      ["the tombstone of another deletion", tombstoneOf(newTag(), 1)],
      ["its tombstone where there was no session", tombstoneOf(A_TAG, 0)],
      ["an alias", aliasOf("other", FUTURE_MS)],
      ["an alias whose grace is over", aliasOf("other", PAST_MS)],
      ["what begins like it", `${tombstoneOf(A_TAG, 1)}1`],
    ])("0: %s stays as it is", async (_, record) => {
      await holds(record);
      expect(await rotate({ deletion: A_TAG })).toEqual([0]);
      expect(await held()).toBe(record);
    });

    test("0: where there is nothing, nothing is left", async () => {
      expect(await rotate({ deletion: A_TAG })).toEqual([0]);
      expect(await redis.send("EXISTS", names.key, names.meta)).toBe(0);
    });
  });

  test("the nodes are told, in the chain, as of a deletion", async () => {
    const messages = await listen(names.channel);
    const [before, tag] = [newTag(), newTag()];
    await redis.send("HSET", names.meta, "c", before);
    await holds(recordOf());
    await rotate({ tag });
    await expect.poll(() => messages).toEqual([["SM1D", before, tag, "node", names.key, "rotated", "", ""]]);
  });

  test("the nodes are not told by a store without a channel", async () => {
    await holds(recordOf());
    expect(await rotate({ channel: "" })).toEqual([1]);
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });
});
