import { describe, expect, test } from "vitest";
import { A_TAG, type RecordFields, recordOf } from "../../../test/support/records.js";
import { useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { PUT } from "./put.js";

const NOW_MS = 1_800_000_000_000;
const DEFAULT_TTL_MS = 50_000;

const { redis, names, run, listen } = useScripts();

interface Put {
  mode: "create" | "set" | "update";
  expected?: string;
  tag?: string;
  ttlMs?: number;
  endMs?: number;
  absoluteTtlMs?: number;
  user?: string;
  data?: string;
  channel?: string;
}

/** Writes; answers with the outcome, the life and the header. */
function put({
  mode,
  expected = "",
  tag = newTag(),
  ttlMs,
  endMs,
  absoluteTtlMs,
  user = "",
  data = "[1]",
  channel = names.channel,
}: Put) {
  const life = [ttlMs ?? "", DEFAULT_TTL_MS, endMs ?? "", absoluteTtlMs ?? ""];
  const args = [mode, expected, tag, NOW_MS, ...life, user, data, channel, "node"];
  return run(PUT, [names.key, names.chain], args) as Promise<[string, number?, string?]>;
}

const holds = (record: string, ...options: string[]) => redis.send("SET", names.key, record, ...options);
const held = () => redis.send("GET", names.key);
const lifeMs = async () => Number(await redis.send("PTTL", names.key));

/** The header of a record written now. */
const headerOf = (fields: RecordFields) =>
  recordOf({
    createdAtMs: NOW_MS,
    ttlMs: DEFAULT_TTL_MS,
    expiresAtMs: NOW_MS + DEFAULT_TTL_MS,
    payload: "",
    ...fields,
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

  test("the TTL, the end and the user are those that are asked for", async () => {
    const tag = newTag();
    const reply = await put({ mode: "create", tag, ttlMs: 7_000, endMs: NOW_MS + 6_999, user: "Zo%C3%AB" });
    const header = headerOf({ tag, ttlMs: 7_000, expiresAtMs: NOW_MS + 6_999, user: "Zoë" });
    expect(reply).toEqual(["written", 7_000, header]);
  });

  test("the absolute end is a moment of the clock of Redis", async () => {
    const beforeMs = await redis.nowMs();
    await put({ mode: "create", absoluteTtlMs: 90_000 });
    const absoluteMs = Number(String(await held()).slice(53, 66));
    expect(absoluteMs).toBeGreaterThanOrEqual(beforeMs + 90_000);
    expect(absoluteMs).toBeLessThanOrEqual((await redis.nowMs()) + 90_000);
  });

  test("an absolute end that comes first is the end", async () => {
    const [, life, header = ""] = await put({ mode: "create", ttlMs: 7_000, absoluteTtlMs: 3_000 });
    expect(life).toBe(3_000);
    expect(Number(header.slice(27, 40))).toBe(NOW_MS + 3_000);
    expect(Number(header.slice(40, 53))).toBe(7_000);
  });
});

describe("where there is a record", () => {
  test("create writes nothing", async () => {
    await holds(recordOf());
    expect(await put({ mode: "create" })).toEqual(["conflict"]);
    expect(await held()).toBe(recordOf());
  });

  test("update writes nothing if it has another tag", async () => {
    await holds(recordOf());
    for (const expected of [newTag(), "", "*"]) {
      expect(await put({ mode: "update", expected })).toEqual(["conflict"]);
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
    expect(await put({ mode, expected, tag, user: "ignored" })).toEqual(["written", 9_000, header]);
    expect(await held()).toBe(`${header}[1]`);
    expect(await lifeMs()).toBeLessThanOrEqual(9_000);
  });

  test("a TTL that is asked for replaces its own", async () => {
    await holds(recordOf({ ttlMs: 9_000 }));
    const [, life, header = ""] = await put({ mode: "set", ttlMs: 8_000 });
    expect(life).toBe(8_000);
    expect(Number(header.slice(40, 53))).toBe(8_000);
  });

  test("its absolute end cuts the life that is asked for", async () => {
    const absoluteMs = (await redis.nowMs()) + 5_000;
    await holds(recordOf({ absoluteMs }));
    const [outcome, life = 0, header = ""] = await put({ mode: "set", ttlMs: 600_000 });
    expect(outcome).toBe("written");
    expect(life).toBeLessThanOrEqual(5_000);
    expect(Number(header.slice(27, 40))).toBe(NOW_MS + life);
    expect(Number(header.slice(53, 66))).toBe(absoluteMs);
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

  test("create and an update of something else write nothing", async () => {
    await holds('{"cookie":{}}');
    expect(await put({ mode: "create" })).toEqual(["conflict"]);
    expect(await put({ mode: "update", expected: A_TAG })).toEqual(["conflict"]);
    expect(await held()).toBe('{"cookie":{}}');
  });
});

describe("where there is something else", () => {
  test.each([
    ["text", "hello"],
    ["a record of a newer format", `L2${recordOf().slice(2)}`],
    ["a tombstone", `T1${recordOf().slice(2)}`],
    ["half a header", recordOf().slice(0, 40)],
  ])("%s is left as it is", async (_, record) => {
    await holds(record);
    for (const mode of ["set", "update"] as const) {
      expect(await put({ mode, expected: A_TAG })).toEqual(["corrupt"]);
    }
    expect(await held()).toBe(record);
    expect(await redis.send("EXISTS", names.chain)).toBe(0);
  });

  test("a key of another type fails", async () => {
    await redis.send("RPUSH", names.key, "item");
    await expect(put({ mode: "set" })).rejects.toThrow("WRONGTYPE");
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
    expect(await redis.send("HGET", names.chain, "c")).toBe(second);
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

  test("are not told by a store without a channel", async () => {
    expect(await put({ mode: "set", channel: "" })).toMatchObject({ 0: "written" });
    expect(await redis.send("EXISTS", names.chain)).toBe(0);
  });
});
