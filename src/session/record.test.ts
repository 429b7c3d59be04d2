import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { A_TAG, recordOf } from "../../test/support/records.js";
import {
  decodeAlias,
  decodeHeader,
  decodeRecord,
  encodeUser,
  HEAD_LENGTH,
  HEADER_LENGTH,
  MAX_USER_LENGTH,
  newTag,
  RecordError,
} from "./record.js";

const decode = (text: string) => decodeRecord(text, 0, 0);

describe("a record", () => {
  test("has the documented layout", () => {
    const text = recordOf({ user: "Zoë", generation: 7, payload: '{"é":1}' });
    expect(text.indexOf("Zo%C3%AB")).toBe(HEADER_LENGTH);
    expect(decode(text)).toEqual({
      tag: A_TAG,
      createdAtMs: 1_700_000_000_000,
      expiresAtMs: 1_700_000_060_000,
      ttlMs: 60_000,
      user: "Zoë",
      generation: 7,
      payload: '{"é":1}',
    });
  });

  test("without a user has none", () => {
    expect(decode(recordOf())).toMatchObject({ user: undefined, payload: '{"n":1}' });
  });

  test("is read as it was put together, whatever it holds", () => {
    const timeMs = fc.integer({ min: 0, max: 9_999_999_999_999 });
    const fields = fc.record({
      tag: fc.stringMatching(/^[\w-]{12}$/),
      createdAtMs: timeMs,
      expiresAtMs: timeMs,
      ttlMs: timeMs,
      absoluteMs: timeMs,
      generation: fc.integer({ min: 0, max: 99_999_999 }),
      user: fc.option(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), { nil: undefined }),
      payload: fc.string({ unit: "binary", minLength: 1 }),
    });
    fc.assert(
      fc.property(fields, (fields) => {
        const { absoluteMs: _, ...expected } = fields;
        expect(decode(recordOf(fields))).toEqual({ ...expected, user: fields.user });
      }),
    );
  });

  test("has its header and its data apart where a script gives them apart", () => {
    const header = recordOf({ user: "Zoë", payload: "" });
    expect(decodeHeader(header, '{"n":1}')).toEqual(decode(`${header}{"n":1}`));
  });
});

describe("a record of another store", () => {
  test("is its plain JSON, with the times that Redis and the clock tell", () => {
    expect(decodeRecord('{"cookie":{}}', 1_000, 500)).toEqual({
      tag: "",
      createdAtMs: 1_000,
      expiresAtMs: 1_500,
      ttlMs: undefined,
      user: undefined,
      generation: 0,
      payload: '{"cookie":{}}',
    });
  });

  test("has no end if Redis knows none", () => {
    expect(decodeRecord("{}", 1_000, Number.POSITIVE_INFINITY).expiresAtMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("cannot be read:", () => {
  const withUser = recordOf({ user: "Zoë", payload: "1" });

  test("a record that was cut off, wherever", () => {
    for (let length = 0; length < withUser.length; length++) {
      expect(() => decode(withUser.slice(0, length)), `${length} characters`).toThrow(RecordError);
    }
    expect(decode(withUser).payload).toBe("1");
  });

  test.each([
    ["an empty record", "", "it is empty"],
    ["a text of another program", "hello", "it was not written by sessionmesh"],
    ["an array", "[1]", "it was not written by sessionmesh"],
    ["a live record of a later format", withUser.replace("L1", "L2"), 'format "2" is newer'],
    ["a tombstone of a later format", "T9whatever", 'format "9" is newer'],
    ["an alias of a later format", "A2whatever", 'format "2" is newer'],
    ["a letter where a digit belongs", withUser.replace("0000060000", "00000x0000"), "it is truncated"],
    ["a letter in the length of the user", withUser.replace("0008Zo", "0x08Zo"), "it is truncated"],
    ["blanks for the length of the user", withUser.replace("0008Zo", "    Zo"), "it is truncated"],
    ["a sign in the length of the user", withUser.replace("0008Zo", "-001Zo"), "it is truncated"],
    ["a tag that is none", withUser.replace(A_TAG, "abc DEF 012-"), "it is truncated"],
    ["a user that is not percent-encoded", withUser.replace("%C3%AB", "%C3%%%"), "percent-encoded"],
  ])("%s", (_, text, reason) => {
    expect(() => decode(text)).toThrow(RecordError);
    expect(() => decode(text)).toThrow(reason);
  });

  test("whatever it is, nothing but a RecordError says so", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "binary", maxLength: 120 }).map((rest) => `L1${rest}`),
      fc.stringMatching(/^\d{0,12}[%\w]{0,12}$/).map((rest) => withUser.slice(0, 70) + rest),
    );
    fc.assert(
      fc.property(text, (text) => {
        try {
          decode(text);
        } catch (error) {
          expect(error).toBeInstanceOf(RecordError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("an alias", () => {
  test("leads to the id behind the end of its grace, whatever that looks like", () => {
    for (const id of ["new", "日本語", " ", "x".repeat(512), "\u2028"]) {
      expect(decodeAlias(`A10000000000123${id}`)).toBe(id);
    }
  });

  test.each([
    recordOf(),
    "{}",
    "hello",
    "A1hello",
    "A10000000000123",
    "A1000000000012xnew",
    "A20000000000123new",
    `T1${A_TAG}1`,
  ])("is not: %s", (text) => {
    expect(decodeAlias(text)).toBeUndefined();
  });
});

describe("a user", () => {
  test("is ASCII, so that its characters and bytes count the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (user) => {
        expect(encodeUser(user)).toMatch(/^[!-~]*$/);
      }),
    );
    expect(encodeUser(undefined)).toBe("");
  });

  test("and the header fit into what a script reads of a record", () => {
    const longest = recordOf({ user: "u".repeat(MAX_USER_LENGTH), payload: "" });
    expect(longest).toHaveLength(HEAD_LENGTH);
  });
});

test("tags are 72 random bits in base64url, and each is new", () => {
  const tags = Array.from({ length: 5_000 }, newTag);
  for (const tag of tags) expect(tag).toMatch(/^[\w-]{12}$/);
  expect(new Set(tags).size).toBe(tags.length);
  for (let place = 0; place < 12; place++) expect(new Set(tags.map((tag) => tag[place])).size).toBe(64);
});
