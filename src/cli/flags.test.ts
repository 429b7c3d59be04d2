import { describe, expect, test } from "vitest";
import { FLAGS, helpText, parseCommandLine, UsageError } from "./flags.js";
import { resolveExamination, resolvePlan } from "./resolve.js";
import { parseUnixUrl } from "./unix-url.js";

const URL = { REDIS_URL: "redis://127.0.0.1:1" };
function plan(...args: string[]) {
  const line = parseCommandLine(["migrate", ...args]);
  return line.command === "migrate" && resolvePlan(line.flags, URL);
}
function examination(...args: string[]) {
  const line = parseCommandLine(["doctor", ...args]);
  return line.command === "doctor" && resolveExamination(line.flags, URL);
}

test.each(["migrate", "doctor"] as const)("the help of %s names every flag", (command) => {
  for (const flag of Object.keys(FLAGS[command])) expect(helpText(command)).toContain(`--${flag}`);
  expect(helpText()).toContain(helpText(command));
});

test("flags may come before the command", () => {
  expect(parseCommandLine(["--prefix", "migrate", "doctor", "--json"])).toEqual({
    command: "doctor",
    flags: { prefix: "migrate", json: true },
  });
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

test("the URL of a socket names a file, and may name a user and a database", () => {
  expect(parseUnixUrl("unix:///run/redis.sock")).toEqual({ path: "/run/redis.sock", database: 0 });
  expect(parseUnixUrl("unix://ann:a%2Fb@/run/my%20redis.sock?db=3")).toEqual({
    path: "/run/my redis.sock",
    username: "ann",
    password: "a/b",
    database: 3,
  });
  for (const url of ["redis://host", "unix://host/run", "unix:///run?database=1"]) {
    expect(parseUnixUrl(url)).toBeUndefined();
  }
});

test("what doctor is not told has a default", () => {
  expect(examination()).toEqual({
    url: URL.REDIS_URL,
    client: undefined,
    prefix: "sess:",
    channel: "session:cluster:invalidate",
    partitions: undefined,
    pubsub: undefined,
    json: false,
  });
  expect(examination("--partitions", "8", "--pubsub", "plain")).toMatchObject({
    partitions: 8,
    pubsub: "plain",
  });
  expect(examination("--url", "unix:///run/redis.sock?db=2", "--channel", "app")).toMatchObject({
    url: "unix:///run/redis.sock?db=2",
    channel: "app",
  });
});

describe("refused for doctor, with what is wrong:", () => {
  test.each([
    [["--prefix", ""], "--prefix must not be empty"],
    [["--prefix", "a\nb"], "--prefix must have no control characters"],
    [["--channel", ""], "--channel must not be empty"],
    [["--channel", "a\tb"], "--channel must have no control characters"],
    [["--url", "localhost:6379"], "--url must begin with redis://, rediss:// or unix://"],
    [["--url", "unix://redis.sock"], "--url is no URL"],
    [["--url", "redis://a:b:c"], "--url is no URL"],
    [["--partitions", "257"], "--partitions must be a whole number from 1 to 256"],
    [["--pubsub", "shard"], "--pubsub must be one of sharded, plain"],
    [["--client", "valkey"], "--client must be one of redis, ioredis"],
    [["--to", "sessionmesh"], "--to"],
    [["now"], 'Unexpected argument "now"'],
  ])("%j: %s", (args, message) => {
    expect(() => examination(...args)).toThrow(UsageError);
    expect(() => examination(...args)).toThrow(message);
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
