import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeMessage } from "./message.js";

const A = "aaaaaaaaaaaa";
const B = "bbbbbbbbbbbb";

describe("decodeMessage", () => {
  test.each([
    ["I", "SessionInvalidated"],
    ["D", "SessionDeleted"],
    ["C", "CacheClear"],
  ])("reads %s as %s", (letter, kind) => {
    const message = { kind, previous: A, tag: B, nodeId: "node 1", key: "sess:x y" };
    expect(decodeMessage(`SM1${letter}\n${A}\n${B}\nnode 1\nsess:x y`)).toEqual(message);
  });

  test("reads a write that names none before it", () => {
    expect(decodeMessage(`SM1I\n\n${B}\nn\nk`)).toMatchObject({ previous: "", tag: B });
  });

  test("reads a beat", () => {
    expect(decodeMessage(`SM1B\n${A}\n${B}`)).toEqual({ kind: "Beat", nonce: A, head: B });
  });

  test.each([
    ["foreign", ""],
    ["foreign", "hello"],
    ["foreign", '{"type":"SessionDeleted"}'],
    ["newer", `SM2I\n${A}\n${B}\nn\nk`],
    ["newer", "SM9"],
    ["newer", `SM1Z\n${A}\n${B}\nn\nk`],
    ["malformed", "SM"],
    ["malformed", "SM0I"],
    ["malformed", "SM1"],
    ["malformed", "SM1i"],
    ["malformed", `SM1I\n${A}\n${B}\nn`],
    ["malformed", `SM1I\n${A}\n${B}\nn\nk\nmore`],
    ["malformed", `SM1I\n${A}\nshort\nn\nk`],
    ["malformed", `SM1I\nshort\n${B}\nn\nk`],
    ["malformed", `SM1D\n${A}\n${B}\n\nk`],
    ["malformed", `SM1C\n${A}\n${B}\nn\n`],
    ["malformed", `SM1B\n${A}`],
    ["malformed", `SM1B\n${A}\n${B}\n`],
  ])("finds %s: %j", (reason, text) => {
    expect(decodeMessage(text)).toEqual({ kind: "unreadable", reason });
  });

  test("never throws", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string().map((text) => `SM1I\n${text}`),
    );
    fc.assert(fc.property(texts, (text) => typeof decodeMessage(text).kind === "string"));
  });
});
