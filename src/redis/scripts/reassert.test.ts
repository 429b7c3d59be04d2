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
import { REASSERT } from "./reassert.js";

const TOMBSTONE_TTL_MS = 90_000;

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, revoked } = useScripts(server);

  function reassert(keys: readonly string[], tags: readonly string[], channel = names.channel) {
    const args = [TOMBSTONE_TTL_MS, channel, "node", "revoked", ...tags];
    return run(REASSERT, [names.meta, names.generations, ...keys], args);
  }

  const held = (key = names.key) => redis.send("GET", key);

  test("a session that came back is deleted again, and the nodes are told", async () => {
    await redis.send("SET", names.key, recordOf());
    const messages = await listen(names.channel);
    const tag = newTag();
    expect(await reassert([names.key], [tag])).toBe(1);
    expect(await held()).toBe(tombstoneOf(tag, 0));
    expect(Number(await redis.send("PTTL", names.key))).toBeGreaterThan(TOMBSTONE_TTL_MS / 2);
    expect(Number(await redis.send("PTTL", names.key))).toBeLessThanOrEqual(TOMBSTONE_TTL_MS);
    await expect.poll(() => messages).toEqual([["SM1D", "", tag, "node", names.key, "revoked", "", ""]]);
  });

  test.each([
    ["a record of another store", "{}"],
    ["text", "hello"],
    ["an alias", aliasOf("new", FUTURE_MS)],
  ])("%s that came back is deleted again", async (_, record) => {
    await redis.send("SET", names.key, record);
    const tag = newTag();
    expect(await reassert([names.key], [tag])).toBe(1);
    expect(await held()).toBe(tombstoneOf(tag, 0));
  });

  test("where there is nothing, the tombstone is left again, and nobody told", async () => {
    const tag = newTag();
    expect(await reassert([names.key], [tag])).toBe(0);
    expect(await held()).toBe(tombstoneOf(tag, 0));
    expect(Number(await redis.send("PTTL", names.key))).toBeGreaterThan(0);
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });

  test("where the tombstone is, it stays as it is", async () => {
    await redis.send("SET", names.key, tombstoneOf(A_TAG), "PX", "1000000");
    expect(await reassert([names.key], [newTag()])).toBe(0);
    expect(await held()).toBe(tombstoneOf(A_TAG));
    expect(Number(await redis.send("PTTL", names.key))).toBeGreaterThan(TOMBSTONE_TTL_MS);
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });

  test("an alias whose grace is over stays as it is", async () => {
    await redis.send("SET", names.key, aliasOf("new", PAST_MS));
    expect(await reassert([names.key], [newTag()])).toBe(0);
    expect(await held()).toBe(aliasOf("new", PAST_MS));
  });

  test("the session of a user who was revoked is over already", async () => {
    const record = recordOf({ user: "ann" });
    await redis.send("SET", names.key, record);
    await revoked("ann", 1);
    expect(await reassert([names.key], [newTag()])).toBe(0);
    expect(await held()).toBe(record);
  });

  test("each of several gets its own tag, and each that came back is told", async () => {
    const keys = ["a", "b", "c"].map((n) => `${names.key}${n}`);
    const tags = [newTag(), newTag(), newTag()];
    await redis.send("MSET", keys[0] as string, recordOf(), keys[2] as string, recordOf());
    const messages = await listen(names.channel);
    expect(await reassert(keys, tags)).toBe(2);
    for (const [n, key] of keys.entries()) expect(await held(key)).toBe(tombstoneOf(tags[n] as string, 0));
    await expect
      .poll(() => messages)
      .toEqual([
        ["SM1D", "", tags[0], "node", keys[0], "revoked", "", ""],
        ["SM1D", tags[0], tags[2], "node", keys[2], "revoked", "", ""],
      ]);
  });

  test("comes twice without harm", async () => {
    await redis.send("SET", names.key, recordOf());
    const tag = newTag();
    expect(await reassert([names.key], [tag])).toBe(1);
    expect(await reassert([names.key], [tag])).toBe(0);
  });

  test("tells nobody without a channel", async () => {
    await redis.send("SET", names.key, recordOf());
    expect(await reassert([names.key], [newTag()], "")).toBe(1);
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });
});
