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
import { LIST } from "./list.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, revoked } = useScripts(server);
  const list = (keys: readonly string[]) => run(LIST, [names.generations, ...keys], []);

  /** Writes these records; returns their keys. */
  async function hold(...records: string[]): Promise<string[]> {
    const keys = records.map((_, n) => `${names.key}${n}`);
    await redis.send("MSET", ...records.flatMap((record, n) => [keys[n] as string, record]));
    return keys;
  }

  test("lists what is a session, readable or not, in the order given", async () => {
    const keys = await hold(recordOf(), "{}", "hello", `L2${recordOf().slice(2)}`, recordOf({ user: "ann" }));
    expect(await list(keys)).toEqual(keys);
    expect(await list(keys.toReversed())).toEqual(keys.toReversed());
  });

  test("leaves out what is none, or none any more", async () => {
    const over = [tombstoneOf(A_TAG), aliasOf("new", FUTURE_MS), aliasOf("new", PAST_MS)];
    const [live = "", ...dead] = await hold(recordOf(), ...over);
    expect(await list([...dead, live, `${names.key}-none`])).toEqual([live]);
  });

  test("leaves out the sessions of a revoked user, and not those that came later", async () => {
    const user = "ann";
    const keys = await hold(recordOf({ user, generation: 1 }), recordOf({ user, generation: 2 }));
    await revoked(user, 2);
    expect(await list(keys)).toEqual(keys.slice(1));
  });

  test("takes as many keys as a SCAN may give, and none", async () => {
    const keys = await hold(...Array.from({ length: 5_000 }, () => "{}"));
    expect(await list(keys)).toHaveLength(5_000);
    expect(await list([])).toEqual([]);
  });

  test("a key of another type fails", async () => {
    await redis.send("RPUSH", names.key, "item");
    await expect(list([names.key])).rejects.toThrow("WRONGTYPE");
  });
});
