import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../errors.js";
import {
  checkCreateOptions,
  checkLifeOptions,
  checkReadOptions,
  checkWriteOptions,
  resolveLife,
} from "./call-options.js";

const NOW_MS = 1_700_000_000_000;

describe("resolveLife()", () => {
  test.each([
    ["nothing", undefined, {}],
    ["no options", {}, { ttlMs: undefined, expiresAtMs: undefined }],
    ["a duration", { ttlMs: 5 }, { ttlMs: 5, expiresAtMs: undefined }],
    ["an end", { expiresAtMs: NOW_MS + 5 }, { ttlMs: 5, expiresAtMs: NOW_MS + 5 }],
    ["an end between two milliseconds", { expiresAtMs: NOW_MS + 4.5 }, { ttlMs: 5, expiresAtMs: NOW_MS + 4 }],
  ])("takes %s", (_, options, life) => {
    expect(resolveLife(options, NOW_MS)).toEqual(life);
  });

  test.each([
    ["ttlMs", { ttlMs: 0 }],
    ["ttlMs", { ttlMs: 1, expiresAtMs: NOW_MS + 1 }],
    ["expiresAtMs", { expiresAtMs: NOW_MS }],
    ["expiresAtMs", { expiresAtMs: NOW_MS - 1 }],
    ["expiresAtMs", { expiresAtMs: Number.NaN }],
    ["expiresAtMs", { expiresAtMs: Number.POSITIVE_INFINITY }],
    ["expiresAtMs", { expiresAtMs: new Date(NOW_MS + 1) as unknown as number }],
    ["expiresAtMs", { expiresAtMs: NOW_MS + 3_153_600_000_001 }],
  ])("refuses %s in %o", (option, options) => {
    expect(() => resolveLife(options, NOW_MS)).toThrow(InvalidOptionError);
    expect(() => resolveLife(options, NOW_MS)).toThrow(`Option "${option}`);
  });
});

describe.each([
  ["checkReadOptions", checkReadOptions, ["consistency", "onOutage"]],
  ["checkLifeOptions", checkLifeOptions, ["ttlMs", "expiresAtMs"]],
  ["checkWriteOptions", checkWriteOptions, ["ttlMs", "expiresAtMs", "ifRevision"]],
  ["checkCreateOptions", checkCreateOptions, ["ttlMs", "expiresAtMs", "user", "absoluteTtlMs"]],
] as const)("%s()", (_, check, known) => {
  test("takes what is known, and nothing", () => {
    expect(() => check(undefined)).not.toThrow();
    expect(() => check(Object.fromEntries(known.map((option) => [option, undefined])))).not.toThrow();
  });

  test.each(["ttl", "maxAge", "ifRevison", "consistent"])("refuses %s", (option) => {
    expect(() => check({ [option]: 1 })).toThrow(`Option "${option}" must be one of ${known.join(", ")}`);
  });
});

describe("onOutage", () => {
  test.each([
    { onOutage: "fail" },
    { onOutage: "serve-cached" },
    { onOutage: "serve-cached", consistency: "bounded" },
    { onOutage: "fail", consistency: "strong" },
  ] as const)("may be given as %o", (options) => {
    expect(() => checkReadOptions(options)).not.toThrow();
  });

  test.each([
    { onOutage: "serve" },
    { onOutage: null },
    { onOutage: true },
    { onOutage: "serve-cached", consistency: "strong" },
  ])("may not be given as %o", (options) => {
    expect(() => checkReadOptions(options as object)).toThrow('Option "onOutage" must be');
  });
});

describe("a user", () => {
  test.each(["a", "u".repeat(256), "é".repeat(42), "%".repeat(85), "a\nb"])("may be %o", (user) => {
    expect(() => checkCreateOptions({ user })).not.toThrow();
  });

  test.each([
    "",
    "u".repeat(257),
    "é".repeat(43),
    "%".repeat(86),
    "\ud800",
    1,
    null,
    {},
  ])("may not be %o", (user) => {
    expect(() => checkCreateOptions({ user: user as string })).toThrow('Option "user"');
  });
});

test.each([1, null, {}])("a revision may not be %o", (ifRevision) => {
  const options = { ifRevision: ifRevision as unknown as string };
  expect(() => checkWriteOptions(options)).toThrow('Option "ifRevision"');
});
