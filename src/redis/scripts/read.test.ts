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
import type { Reply } from "../port.js";
import { READ } from "./read.js";

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, revoked } = useScripts(server);
  const read = async (knownTag = "") => {
    const [reply] = (await run(READ, [names.generations, names.key], [knownTag])) as Reply[];
    return reply;
  };
  const holds = (record: string, ...options: string[]) => redis.send("SET", names.key, record, ...options);

  test("gives the record and what is left of its life", async () => {
    await holds(recordOf(), "PX", "60000");
    const [record, lifeMs] = (await read()) as [string, number];
    expect(record).toBe(recordOf());
    expect(lifeMs).toBeLessThanOrEqual(60_000);
    expect(lifeMs).toBeGreaterThan(0);
  });

  test("gives -1 for a record that has no end", async () => {
    await holds("{}");
    expect(await read()).toEqual(["{}", -1]);
  });

  test("gives nil where there is no record, and says of a tombstone that it is gone, whatever tag is known", async () => {
    for (const known of ["", A_TAG]) expect(await read(known)).toBeNull();
    await holds(tombstoneOf(A_TAG));
    for (const known of ["", A_TAG]) expect(await read(known)).toBe("gone");
  });

  test("gives an alias as it is, and says that it is gone when its grace is over, whatever tag is known", async () => {
    for (const known of ["", A_TAG]) {
      await holds(aliasOf("日本語", FUTURE_MS));
      expect(await read(known)).toEqual([aliasOf("日本語", FUTURE_MS), -1]);
      await holds(aliasOf("日本語", PAST_MS));
      expect(await read(known)).toBe("gone");
    }
  });

  test("gives each of several what it would give it alone", async () => {
    const keys = ["a", "b", "c", "d", "e"].map((name) => names.key + name) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const [known, other, gone, list, none] = keys;
    await redis.send("SET", known, recordOf({ user: "ann" }));
    await redis.send("SET", other, recordOf());
    await redis.send("SET", gone, tombstoneOf(A_TAG));
    await redis.send("RPUSH", list, "item");
    const tags = [A_TAG, newTag(), "", A_TAG, ""];
    expect(await run(READ, [names.generations, known, other, gone, list, none], tags)).toEqual([
      [recordOf({ user: "ann", payload: "" }), -1],
      [recordOf(), -1],
      "gone",
      "wrongtype",
      null,
    ]);
  });

  test("gives whatever string there is, and says of anything else that it is none", async () => {
    for (const text of ["hello", "A1hello", aliasOf("", PAST_MS)]) {
      await holds(text);
      expect(await read()).toEqual([text, -1]);
    }
    await redis.send("DEL", names.key);
    await redis.send("HSET", names.key, "field", "value");
    for (const known of ["", A_TAG]) expect(await read(known)).toBe("wrongtype");
  });

  describe("a record whose tag is known", () => {
    test("comes without its data, and with the end and the life that it has now", async () => {
      await holds(recordOf({ expiresAtMs: 1_900_000_000_000, payload: '"é"' }), "PX", "60000");
      const [header, lifeMs] = (await read(A_TAG)) as [string, number];
      expect(header).toBe(recordOf({ expiresAtMs: 1_900_000_000_000, payload: "" }));
      expect(lifeMs).toBeLessThanOrEqual(60_000);
      expect(lifeMs).toBeGreaterThan(0);
    });

    test.each(["ann", "Zoë", "u".repeat(256)])("comes with its user: %s", async (user) => {
      await holds(recordOf({ user }));
      expect(await read(A_TAG)).toEqual([recordOf({ user, payload: "" }), -1]);
    });

    test("comes whole if it has another tag by now", async () => {
      await holds(recordOf({ user: "ann" }));
      expect(await read(newTag())).toEqual([recordOf({ user: "ann" }), -1]);
    });

    test("comes whole if it is no record of ours any more", async () => {
      for (const record of ["{}", "hello", recordOf().slice(0, 40)]) {
        await holds(record);
        expect(await read(A_TAG)).toEqual([record, -1]);
      }
    });
  });

  describe("a user who was revoked", () => {
    test("has no session any more, whatever tag is known", async () => {
      await holds(recordOf({ user: "ann", generation: 1 }));
      await revoked("ann", 2);
      for (const known of ["", A_TAG]) expect(await read(known)).toBe("gone");
    });

    test("has the sessions that came later", async () => {
      const record = recordOf({ user: "ann", generation: 2 });
      await holds(record);
      await revoked("ann", 2);
      expect(await read()).toEqual([record, -1]);
      expect(await read(A_TAG)).toEqual([recordOf({ user: "ann", generation: 2, payload: "" }), -1]);
    });
  });
});
