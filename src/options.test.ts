import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "./errors.js";
import * as options from "./options.js";

const NOT_COUNTS = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "1", 1n, null, undefined, {}];

interface Rule {
  rule: (option: string, value: unknown) => void;
  good: unknown[];
  bad: unknown[];
  /** What it says of a bad value. */
  says: string;
}

const RULES: Rule[] = [
  {
    rule: options.requirePositiveInteger,
    good: [1, 1_000, Number.MAX_SAFE_INTEGER],
    bad: NOT_COUNTS,
    says: "a whole number of at least 1",
  },
  {
    rule: options.requireTtlMs,
    good: [1, 3_153_600_000_000],
    bad: NOT_COUNTS,
    says: "a whole number of at least 1",
  },
  { rule: options.requireTtlMs, good: [], bad: [3_153_600_000_001], says: "at most 3153600000000 ms" },
  {
    rule: options.requireDelayMs,
    good: [1, 2_147_483_647],
    bad: NOT_COUNTS,
    says: "a whole number of at least 1",
  },
  { rule: options.requireDelayMs, good: [], bad: [2_147_483_648], says: "at most 2147483647 ms" },
  {
    rule: options.requireGraceMs,
    good: [0, 1, 3_600_000],
    bad: [-1, 0.5, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, "1", null, undefined],
    says: "a whole number of 0 to 3600000 ms (one hour)",
  },
  {
    rule: options.requireName,
    good: ["a", "sess:", "*", " ", "é 日本"],
    bad: ["", "a\nb", "\0", "\u007f", "a\ud800", 1, null, undefined, ["a"]],
    says: "a non-empty string",
  },
  {
    rule: (option: string, value: unknown) => options.requireMethods(option, value, ["now", "schedule"]),
    good: [{ now() {}, schedule() {} }],
    bad: [undefined, null, "now", {}, { now() {} }, { now() {}, schedule: 1 }],
    says: "an object with now(), schedule()",
  },
  {
    rule: options.requireBoolean,
    good: [true, false],
    bad: ["true", 1, 0, null, undefined],
    says: "true or false",
  },
];

describe.each(RULES)("$rule.name: $says", ({ rule, good, bad, says }) => {
  test.each(good)("takes %o", (value) => {
    expect(() => rule("an.option", value)).not.toThrow();
  });

  test.each(bad)("refuses %o", (value) => {
    expect(() => rule("an.option", value)).toThrow(InvalidOptionError);
    expect(() => rule("an.option", value)).toThrow(says);
    expect(() => rule("an.option", value)).toThrow('Option "an.option"');
  });
});

describe("requireKnownOptions", () => {
  const check = (given: object) => () => options.requireKnownOptions("cache.", given, ["ttlMs", "maxBytes"]);

  test("takes what is known, whatever its value", () => {
    expect(check({})).not.toThrow();
    expect(check({ ttlMs: undefined, maxBytes: "x" })).not.toThrow();
  });

  test.each(["ttl", "TTLMS", "", "toString", "__proto__ "])("refuses %o", (option) => {
    expect(check({ ttlMs: 1, [option]: 2 })).toThrow(InvalidOptionError);
    expect(check({ ttlMs: 1, [option]: 2 })).toThrow(
      `Option "cache.${option}" must be one of ttlMs, maxBytes; received 2.`,
    );
  });
});

test("the defaults keep their own rules", () => {
  const { DEFAULT_PREFIX, DEFAULT_CHANNEL, DEFAULT_TTL_MS, DEFAULT_MAX_PENDING_COMMANDS } = options;
  options.requireName("prefix", DEFAULT_PREFIX);
  options.requireName("channel", DEFAULT_CHANNEL);
  options.requireTtlMs("ttlMs", DEFAULT_TTL_MS);
  options.requirePositiveInteger("maxPendingCommands", DEFAULT_MAX_PENDING_COMMANDS);
  options.requirePositiveInteger("maxConcurrentLoads", options.DEFAULT_MAX_CONCURRENT_LOADS);
  options.requireDelayMs("commandTimeoutMs", options.DEFAULT_COMMAND_TIMEOUT_MS);
  options.requireDelayMs("subscribeTimeoutMs", options.DEFAULT_SUBSCRIBE_TIMEOUT_MS);
  options.requireDelayMs("maxStalenessMs", options.DEFAULT_MAX_STALENESS_MS);
  options.requirePositiveInteger("localCache.ttlMs", options.DEFAULT_CACHE_TTL_MS);
  options.requirePositiveInteger("localCache.maxEntries", options.DEFAULT_CACHE_MAX_ENTRIES);
  options.requirePositiveInteger("localCache.maxBytes", options.DEFAULT_CACHE_MAX_BYTES);
  expect(options.DEFAULT_COMMAND_TIMEOUT_MS).toBeLessThan(options.DEFAULT_MAX_STALENESS_MS);
});
