import { beforeEach, describe, expect, test } from "vitest";
import { A_TAG, recordOf } from "../../../test/support/records.js";
import { aliasOf, FUTURE_MS, SERVERS, tombstoneOf, useScripts } from "../../../test/support/script-runner.js";
import { USER_SESSIONS } from "./user-sessions.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, revoked } = useScripts(server);
  let index = "";
  beforeEach(() => {
    index = `${names.users}ann`;
  });

  const sessionsOf = (user: string) => run(USER_SESSIONS, [names.generations, index], [user]);
  const indexed = () => redis.send("ZRANGE", index, "0", "-1");

  /** Writes a record under a key of its own, and notes in the index that it ends then; returns the key. */
  async function hold(record: string, endMs: number): Promise<string> {
    const key = `${names.key}-${endMs}`;
    await redis.send("SET", key, record);
    await redis.send("ZADD", index, String(endMs), key);
    return key;
  }

  test("that which ends first comes first", async () => {
    const record = recordOf({ user: "ann" });
    const [third, first, second] = [await hold(record, 3), await hold(record, 1), await hold(record, 2)];
    expect(await sessionsOf("ann")).toEqual([first, "1", second, "2", third, "3"]);
    expect(await indexed()).toEqual([first, second, third]);
  });

  test("who has none has none", async () => {
    expect(await sessionsOf("ann")).toEqual([]);
  });

  test("what is no session of the user any more is left out, and leaves the index", async () => {
    await hold(tombstoneOf(A_TAG), 1);
    await hold(recordOf({ user: "bob" }), 2);
    await hold(aliasOf("new", FUTURE_MS), 2);
    await hold(recordOf(), 3);
    await hold("{}", 4);
    await hold("hello", 5);
    await redis.send("ZADD", index, "6", `${names.key}-expired`);
    const live = await hold(recordOf({ user: "ann" }), 7);
    expect(await sessionsOf("ann")).toEqual([live, "7"]);
    expect(await indexed()).toEqual([live]);
  });

  test("the sessions of before the user was revoked are left out", async () => {
    await hold(recordOf({ user: "ann", generation: 1 }), 1);
    const later = await hold(recordOf({ user: "ann", generation: 2 }), 2);
    await revoked("ann", 2);
    expect(await sessionsOf("ann")).toEqual([later, "2"]);
    expect(await indexed()).toEqual([later]);
  });

  test("a user is found as they stand in the record", async () => {
    const key = await hold(recordOf({ user: "Zoë" }), 1);
    expect(await sessionsOf("Zo%C3%AB")).toEqual([key, "1"]);
  });

  test("a thousand are found", async () => {
    const keys = Array.from({ length: 1_000 }, (_, n) => `${names.key}-${String(n).padStart(4, "0")}`);
    await redis.send("MSET", ...keys.flatMap((key) => [key, recordOf({ user: "ann" })]));
    await redis.send("ZADD", index, ...keys.flatMap((key) => ["1", key]));
    expect(await sessionsOf("ann")).toEqual(keys.flatMap((key) => [key, "1"]));
  });
});
