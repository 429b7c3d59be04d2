import { beforeEach, describe, expect, test } from "vitest";
import { A_TAG, type RecordFields, recordOf } from "../../../test/support/records.js";
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
import { PUT } from "./put.js";

const NOW_MS = 1_800_000_000_000;
const DEFAULT_TTL_MS = 50_000;

interface Put {
  mode: "create" | "set" | "replace" | "update";
  expected?: string;
  tag?: string;
  ttlMs?: number;
  endMs?: number;
  absoluteTtlMs?: number;
  /** Percent-encoded. */
  user?: string;
  data?: string;
  channel?: string;
  toListenersOnly?: boolean;
}

type Outcome = [outcome: string, lifeOrRecord?: number | string, headerOrLife?: string | number];

/** The reply about one record, with a word for what was written, too. */
function outcomeOf(reply: Reply): Outcome {
  if (!Array.isArray(reply)) return [reply as string];
  return (typeof reply[0] === "number" ? ["written", ...reply] : reply) as unknown as Outcome;
}

/** A time as it stands in a record. */
const digits = (ms: number | undefined) => (ms === undefined ? "" : String(ms).padStart(13, "0"));

/** The header of a record written now. */
const headerOf = (fields: RecordFields) =>
  recordOf({
    createdAtMs: NOW_MS,
    ttlMs: DEFAULT_TTL_MS,
    expiresAtMs: NOW_MS + DEFAULT_TTL_MS,
    payload: "",
    ...fields,
  });

describe.each(SERVERS)("on $name", (server) => {
  const { redis, names, run, listen, revoked } = useScripts(server);

  const commonArgs = ({ channel = names.channel, toListenersOnly = false }: Partial<Put> = {}) => {
    return [channel, "node", names.users, toListenersOnly ? "1" : "", digits(DEFAULT_TTL_MS)];
  };

  function argsOf({ mode, expected = "", tag = newTag(), user = "", data = "[1]", ...life }: Put) {
    const { ttlMs, endMs, absoluteTtlMs } = life;
    const condition = mode === "update" ? `=${expected}` : mode;
    return [condition, tag, NOW_MS, digits(ttlMs), digits(endMs), absoluteTtlMs ?? "", user, data];
  }

  /** Writes; answers with the outcome, the life and the header. */
  async function put(request: Put) {
    const args = [...commonArgs(request), ...argsOf(request)];
    const [reply] = (await run(PUT, [names.meta, names.generations, names.key], args)) as [Reply];
    return outcomeOf(reply);
  }

  const holds = (record: string, ...options: string[]) => redis.send("SET", names.key, record, ...options);
  const held = () => redis.send("GET", names.key);
  const lifeMs = async () => Number(await redis.send("PTTL", names.key));

  describe("where the session was rotated", () => {
    const modes = ["create", "set", "replace", "update"] as const;

    test.each(modes)("%s says where it is now, and writes nothing", async (mode) => {
      const alias = aliasOf("日本語", FUTURE_MS);
      await holds(alias);
      expect(await put({ mode, expected: A_TAG })).toEqual(["moved", "日本語"]);
      expect(await held()).toBe(alias);
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });

    test.each(modes)("%s is refused when the grace is over", async (mode) => {
      await holds(aliasOf("new", PAST_MS));
      expect(await put({ mode, expected: A_TAG })).toEqual(["gone"]);
      expect(await held()).toBe(aliasOf("new", PAST_MS));
    });
  });

  test("replace writes over whatever session is there", async () => {
    for (const record of [recordOf(), "{}"]) {
      await holds(record);
      expect(await put({ mode: "replace" })).toMatchObject([
        "written",
        expect.any(Number),
        expect.any(String),
      ]);
    }
  });

  describe("where there is no record", () => {
    test.each(["create", "set"] as const)("%s writes one", async (mode) => {
      const tag = newTag();
      const header = headerOf({ tag });
      expect(await put({ mode, tag })).toEqual(["written", DEFAULT_TTL_MS, header]);
      expect(await held()).toBe(`${header}[1]`);
      expect(await lifeMs()).toBeGreaterThan(0);
      expect(await lifeMs()).toBeLessThanOrEqual(DEFAULT_TTL_MS);
    });

    test("update writes none", async () => {
      expect(await put({ mode: "update", expected: A_TAG })).toEqual(["absent"]);
      expect(await put({ mode: "update", expected: "" })).toEqual(["absent"]);
      expect(await held()).toBeNull();
    });

    test("replace writes none", async () => {
      expect(await put({ mode: "replace" })).toEqual(["absent"]);
      expect(await redis.send("EXISTS", names.key, names.meta)).toBe(0);
    });

    test("the TTL, the end and the user are those that are asked for", async () => {
      const tag = newTag();
      const reply = await put({ mode: "create", tag, ttlMs: 7_000, endMs: NOW_MS + 6_999, user: "Zo%C3%AB" });
      const header = headerOf({ tag, ttlMs: 7_000, expiresAtMs: NOW_MS + 6_999, user: "Zoë" });
      expect(reply).toEqual(["written", 7_000, header]);
    });

    test("the longest user is kept, whatever comes after it", async () => {
      const tag = newTag();
      const user = "u".repeat(256);
      const header = headerOf({ tag, user });
      expect(await put({ mode: "create", tag, user, data: "{}" })).toEqual([
        "written",
        DEFAULT_TTL_MS,
        header,
      ]);
      expect(await put({ mode: "update", expected: tag })).toMatchObject({ 0: "written" });
    });

    test("the absolute end is a moment of the clock of Redis", async () => {
      const beforeMs = await redis.nowMs();
      await put({ mode: "create", absoluteTtlMs: 90_000 });
      const absoluteMs = Number(String(await held()).slice(53, 66));
      expect(absoluteMs).toBeGreaterThanOrEqual(beforeMs + 90_000);
      expect(absoluteMs).toBeLessThanOrEqual((await redis.nowMs()) + 90_000);
    });

    test("an absolute end that comes first is the end", async () => {
      const [, life, header] = await put({ mode: "create", ttlMs: 7_000, absoluteTtlMs: 3_000 });
      expect(life).toBe(3_000);
      expect(Number(String(header).slice(27, 40))).toBe(NOW_MS + 3_000);
      expect(Number(String(header).slice(40, 53))).toBe(7_000);
    });
  });

  describe("where there is a record", () => {
    test("create writes nothing", async () => {
      await holds(recordOf());
      expect(await put({ mode: "create" })).toEqual(["conflict"]);
      expect(await held()).toBe(recordOf());
    });

    test("update writes nothing if it has another tag, and shows the record and its life", async () => {
      await holds(recordOf(), "PX", "60000");
      for (const expected of [newTag(), "", "*"]) {
        const [outcome, record, life] = await put({ mode: "update", expected });
        expect([outcome, record]).toEqual(["conflict", recordOf()]);
        expect(life).toBeGreaterThan(0);
        expect(life).toBeLessThanOrEqual(60_000);
      }
      expect(await held()).toBe(recordOf());
    });

    test.each([
      ["set", ""],
      ["update", A_TAG],
    ] as const)("%s keeps its creation, TTL, generation and user", async (mode, expected) => {
      const kept = { createdAtMs: 1_600_000_000_000, ttlMs: 9_000, generation: 42, user: "Zoë" };
      await holds(recordOf({ ...kept, payload: "old" }));
      const tag = newTag();
      const header = headerOf({ ...kept, tag, expiresAtMs: NOW_MS + 9_000 });
      expect(await put({ mode, expected, tag })).toEqual(["written", 9_000, header]);
      expect(await held()).toBe(`${header}[1]`);
      expect(await lifeMs()).toBeLessThanOrEqual(9_000);
    });

    test("a TTL that is asked for replaces its own", async () => {
      await holds(recordOf({ ttlMs: 9_000 }));
      const [, life, header] = await put({ mode: "set", ttlMs: 8_000 });
      expect(life).toBe(8_000);
      expect(Number(String(header).slice(40, 53))).toBe(8_000);
    });

    test("its absolute end cuts the life that is asked for", async () => {
      const absoluteMs = (await redis.nowMs()) + 5_000;
      await holds(recordOf({ absoluteMs }));
      const [outcome, life, header] = await put({ mode: "set", ttlMs: 600_000 });
      expect(outcome).toBe("written");
      expect(life).toBeLessThanOrEqual(5_000);
      expect(Number(String(header).slice(27, 40))).toBe(NOW_MS + Number(life));
      expect(Number(String(header).slice(53, 66))).toBe(absoluteMs);
      expect(Number(await redis.send("PEXPIRETIME", names.key))).toBeLessThanOrEqual(absoluteMs);
    });

    test("nothing is written past its absolute end", async () => {
      const record = recordOf({ absoluteMs: (await redis.nowMs()) - 1 });
      await holds(record);
      expect(await put({ mode: "set", ttlMs: 600_000 })).toEqual(["expired"]);
      expect(await held()).toBe(record);
    });

    test("a write that comes twice is answered twice, and carried out once", async () => {
      const tag = newTag();
      const first = await put({ mode: "update", expected: A_TAG, tag }); // there is none yet
      expect(first).toEqual(["absent"]);
      await holds(recordOf({ user: "Zoë" }));
      const [, , header] = await put({ mode: "update", expected: A_TAG, tag, data: '"first"' });
      const messages = await listen(names.channel);
      const [outcome, life, again] = await put({ mode: "update", expected: A_TAG, tag, data: '"second"' });
      expect([outcome, again]).toEqual(["written", header]);
      expect(life).toBeLessThanOrEqual(60_000);
      expect(await held()).toBe(`${header}"first"`);
      await put({ mode: "set" });
      await expect.poll(() => messages).toHaveLength(1);
    });
  });

  describe("where there is a record of another store", () => {
    test.each([
      ["set", ""],
      ["update", ""],
    ] as const)("%s takes it over, with the store's TTL", async (mode, expected) => {
      await holds('{"cookie":{}}', "PX", "1000000");
      const tag = newTag();
      const header = headerOf({ tag });
      expect(await put({ mode, expected, tag })).toEqual(["written", DEFAULT_TTL_MS, header]);
    });

    test("it gets a user, in the generation of now", async () => {
      await holds('{"cookie":{}}');
      await revoked("ann", 3);
      const tag = newTag();
      const header = headerOf({ tag, user: "ann", generation: 3 });
      expect(await put({ mode: "update", tag, user: "ann" })).toEqual(["written", DEFAULT_TTL_MS, header]);
    });

    test("create and an update of something else write nothing", async () => {
      await holds('{"cookie":{}}');
      expect(await put({ mode: "create" })).toEqual(["conflict"]);
      expect(await put({ mode: "update", expected: A_TAG })).toEqual(["conflict", '{"cookie":{}}', -1]);
      expect(await held()).toBe('{"cookie":{}}');
    });
  });

  describe("where there is a tombstone", () => {
    test("nothing is written, and nobody told", async () => {
      const tombstone = tombstoneOf(A_TAG);
      await holds(tombstone);
      for (const mode of ["create", "set", "update"] as const) {
        expect(await put({ mode, expected: A_TAG })).toEqual(["gone"]);
        expect(await put({ mode, expected: "", tag: A_TAG })).toEqual(["gone"]);
      }
      expect(await held()).toBe(tombstone);
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });
  });

  describe("where there is something else", () => {
    test.each([
      ["text", "hello"],
      ["a record of a newer format", `L2${recordOf().slice(2)}`],
      ["a tombstone of a newer format", `T2${A_TAG}1`],
      ["half a header", recordOf().slice(0, 40)],
      ["half a user", recordOf({ user: "Zoë", payload: "" }).slice(0, 80)],
    ])("%s is left as it is", async (_, record) => {
      await holds(record);
      for (const mode of ["set", "update"] as const) {
        expect(await put({ mode, expected: A_TAG })).toEqual(["corrupt"]);
      }
      expect(await held()).toBe(record);
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });

    test("a key of another type is left as it is", async () => {
      await redis.send("RPUSH", names.key, "item");
      expect(await put({ mode: "set" })).toEqual(["wrongtype"]);
      expect(await redis.send("TYPE", names.key)).toBe("list");
    });
  });

  describe("the user", () => {
    test("comes with their generation", async () => {
      await revoked("ann", 7);
      const tag = newTag();
      const header = headerOf({ tag, user: "ann", generation: 7 });
      expect(await put({ mode: "create", tag, user: "ann" })).toEqual(["written", DEFAULT_TTL_MS, header]);
    });

    test("that a write names replaces the old one, with the generation of now", async () => {
      await holds(recordOf({ user: "ann", generation: 7 }));
      await revoked("bob", 2);
      const [, , header] = await put({ mode: "set", user: "bob" });
      expect(String(header).slice(66)).toBe("000000020003bob");
    });

    test("that a write names again keeps the generation of the session", async () => {
      await holds(recordOf({ user: "ann", generation: 7 }));
      const [, , header] = await put({ mode: "set", user: "ann" });
      expect(String(header).slice(66)).toBe("000000070003ann");
    });

    test("that was revoked has no session any more: nothing is written over it", async () => {
      const record = recordOf({ user: "ann", generation: 7 });
      await holds(record);
      await revoked("ann", 8);
      for (const mode of ["create", "set", "update"] as const) {
        expect(await put({ mode, expected: A_TAG, user: "ann" })).toEqual(["gone"]);
      }
      expect(await put({ mode: "set", user: "bob" })).toEqual(["gone"]);
      expect(await held()).toBe(record);
    });

    test("that was revoked makes not even a repetition succeed", async () => {
      const tag = newTag();
      await put({ mode: "create", tag, user: "ann" });
      await revoked("ann", 1);
      expect(await put({ mode: "create", tag, user: "ann" })).toEqual(["gone"]);
    });

    test("that was revoked may log in again", async () => {
      await revoked("ann", 8);
      expect(await put({ mode: "create", user: "ann" })).toMatchObject({ 0: "written" });
      expect(await put({ mode: "set" })).toMatchObject({ 0: "written" });
    });

    test("of another name is not affected", async () => {
      await holds(recordOf({ user: "ann" }));
      await revoked("an", 1);
      await revoked("anna", 1);
      expect(await put({ mode: "set" })).toMatchObject({ 0: "written" });
    });
  });

  describe("the index of the user's sessions", () => {
    let index = "";
    beforeEach(() => {
      index = `${names.users}ann`;
    });
    const indexed = () => redis.send("ZRANGE", index, "0", "-1");

    test("has the session, with its end", async () => {
      const beforeMs = await redis.nowMs();
      await put({ mode: "create", user: "ann", ttlMs: 7_000 });
      const endMs = Number(await redis.send("ZSCORE", index, names.key));
      expect(endMs).toBeGreaterThanOrEqual(beforeMs + 7_000);
      expect(endMs).toBeLessThanOrEqual((await redis.nowMs()) + 7_000);
      expect(await indexed()).toEqual([names.key]);
    });

    test("is kept by each write, whether or not it names the user", async () => {
      await holds(recordOf({ user: "ann", ttlMs: 9_000 }));
      await put({ mode: "set" });
      const endMs = Number(await redis.send("ZSCORE", index, names.key));
      await put({ mode: "set", ttlMs: 600_000 });
      expect(Number(await redis.send("ZSCORE", index, names.key))).toBeGreaterThan(endMs + 500_000);
    });

    test("loses what has expired", async () => {
      const nowMs = await redis.nowMs();
      await redis.send("ZADD", index, String(nowMs - 1), "expired", String(nowMs + 60_000), "live");
      await put({ mode: "create", user: "ann" });
      expect(await indexed()).toEqual([names.key, "live"]);
    });

    test("lives as long as its longest session", async () => {
      await put({ mode: "create", user: "ann", ttlMs: 7_000 });
      expect(Number(await redis.send("PTTL", index))).toBeLessThanOrEqual(7_000);
      await put({ mode: "set", ttlMs: 90_000 });
      await put({ mode: "set", ttlMs: 7_000 });
      expect(Number(await redis.send("PTTL", index))).toBeGreaterThan(80_000);
    });

    test("does not exist for a session without a user, nor after a write that was refused", async () => {
      await put({ mode: "create" });
      await put({ mode: "create", user: "ann" });
      expect(await redis.send("EXISTS", index, names.users)).toBe(0);
    });
  });

  describe("the nodes", () => {
    test("are told of each write, which names the one before it", async () => {
      const messages = await listen(names.channel);
      const [first, second] = [newTag(), newTag()];
      await put({ mode: "create", tag: first });
      await put({ mode: "set", tag: second });
      await expect
        .poll(() => messages)
        .toEqual([
          ["SM1I", "", first, "node", names.key],
          ["SM1I", first, second, "node", names.key],
        ]);
      expect(await redis.send("HGET", names.meta, "c")).toBe(second);
    });

    test("are not told of what was refused", async () => {
      const messages = await listen(names.channel);
      await put({ mode: "update", expected: A_TAG });
      await holds(recordOf());
      await put({ mode: "create" });
      const tag = newTag();
      await put({ mode: "set", tag });
      await expect.poll(() => messages).toEqual([["SM1I", "", tag, "node", names.key]]);
    });

    test("are told by a node that needs no messages itself only while another one does", async () => {
      const messages = await listen(names.channel);
      const nowMs = await redis.nowMs();
      await put({ mode: "set", toListenersOnly: true });
      await redis.send("HSET", names.meta, "l", String(nowMs + 60_000));
      const tag = newTag();
      await put({ mode: "set", tag, toListenersOnly: true });
      await redis.send("HSET", names.meta, "l", String(nowMs - 1));
      await put({ mode: "set", toListenersOnly: true });
      expect(await redis.send("HGET", names.meta, "l")).toBeNull(); // whoever listens again shall know
      const last = newTag();
      await put({ mode: "set", tag: last });
      await expect
        .poll(() => messages.map(([, previous, tag]) => [previous, tag]))
        .toEqual([
          ["", tag],
          [tag, last],
        ]);
    });

    test("are not told by a store without a channel", async () => {
      expect(await put({ mode: "set", channel: "" })).toMatchObject({ 0: "written" });
      expect(await redis.send("EXISTS", names.meta)).toBe(0);
    });
  });

  describe("several sessions", () => {
    const keyOf = (n: number) => `${names.key}:${n}`;
    async function putAll(...requests: Put[]) {
      const keys = requests.map((_, n) => keyOf(n));
      const args = [...commonArgs(), ...requests.flatMap(argsOf)];
      const replies = (await run(PUT, [names.meta, names.generations, ...keys], args)) as Reply[];
      return replies.map(outcomeOf);
    }

    test("are written each as it would be alone, and told in their order", async () => {
      const messages = await listen(names.channel);
      await redis.send("SET", keyOf(1), tombstoneOf(A_TAG));
      await redis.send("SET", keyOf(2), recordOf());
      await redis.send("RPUSH", keyOf(3), "item");
      const [first, second, last] = [newTag(), newTag(), newTag()];
      const outcomes = await putAll(
        { mode: "create", tag: first, data: '"first"', ttlMs: 7_000 },
        { mode: "set" },
        { mode: "update", expected: A_TAG, tag: second, data: '"second"' },
        { mode: "set" },
        { mode: "update", expected: A_TAG },
        { mode: "set", tag: last, user: "ann" },
      );
      expect(outcomes.map(([outcome]) => outcome)).toEqual([
        "written",
        "gone",
        "written",
        "wrongtype",
        "absent",
        "written",
      ]);
      expect(String(await redis.send("GET", keyOf(0))).endsWith('"first"')).toBe(true);
      expect(String(await redis.send("GET", keyOf(2))).endsWith('"second"')).toBe(true);
      expect(Number(await redis.send("PTTL", keyOf(0)))).toBeLessThanOrEqual(7_000);
      expect(String(outcomes[5]?.[2]).slice(74)).toBe("0003ann");
      await expect
        .poll(() => messages)
        .toEqual([
          ["SM1I", "", first, "node", keyOf(0)],
          ["SM1I", first, second, "node", keyOf(2)],
          ["SM1I", second, last, "node", keyOf(5)],
        ]);
      expect(await redis.send("HGET", names.meta, "c")).toBe(last);
    });

    test("are none where there is nothing to write", async () => {
      expect(await putAll()).toEqual([]);
    });
  });
});
