import { describe, expect, test } from "vitest";
import { InvalidSessionIdError } from "../errors.js";
import { assertSessionId, hashForLog, newSessionId } from "./session.js";

describe("an id", () => {
  test.each([
    "a",
    "*",
    "a b",
    "é",
    "👩‍🚀",
    "__proto__",
    "x".repeat(512),
    "é".repeat(256),
    "\u0080",
    "~",
  ])("may be %o", (id) => {
    expect(() => assertSessionId(id)).not.toThrow();
  });

  test.each([
    ["", "non-empty"],
    [undefined, "non-empty string"],
    [null, "non-empty string"],
    [42, "non-empty string"],
    [["a"], "non-empty string"],
    [new String("a"), "non-empty string"],
    ["x".repeat(513), "512 bytes"],
    ["é".repeat(257), "512 bytes"],
    ["a\0", "control characters"],
    ["\u001f", "control characters"],
    ["a\r\nb", "control characters"],
    ["\u007f", "control characters"],
    ["secret-\ud800", "Unicode"],
    ["secret-\udc00\ud800", "Unicode"],
  ])("may not be %j: it must be %s", (id, rule) => {
    expect(() => assertSessionId(id)).toThrow(InvalidSessionIdError);
    expect(() => assertSessionId(id)).toThrow(rule);
  });

  test("is not told by the error that refuses it", () => {
    expect(() => assertSessionId("secret\0")).not.toThrow("secret");
    expect(() => assertSessionId(`secret${"x".repeat(512)}`)).not.toThrow("secret");
  });
});

describe("a new id", () => {
  test("is 256 bits in base64url, and random in every place", () => {
    const ids = Array.from({ length: 2_000 }, newSessionId);
    for (const id of ids) {
      expect(id).toMatch(/^[\w-]{43}$/);
      expect(Buffer.from(id, "base64url")).toHaveLength(32);
      assertSessionId(id);
    }
    expect(new Set(ids).size).toBe(ids.length);
    for (let place = 0; place < 42; place++) expect(new Set(ids.map((id) => id[place])).size).toBe(64);
    expect(new Set(ids.map((id) => id[42])).size).toBe(16); // the last place has what is left: 4 bits
  });
});

test("what a log may say of an id is the same for the same id, and does not contain it", () => {
  expect(hashForLog("sess:an-id")).toMatch(/^[0-9a-f]{12}$/);
  expect(hashForLog("sess:an-id")).toBe(hashForLog("sess:an-id"));
  expect(hashForLog("sess:an-id")).not.toBe(hashForLog("sess:another-id"));
});
