import { describe, expect, test } from "vitest";
import { A_TAG, recordOf } from "../../../test/support/records.js";
import { SERVERS, tombstoneOf, useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { TAKE } from "./take.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, revoked } = useScripts(server);
  const take = (tag = newTag(), channel = names.channel) =>
    run(TAKE, [names.key, names.meta, names.generations], [tag, channel, "node"]);
  const holds = (record: string) => redis.send("SET", names.key, record, "PX", "60000");
  const held = () => redis.send("GET", names.key);

  test("answers with the record and its life, and leaves nothing", async () => {
    await holds(recordOf());
    const [record, lifeMs] = (await take()) as [string, number];
    expect(record).toBe(recordOf());
    expect(lifeMs).toBeGreaterThan(0);
    expect(lifeMs).toBeLessThanOrEqual(60_000);
    expect(await held()).toBeNull();
    expect(await take()).toBeNull();
  });

  test("of all who try, one gets it", async () => {
    await holds(recordOf());
    const taken = await Promise.all(Array.from({ length: 50 }, () => take()));
    expect(taken.filter((answer) => answer !== null)).toHaveLength(1);
  });

  test("tells the nodes as of a write, if there was something", async () => {
    await redis.send("HSET", names.meta, "c", "before");
    const messages = await listen(names.channel);
    const tag = newTag();
    await take();
    await holds(recordOf());
    await take(tag);
    await expect.poll(() => messages).toEqual([["SM1I", "before", tag, "node", names.key]]);
    expect(await redis.send("HGET", names.meta, "c")).toBe(tag);
  });

  test("tells nobody on no channel", async () => {
    await holds(recordOf());
    await take(newTag(), "");
    expect(await held()).toBeNull();
    expect(await redis.send("EXISTS", names.meta)).toBe(0);
  });

  test("the JSON of another store is taken, with no end if it has none", async () => {
    await redis.send("SET", names.key, "{}");
    expect(await take()).toEqual(["{}", -1]);
    expect(await held()).toBeNull();
  });

  test("what is over is none, and its tombstone stays", async () => {
    await holds(tombstoneOf(A_TAG));
    expect(await take()).toBeNull();
    expect(await held()).toBe(tombstoneOf(A_TAG));
    await holds(recordOf({ user: "ann", generation: 1 }));
    await revoked("ann", 2);
    expect(await take()).toBeNull();
  });

  test("what cannot be read is left as it is", async () => {
    const newer = `L2${recordOf().slice(2)}`;
    for (const record of ["hello", newer]) {
      await holds(record);
      expect(await take()).toEqual([record, expect.any(Number)]);
      expect(await held()).toBe(record);
    }
  });

  test("a key of another type fails", async () => {
    await redis.send("RPUSH", names.key, "item");
    await expect(take()).rejects.toThrow("WRONGTYPE");
  });
});
