import { describe, expect, test } from "vitest";
import { FLAGS, helpText, parseCommandLine, UsageError } from "./flags.js";
import { resolvePlan } from "./resolve.js";

const URL = { REDIS_URL: "redis://127.0.0.1:1" };
const plan = (...args: string[]) => resolvePlan(parseCommandLine(["migrate", ...args]).flags, URL);

test("the help names every flag", () => {
  for (const flag of Object.keys(FLAGS)) expect(helpText()).toContain(`--${flag}`);
});

test("what is left out has a default", () => {
  expect(plan("--to", "sessionmesh")).toEqual({
    to: "sessionmesh",
    fromPrefix: "sess:",
    prefix: "sess:",
    idPrefix: "",
    url: URL.REDIS_URL,
    client: undefined,
    ttlMs: 86_400_000,
    batch: 500,
    cursor: "0",
    dryRun: false,
  });
});

describe("refused, with what is wrong:", () => {
  test.each([
    [[], "--to is required"],
    [
      ["--to", "memcached"],
      '--to must be one of sessionmesh, connect-redis, koa-redis; received "memcached"',
    ],
    [["--to"], "--to"],
    [["--to", "sessionmesh", "--prefixes", "x"], "--prefixes"],
    [["--to", "sessionmesh", "now"], 'Unexpected argument "now"'],
    [["--to", "sessionmesh", "--batch", "0"], "--batch must be a whole number from 1 to 10000"],
    [["--to", "sessionmesh", "--batch", "many"], "--batch must be a whole number"],
    [["--to", "sessionmesh", "--batch", "10001"], "--batch must be a whole number"],
    [["--to", "sessionmesh", "--ttl-ms", "1.5"], "--ttl-ms must be a whole number"],
    [["--to", "sessionmesh", "--cursor", "end"], "--cursor must be one"],
    [["--to", "sessionmesh", "--client", "valkey"], "--client must be one of redis, ioredis"],
    [["--to", "sessionmesh", "--url", "http://example.com"], "--url must begin with redis://"],
    [["--to", "sessionmesh", "--prefix", "a\nb"], "--prefix must have no control characters"],
    [["--to", "sessionmesh", "--prefix", ""], "--id-prefix is required"],
    [["--to", "sessionmesh", "--from-prefix", ""], "--id-prefix is required"],
    [["--to", "sessionmesh", "--prefix", "", "--id-prefix", "a"], "--prefix must not be empty"],
    [["--to", "koa-redis", "--from-prefix", "", "--id-prefix", "koa:"], "--from-prefix must not be empty"],
    [
      ["--to", "sessionmesh", "--from-prefix", "s:", "--prefix", "s:new:"],
      "must not begin with --from-prefix",
    ],
  ])("%j: %s", (args, message) => {
    expect(() => plan(...args)).toThrow(UsageError);
    expect(() => plan(...args)).toThrow(message);
  });

  test("no server", () => {
    expect(() => resolvePlan({ to: "sessionmesh" }, {})).toThrow("--url is required");
  });
});
