import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import * as errors from "./errors.js";

const cause = new Error("socket closed");

/** One of each, with what its message must say. */
const EXAMPLES: readonly [errors.SessionMeshError, message: string][] = [
  [
    new errors.InvalidOptionError("localCache.ttlMs", "at least 1", 0),
    '"localCache.ttlMs" must be at least 1',
  ],
  [new errors.InvalidSessionIdError("a non-empty string"), "must be a non-empty string"],
  [new errors.InvalidSessionDataError("it is a circle", { cause }), "it is a circle"],
  [
    new errors.PartitionMismatchError("a:key", "1 8 sharded", { partitions: 16, pubsub: "sharded" }),
    'has cluster.partitions 16 and cluster.pubsub "sharded", but a:key says "1 8 sharded"',
  ],
  [
    new errors.PubSubRefusedError("SPUBLISH", { cause }),
    'SPUBLISH is refused (socket closed): allow it, and its channels, or set cluster.pubsub to "plain" on all nodes.',
  ],
  [new errors.RevocationUncertainError("not within 5 ms", true, { cause }), "not within 5 ms"],
  [new errors.SessionConflictError("0123456789ab"), "0123456789ab"],
  [new errors.SessionRevokedError("0123456789ab"), "0123456789ab"],
  [new errors.SessionCorruptError("0123456789ab", "it is truncated", { cause }), "it is truncated"],
  [new errors.StoreClosedError(), "closed"],
  [new errors.StoreUnavailableError("no reply within 5 ms", { cause }), "no reply within 5 ms"],
  [new errors.SubscribeTimeoutError("a:channel", 5_000, { cause }), '"a:channel" within 5000 ms'],
  [new errors.UnsupportedClientError("it is a teapot"), "it is a teapot"],
];

describe("the catalogue", () => {
  const classes = Object.entries(errors).filter(
    ([, exported]) => typeof exported === "function" && exported.prototype instanceof errors.SessionMeshError,
  );

  test("names each class once, and no other", () => {
    const names = classes.map(([name]) => name).sort();
    expect(Object.values(errors.ERROR_CODES).sort()).toEqual(names);
  });

  test("has an example of each here", () => {
    expect(EXAMPLES.map(([{ code }]) => code).sort()).toEqual(Object.keys(errors.ERROR_CODES).sort());
  });
});

describe.each(
  EXAMPLES.map(([error, message]) => ({ error, message, name: error.constructor.name })),
)("$name", ({ error, message, name }) => {
  test("is an Error of this package, with the code and the name of the catalogue", () => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(errors.SessionMeshError);
    expect(errors.ERROR_CODES[error.code]).toBe(name);
    expect(error.name).toBe(name);
    expect(error.stack).toContain(name);
    expect(inspect(error)).toContain(name);
  });

  test("says what is wrong, and where that is explained", () => {
    expect(error.message).toContain(message);
    expect(error.help).toBe(`sessionmesh/docs/reference/errors.md#${error.code.toLowerCase()}`);
  });
});

test.each(EXAMPLES.filter(([error]) => "cause" in error))("%o keeps its cause", (error) => {
  expect(error.cause).toBe(cause);
});

test("a corrupt record is named by its hash and its reason", () => {
  const error = new errors.SessionCorruptError("0123456789ab", "it is truncated");
  expect(error).toMatchObject({ keyHash: "0123456789ab", reason: "it is truncated" });
  expect(error).not.toHaveProperty("cause");
});

describe("an option's error tells what was received, in short", () => {
  test.each([
    ["text", '"text"'],
    ["x".repeat(200), `"${"x".repeat(80)}…"`],
    [1.5, "1.5"],
    [Number.NaN, "NaN"],
    [10n, "10"],
    [true, "true"],
    [null, "null"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [() => "secret", "a function"],
    [["secret"], "an array"],
    [{ password: "secret" }, "an object"],
  ])("%o", (received, told) => {
    const error = new errors.InvalidOptionError("ttlMs", "good", received);
    expect(error.message).toBe(`Option "ttlMs" must be good; received ${told}.`);
    expect(error.option).toBe("ttlMs");
  });
});
