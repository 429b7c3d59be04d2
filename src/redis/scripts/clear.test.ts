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
import { CLEAR } from "./clear.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, revoked } = useScripts(server);

  function clear(keys: readonly string[], tag = newTag(), channel = names.channel) {
    return run(CLEAR, [names.meta, names.generations, ...keys], [tag, channel, "node", "sess:"]);
  }

  test("deletes a batch, and says how many there were", async () => {
    const keys = ["1", "2", "3", "4", "5"].map((n) => `${names.key}${n}`);
    const [, foreign = "", own = "", corrupt = ""] = keys;
    await redis.send("MSET", foreign, "{}", own, recordOf(), corrupt, "hello");
    expect(await clear(keys)).toBe(3);
    expect(await redis.send("EXISTS", ...keys)).toBe(0);
  });

  test("leaves tombstones, and does not count them", async () => {
    const live = `${names.key}-live`;
    await redis.send("MSET", names.key, tombstoneOf(A_TAG), live, recordOf());
    expect(await clear([names.key, live])).toBe(1);
    expect(await redis.send("GET", names.key)).toBe(tombstoneOf(A_TAG));
    expect(await redis.send("EXISTS", live)).toBe(0);
  });

  test("deletes the sessions of a revoked user, and does not count them", async () => {
    const later = `${names.key}-later`;
    const record = (generation: number) => recordOf({ user: "ann", generation });
    await redis.send("MSET", names.key, record(1), later, record(2));
    await revoked("ann", 2);
    expect(await clear([names.key, later])).toBe(1);
    expect(await redis.send("EXISTS", names.key, later)).toBe(0);
  });

  test("deletes aliases, and does not count them; those whose grace is over are tombstones", async () => {
    const [live, over] = [`${names.key}-live`, `${names.key}-over`];
    await redis.send("MSET", names.key, aliasOf("new", FUTURE_MS), over, aliasOf("new", PAST_MS));
    await redis.send("SET", live, recordOf());
    expect(await clear([names.key, over, live])).toBe(1);
    expect(await redis.send("EXISTS", names.key, live)).toBe(0);
    expect(await redis.send("GET", over)).toBe(aliasOf("new", PAST_MS));
  });

  test("takes as many keys as a SCAN may give, and none", async () => {
    const keys = Array.from({ length: 5_000 }, (_, n) => `${names.key}${n}`);
    await redis.send("MSET", ...keys.flatMap((key) => [key, "{}"]));
    expect(await clear(keys)).toBe(5_000);
    expect(await clear([])).toBe(0);
  });

  test("tells the nodes, each time", async () => {
    const messages = await listen(names.channel);
    const [first, second] = [newTag(), newTag()];
    await clear([names.key], first);
    await clear([], second);
    await expect
      .poll(() => messages)
      .toEqual([
        ["SM1C", "", first, "node", "sess:"],
        ["SM1C", first, second, "node", "sess:"],
      ]);
  });

  test("tells nobody without a channel", async () => {
    await clear([names.key], newTag(), "");
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });
});
