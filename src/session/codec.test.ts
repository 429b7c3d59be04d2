import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvalidSessionDataError } from "../errors.js";
import { jsonCodec } from "./codec.js";

describe("the JSON codec", () => {
  test("gives back whatever JSON can express", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const expected = JSON.parse(JSON.stringify(value));
        expect(jsonCodec.decode(jsonCodec.encode(value))).toStrictEqual(expected);
      }),
    );
  });

  test.each([undefined, () => {}, Symbol("s")])("refuses %o, which JSON leaves out", (value) => {
    expect(() => jsonCodec.encode(value)).toThrow(InvalidSessionDataError);
    expect(() => jsonCodec.encode(value)).toThrow(`JSON cannot express ${typeof value}`);
  });

  test("says why data cannot be encoded", () => {
    const cause = new Error("not this one");
    const data = {
      toJSON() {
        throw cause;
      },
    };
    expect(() => jsonCodec.encode(data)).toThrow(new InvalidSessionDataError("not this one", { cause }));
    expect(() => jsonCodec.encode({ n: 1n })).toThrow(InvalidSessionDataError);
  });

  test("throws on a text that is no JSON", () => {
    expect(() => jsonCodec.decode("{")).toThrow(SyntaxError);
  });
});
