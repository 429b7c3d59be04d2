import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { crc16, keyOf, slotOf } from "../src/redis/cluster-slots.js";
import { useRawRedis } from "./support/raw-redis.js";

describe("the slot of a key", () => {
  const redis = useRawRedis({ args: ["--cluster-enabled", "yes"] });
  const KEYS = [
    "",
    "{}",
    "{}a",
    "a{}",
    "{a}b",
    "b{a}",
    "{{a}}b",
    "{a}{b}",
    "}{a}",
    "{a",
    "a}",
    "é{é}é",
    "😀{ü}",
    "{😀}x",
  ];

  test.each(KEYS)("is what Redis says: %j", async (key) => {
    expect(slotOf(key)).toBe(await redis.send("CLUSTER", "KEYSLOT", key));
  });

  test("is what Redis says, whatever the key", async () => {
    const part = fc.oneof(
      fc.constantFrom("{", "}", "{}", "tag"),
      fc.string(),
      fc.string({ unit: "grapheme" }),
    );
    const key = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
    await fc.assert(
      fc.asyncProperty(key, async (text) => {
        expect(slotOf(text)).toBe(await redis.send("CLUSTER", "KEYSLOT", text));
      }),
      { numRuns: 2_000 },
    );
  });
});

test("CRC16 is that of XMODEM", () => {
  expect(crc16("123456789")).toBe(0x31c3); // the check value of the specification
  expect(crc16("<123456789>", 1, 10)).toBe(0x31c3);
  expect(crc16("")).toBe(0);
});

test.each([
  [["GET", "key"], "key"],
  [["UNLINK", "key", "other"], "key"],
  [["HGET", "key", "field"], "key"],
  [["SPUBLISH", "channel", "message"], "channel"],
  [["EVALSHA", "sha", "2", "key", "other", "argument"], "key"],
  [["EVAL", "lua", "0", "argument"], undefined],
  [["PUBLISH", "channel", "message"], undefined],
  [["SCAN", "0"], undefined],
  [["PING"], undefined],
  [["WAIT", "1", "100"], undefined],
] as const)("the first key of %j is %s", (command, key) => {
  expect(keyOf(command)).toBe(key);
});
