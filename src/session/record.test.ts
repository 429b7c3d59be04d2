import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeRecord, encodeUser, newTag, RecordError } from "./record.js";

const HEADER = "L1abcdefghijkl00000000010000000000002000000000000300000000000040000000500";
const record = (user: string, payload: string) => {
  const encoded = encodeUser(user);
  const times = [1, 2, 3, 0].map((n) => String(n).padStart(13, "0")).join("");
  return `L1abcdefghijkl${times}${"0".repeat(8)}${String(encoded.length).padStart(4, "0")}${encoded}${payload}`;
};

describe("decodeRecord", () => {
  test("reads a record with a user and one without", () => {
    const fields = { tag: "abcdefghijkl", createdAtMs: 1, expiresAtMs: 2, ttlMs: 3, payload: '{"a":"é"}' };
    expect(decodeRecord(record("", '{"a":"é"}'), 0, 0)).toEqual({ ...fields, user: undefined });
    expect(decodeRecord(record("Zoë/42", '{"a":"é"}'), 0, 0)).toEqual({ ...fields, user: "Zoë/42" });
  });

  test("finds any record that was cut off", () => {
    const whole = record("user", "x");
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeRecord(whole.slice(0, length), 0, 0)).toThrow(RecordError);
    }
  });

  test.each([
    ["empty", ""],
    ["not written by sessionmesh", "hello"],
    ["not written by sessionmesh", "[1]"],
    ["newer", `L2${HEADER.slice(2)}`],
    ["truncated", HEADER.replace("0", "x")],
  ])("says that it is %s: %j", (reason, text) => {
    expect(() => decodeRecord(text, 0, 0)).toThrow(reason);
  });

  test("reads plain JSON as a session of another store", () => {
    const foreign = { tag: "", createdAtMs: 1_000, expiresAtMs: 1_500, ttlMs: undefined, user: undefined };
    expect(decodeRecord('{"a":1}', 1_000, 500)).toEqual({ ...foreign, payload: '{"a":1}' });
  });

  test("reads or refuses anything, and does nothing else", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `L1${text}`),
        ),
        (text) => {
          try {
            decodeRecord(text, 0, 0);
          } catch (error) {
            expect(error).toBeInstanceOf(RecordError);
          }
        },
      ),
    );
  });
});

test("tags are 12 characters of base64url, and no two are alike", () => {
  const tags = Array.from({ length: 1_000 }, newTag);
  expect(tags.every((tag) => /^[\w-]{12}$/.test(tag))).toBe(true);
  expect(new Set(tags).size).toBe(1_000);
});
