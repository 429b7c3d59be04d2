import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newTag } from "../session/record.js";
import { decodeMessage, encodeAcknowledgement } from "./message.js";

const previous = newTag();
const tag = newTag();

const lines = (...fields: string[]) => fields.join("\n");
const unreadable = (reason: string) => ({ kind: "unreadable", reason });

describe("reads", () => {
  test.each([
    ["SM1I", "SessionInvalidated"],
    ["SM1C", "CacheClear"],
  ])("%s as %s", (format, kind) => {
    const change = { kind, previous, tag, nodeId: "node A", key: "sess:é 1" };
    expect(decodeMessage(lines(format, previous, tag, "node A", "sess:é 1"))).toEqual(change);
  });

  test.each(["deleted", "revoked", "limit", "rotated"])("a deletion, and why: %s", (reason) => {
    const change = { kind: "SessionDeleted", previous, tag, nodeId: "node", key: "sess:1", reason };
    const text = lines("SM1D", previous, tag, "node", "sess:1", reason);
    expect(decodeMessage(`${text}\n\n`)).toEqual({ ...change, request: "", replyChannel: "" });
    const asked = { ...change, request: "a-request", replyChannel: "channel:node" };
    expect(decodeMessage(`${text}\na-request\nchannel:node`)).toEqual(asked);
  });

  test("the end of all sessions of a user", () => {
    const change = { kind: "UserRevoked", previous, tag, nodeId: "node", key: "sess:" };
    const text = lines("SM1U", previous, tag, "node", "sess:", "Zo%C3%AB", "12", "a-request", "channel:node");
    const ends = { user: "Zoë", generation: 12, request: "a-request", replyChannel: "channel:node" };
    expect(decodeMessage(text)).toEqual({ ...change, ...ends });
  });

  test("an acknowledgement, as it was written", () => {
    const acknowledgement = { nodeId: "node B", requests: ["a-request", "another"] };
    expect(decodeMessage(encodeAcknowledgement(acknowledgement))).toEqual({
      kind: "Acknowledgement",
      ...acknowledgement,
    });
  });

  test("the first change of a chain, which names none before it", () => {
    const message = decodeMessage(lines("SM1I", "", tag, "node", "sess:1"));
    expect(message).toMatchObject({ kind: "SessionInvalidated", previous: "", tag });
  });

  test("a beat", () => {
    const nonce = newTag();
    expect(decodeMessage(lines("SM1B", nonce, tag))).toEqual({ kind: "Beat", nonce, head: tag });
  });
});

describe("does not read", () => {
  test.each([
    ["foreign", "an empty message", ""],
    ["foreign", "a message of another program", '{"type":"SessionDeleted","id":"1"}'],
    ["foreign", "a message in other letters", lines("sm1I", previous, tag, "node", "key")],
    ["newer", "a message of the next version", lines("SM2I", previous, tag, "node", "key")],
    ["newer", "a message of version 9 that has another form", "SM9 whatever"],
    ["newer", "a kind that this version does not know", lines("SM1R", previous, tag, "node", "key")],
    ["malformed", "a message without a version", "SM"],
    ["malformed", "a message of version 0", lines("SM0I", previous, tag, "node", "key")],
    ["malformed", "a message without a kind", lines("SM1", previous, tag, "node", "key")],
    ["malformed", "a kind of two letters", lines("SM1ID", previous, tag, "node", "key")],
    ["malformed", "a kind in a small letter", lines("SM1i", previous, tag, "node", "key")],
    ["malformed", "a kind called like a property of all objects", lines("SM1constructor", previous, tag)],
    ["malformed", "a change without a key", lines("SM1I", previous, tag, "node")],
    ["malformed", "a change with an empty key", lines("SM1I", previous, tag, "node", "")],
    ["malformed", "a change without a node", lines("SM1I", previous, tag, "", "key")],
    ["malformed", "a change without a tag", lines("SM1I", previous, "", "node", "key")],
    ["malformed", "a change with a short tag", lines("SM1I", previous, tag.slice(1), "node", "key")],
    ["malformed", "a change with a long tag", lines("SM1I", previous, `${tag}x`, "node", "key")],
    ["malformed", "a change whose previous tag is none", lines("SM1I", "no tag", tag, "node", "key")],
    ["malformed", "a change with one line too many", lines("SM1I", previous, tag, "node", "key", "")],
    ["malformed", "a deletion without a reason", lines("SM1D", previous, tag, "node", "key")],
    [
      "malformed",
      "a deletion for another reason",
      lines("SM1D", previous, tag, "node", "key", "tired", "", ""),
    ],
    ["malformed", "a revocation of nobody", lines("SM1U", previous, tag, "node", "key", "", "1", "", "")],
    [
      "malformed",
      "a generation that is none",
      lines("SM1U", previous, tag, "node", "key", "a", "-1", "", ""),
    ],
    [
      "malformed",
      "a user that is not encoded",
      lines("SM1U", previous, tag, "node", "key", "%", "1", "", ""),
    ],
    ["malformed", "an acknowledgement of nothing", lines("SM1A", "node")],
    ["malformed", "an acknowledgement of something and nothing", lines("SM1A", "node", "a-request", "")],
    ["malformed", "an acknowledgement by nobody", lines("SM1A", "", "request")],
    ["malformed", "a beat without a head", lines("SM1B", tag)],
    ["malformed", "a beat with an empty head", lines("SM1B", tag, "")],
    ["malformed", "a beat with one line too many", lines("SM1B", tag, tag, tag)],
    ["malformed", "a beat with a nonce that is none", lines("SM1B", "nonce", tag)],
  ])("and takes for %s: %s", (reason, _, text) => {
    expect(decodeMessage(text)).toEqual(unreadable(reason));
  });
});

describe("never throws, and never makes up a message", () => {
  const KINDS = [
    "SessionInvalidated",
    "SessionDeleted",
    "CacheClear",
    "UserRevoked",
    "Beat",
    "Acknowledgement",
    "unreadable",
  ];

  test("whatever it gets", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: "binary" }).map((rest) => `SM1${rest}`),
      fc
        .array(fc.oneof(fc.constantFrom("", "SM1I", "SM1B", "SM1C", tag, "node"), fc.string()), {
          maxLength: 7,
        })
        .map((fields) => fields.join("\n")),
    );
    fc.assert(
      fc.property(text, (text) => {
        expect(KINDS).toContain(decodeMessage(text).kind);
      }),
      { numRuns: 2_000 },
    );
  });

  test("from a message that was cut off", () => {
    for (const text of [lines("SM1I", previous, tag, "node", "k"), lines("SM1B", previous, tag)]) {
      for (let length = 0; length < text.length; length++) {
        expect(decodeMessage(text.slice(0, length)).kind).toBe("unreadable");
      }
    }
  });

  test("but what a script writes it reads, whatever the names", () => {
    const name = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\n"));
    fc.assert(
      fc.property(name, name, (nodeId, key) => {
        expect(decodeMessage(lines("SM1I", previous, tag, nodeId, key))).toEqual({
          kind: "SessionInvalidated",
          previous,
          tag,
          nodeId,
          key,
        });
      }),
    );
  });
});
