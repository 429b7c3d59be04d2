import { beforeEach, describe, expect, test } from "vitest";
import { A_TAG, recordOf } from "../../../test/support/records.js";
import {
  aliasOf,
  FUTURE_MS,
  PAST_MS,
  SERVERS,
  tombstoneOf,
  useScripts,
} from "../../../test/support/script-runner.js";
import { TOUCH } from "./touch.js";

const NOW_MS = 1_800_000_000_000;
const DEFAULT_TTL_MS = 50_000;

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, revoked } = useScripts(server);

  /** Touches; answers with the life left, the end that is told, and whether the absolute end has cut it. */
  function touch({ ttlMs, endMs }: { ttlMs?: number; endMs?: number } = {}) {
    const args = [NOW_MS, ttlMs ?? "", DEFAULT_TTL_MS, endMs ?? "", names.users];
    return run(TOUCH, [names.key, names.generations], args) as Promise<[number, string, number] | null>;
  }

  const holds = (record: string, lifeMs = 10_000) => redis.send("SET", names.key, record, "PX", `${lifeMs}`);
  const held = () => redis.send("GET", names.key);
  const lifeMs = async () => Number(await redis.send("PTTL", names.key));

  test("grants the record's own TTL and a tenth, and tells the end without the tenth", async () => {
    await holds(recordOf({ ttlMs: 20_005 }));
    expect(await touch()).toEqual([22_005, String(NOW_MS + 20_005), 0]);
    expect(await held()).toBe(recordOf({ ttlMs: 20_005, expiresAtMs: NOW_MS + 20_005 }));
    expect(await lifeMs()).toBeGreaterThan(10_000);
    expect(await lifeMs()).toBeLessThanOrEqual(22_005);
  });

  test("grants the TTL that is asked for, which does not become the record's own", async () => {
    await holds(recordOf({ ttlMs: 20_000 }));
    expect(await touch({ ttlMs: 40_000 })).toEqual([44_000, String(NOW_MS + 40_000), 0]);
    expect(await held()).toBe(recordOf({ ttlMs: 20_000, expiresAtMs: NOW_MS + 40_000 }));
  });

  test("tells the end that is asked for", async () => {
    await holds(recordOf());
    expect(await touch({ ttlMs: 40_000, endMs: NOW_MS + 39_999 })).toEqual([
      44_000,
      String(NOW_MS + 39_999),
      0,
    ]);
  });

  test("changes nothing but the end: neither tag nor user nor data", async () => {
    await holds(recordOf({ user: "Zoë", generation: 7, payload: '{"é":1}' }));
    await touch();
    expect(await held()).toBe(
      recordOf({ user: "Zoë", generation: 7, payload: '{"é":1}', expiresAtMs: NOW_MS + 60_000 }),
    );
  });

  test("never shortens the life, nor the end that is told", async () => {
    const expiresAtMs = NOW_MS + 900_000;
    await holds(recordOf({ expiresAtMs }), 900_000);
    const [life, end, cut] = (await touch({ ttlMs: 1_000 })) ?? [0];
    expect(life).toBeGreaterThan(1_100);
    expect([end, cut]).toEqual([String(expiresAtMs), 0]);
    expect(await held()).toBe(recordOf({ expiresAtMs }));
    expect(await lifeMs()).toBeGreaterThan(1_100);
  });

  test("a session that was rotated is somewhere else, as long as its grace lasts", async () => {
    await holds(aliasOf("日本語", FUTURE_MS));
    expect(await touch()).toEqual([-3, "日本語"]);
    expect(await lifeMs()).toBeLessThanOrEqual(10_000);
    await holds(aliasOf("日本語", PAST_MS));
    expect(await touch()).toBeNull();
  });

  describe("the absolute end", () => {
    test("cuts the life, and says so: no touch can extend it any more", async () => {
      const absoluteMs = (await redis.nowMs()) + 20_000;
      await holds(recordOf({ absoluteMs }));
      const [life = 0, end, cut] = (await touch({ ttlMs: 60_000 })) ?? [];
      expect(cut).toBe(1);
      expect(life).toBeGreaterThan(10_000);
      expect(life).toBeLessThanOrEqual(20_000);
      expect(Number(end)).toBe(NOW_MS + life);
      expect(Number(await redis.send("PEXPIRETIME", names.key))).toBeLessThanOrEqual(absoluteMs);
    });

    test("cuts no more than the tenth if it is far enough", async () => {
      await holds(recordOf({ absoluteMs: (await redis.nowMs()) + 650_000 }));
      const [life, end, cut] = (await touch({ ttlMs: 600_000 })) ?? [];
      expect(life).toBeLessThanOrEqual(650_000);
      expect([end, cut]).toEqual([String(NOW_MS + 600_000), 0]);
    });

    test("that is farther still cuts nothing", async () => {
      await holds(recordOf({ absoluteMs: (await redis.nowMs()) + 10_000_000 }));
      expect(await touch()).toEqual([66_000, String(NOW_MS + 60_000), 0]);
    });
  });

  describe("a record of another store", () => {
    test("gets the store's TTL, and stays as it is", async () => {
      await holds('{"cookie":{}}');
      expect(await touch()).toEqual([55_000, String(NOW_MS + 50_000), 0]);
      expect(await held()).toBe('{"cookie":{}}');
    });
  });

  describe("a record that has no end", () => {
    test("gets none", async () => {
      await redis.send("SET", names.key, '{"cookie":{}}');
      expect(await touch()).toEqual([-1, "", 1]);
      expect(await lifeMs()).toBe(-1);
    });
  });

  describe("what is no record", () => {
    test.each([
      ["text", "hello"],
      ["a record of a newer format", `L2${recordOf().slice(2)}`],
      ["half a header", recordOf().slice(0, 40)],
      ["half a user", recordOf({ user: "Zoë", payload: "" }).slice(0, 80)],
    ])("%s is reported, and stays as it is", async (_, record) => {
      await redis.send("SET", names.key, record);
      expect(await touch()).toEqual([-2, "", 1]);
      expect(await held()).toBe(record);
      expect(await lifeMs()).toBe(-1);
    });
  });

  test("where there is no record, there is none after", async () => {
    expect(await touch()).toBeNull();
    expect(await redis.send("EXISTS", names.key)).toBe(0);
  });

  test("a tombstone is no session, and stays as it is", async () => {
    const tombstone = tombstoneOf(A_TAG);
    await holds(tombstone, 900_000);
    expect(await touch()).toBeNull();
    expect(await held()).toBe(tombstone);
    expect(await lifeMs()).toBeGreaterThan(100_000);
  });

  describe("a user who was revoked", () => {
    test("has no session any more, and it is not made longer", async () => {
      await holds(recordOf({ user: "ann", generation: 1 }));
      await revoked("ann", 2);
      expect(await touch()).toBeNull();
      expect(await lifeMs()).toBeLessThanOrEqual(10_000);
      expect(await redis.send("EXISTS", `${names.users}ann`)).toBe(0);
    });

    test("has the sessions that came later", async () => {
      await holds(recordOf({ user: "ann", generation: 2 }));
      await revoked("ann", 2);
      expect(await touch()).toEqual([66_000, String(NOW_MS + 60_000), 0]);
    });
  });

  describe("the index of the user's sessions", () => {
    let index = "";
    beforeEach(() => {
      index = `${names.users}ann`;
    });

    test("has the end that the touch grants", async () => {
      const beforeMs = await redis.nowMs();
      await holds(recordOf({ user: "ann", ttlMs: 20_000 }));
      await touch();
      const endMs = Number(await redis.send("ZSCORE", index, names.key));
      expect(endMs).toBeGreaterThanOrEqual(beforeMs + 22_000);
      expect(endMs).toBeLessThanOrEqual((await redis.nowMs()) + 22_000);
    });

    test("has the end that the record keeps where the touch grants less", async () => {
      const beforeMs = await redis.nowMs();
      await holds(recordOf({ user: "ann" }), 900_000);
      await touch({ ttlMs: 1_000 });
      expect(Number(await redis.send("ZSCORE", index, names.key))).toBeGreaterThan(beforeMs + 800_000);
    });

    test("loses what has expired, and lives as long as its longest session", async () => {
      const nowMs = await redis.nowMs();
      await redis.send("ZADD", index, String(nowMs - 1), "expired", String(nowMs + 900_000), "live");
      await redis.send("PEXPIRE", index, "900000");
      await holds(recordOf({ user: "ann" }));
      await touch();
      expect(await redis.send("ZRANGE", index, "0", "-1")).toEqual([names.key, "live"]);
      expect(Number(await redis.send("PTTL", index))).toBeGreaterThan(800_000);
      await touch({ ttlMs: 2_000_000 });
      expect(Number(await redis.send("PTTL", index))).toBeGreaterThan(2_000_000);
    });

    test("does not exist for a session without a user", async () => {
      await holds(recordOf());
      await touch();
      expect(await redis.send("EXISTS", names.users)).toBe(0);
    });
  });

  test("a key of another type fails", async () => {
    await redis.send("RPUSH", names.key, "item");
    await expect(touch()).rejects.toThrow("WRONGTYPE");
  });
});
