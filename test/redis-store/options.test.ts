import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { ClusterCoordinator, ClusteredRedisStore, InvalidOptionError, RedisStore } from "../../src/index.js";

const client = createClient(); // not connected: options are checked before anything is opened
const target = { changed: () => {}, deleted: () => {}, flush: () => {} };

const NOT_POSITIVE = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1000", null];
const NOT_A_DELAY = [...NOT_POSITIVE, 2_147_483_648];
const NOT_A_TTL = [...NOT_POSITIVE, 3_153_600_000_001];
const NOT_A_NAME = ["", "a\nb", "\0", "a\ud800", 1, null];
const NOT_A_BOOLEAN = ["false", 0, null];

/** Each option with the values that break its rule. */
type Rules = Readonly<Record<string, readonly unknown[]>>;

const NOT_A_LEGACY: Rules = {
  legacy: [null, "old:", true],
  "legacy.prefix": [...NOT_A_NAME.filter((name) => name !== ""), "sess:old:"],
  "legacy.format": ["yaml", null, {}, { decode: "JSON" }, 1],
  "legacy.codec": [{}],
};

const BREAKER: Rules = {
  "breaker.enabled": NOT_A_BOOLEAN,
  "breaker.threshold": NOT_POSITIVE,
  "breaker.halfOpenAfterMs": NOT_A_DELAY,
  "breaker.failures": [5],
};

const DURABILITY: Rules = {
  durability: [null, true, 1],
  "durability.replicas": NOT_POSITIVE,
  "durability.replica": [1],
};

const REDIS_STORE: Rules = {
  prefix: NOT_A_NAME,
  ttlMs: NOT_A_TTL,
  commandTimeoutMs: NOT_A_DELAY,
  maxPendingCommands: NOT_POSITIVE,
  maxConcurrentLoads: NOT_POSITIVE,
  ...BREAKER,
  ...DURABILITY,
  channel: NOT_A_NAME.filter((name) => name !== null), // null stands for none
  nodeId: NOT_A_NAME,
  ...NOT_A_LEGACY,
  maxPendingCommand: [1],
};

const CLUSTER: Rules = {
  "cluster.nodeId": NOT_A_NAME,
  "cluster.channel": NOT_A_NAME,
  "cluster.subscribeTimeoutMs": NOT_A_DELAY,
  "cluster.maxStalenessMs": NOT_A_DELAY,
};

const CLUSTERED_REDIS_STORE: Rules = {
  ...CLUSTER,
  ...NOT_A_LEGACY,
  prefix: NOT_A_NAME,
  ttlMs: NOT_A_TTL,
  commandTimeoutMs: [...NOT_A_DELAY, 2_000, 2_001],
  maxPendingCommands: NOT_POSITIVE,
  maxConcurrentLoads: NOT_POSITIVE,
  ...BREAKER,
  ...DURABILITY,
  onOutage: ["", "serve", true, null],
  outageGraceMs: NOT_POSITIVE,
  "cluster.enabled": NOT_A_BOOLEAN,
  "cluster.stalenessMs": [1_000],
  "localCache.enabled": NOT_A_BOOLEAN,
  "localCache.ttlMs": NOT_POSITIVE,
  "localCache.maxEntries": NOT_POSITIVE,
  "localCache.maxBytes": NOT_POSITIVE,
  "localCache.max": [1],
  channel: ["a"],
  nodeId: ["a"],
  cache: [{}],
};

const COORDINATOR: Rules = {
  prefix: NOT_A_NAME,
  "cluster.nodeId": NOT_A_NAME,
  "cluster.channel": NOT_A_NAME,
  "cluster.subscribeTimeoutMs": NOT_A_DELAY,
  "cluster.maxStalenessMs": NOT_A_DELAY,
  commandTimeoutMs: NOT_A_DELAY,
};

/** `{ cluster: { nodeId: value } }` for the option `cluster.nodeId`. */
function nested(option: string, value: unknown): Record<string, unknown> {
  const [name = "", inner] = option.split(".");
  return { [name]: inner === undefined ? value : { [inner]: value } };
}

function refuses(rules: Rules, construct: (option: string, value: unknown) => unknown): void {
  const rows = Object.entries(rules).flatMap(([option, values]) =>
    values.map((value) => [option, value] as const),
  );
  test.each(rows)("refuses %s: %o", (option, value) => {
    expect(() => construct(option, value)).toThrow(InvalidOptionError);
    expect(() => construct(option, value)).toThrow(`Option "${option}" must be `);
  });
}

describe("RedisStore", () => {
  refuses(REDIS_STORE, (option, value) => new RedisStore({ client, ...nested(option, value) }));

  test("takes a breaker that is switched off, and one with other limits", () => {
    new RedisStore({ client, breaker: { enabled: false } });
    new RedisStore({ client, breaker: { threshold: 1, halfOpenAfterMs: 1 } });
  });

  test.each([
    ...NOT_A_DELAY,
    undefined,
    900,
    901,
  ])("refuses to wait for replicas for so long: %o", (timeoutMs) => {
    const durability = { replicas: 1, timeoutMs: timeoutMs as number };
    const construct = () => new RedisStore({ client, commandTimeoutMs: 900, durability });
    expect(construct).toThrow('Option "durability.timeoutMs" must be ');
  });

  test("takes a wait for replicas that is just shorter than a command may take", () => {
    new RedisStore({ client, commandTimeoutMs: 900, durability: { replicas: 2, timeoutMs: 899 } });
  });

  test("takes null as channel", () => {
    new RedisStore({ client, channel: null });
  });

  test.each([
    {},
    { prefix: "" },
    { prefix: "sess:" },
    { prefix: "ses" },
    { format: "json" } as const,
  ])("takes sessions of another store: %o", (legacy) => {
    new RedisStore({ client, legacy });
    new RedisStore({ client, legacy: { ...legacy, format: { decode: JSON.parse } } });
  });
});

describe("ClusteredRedisStore", () => {
  refuses(CLUSTERED_REDIS_STORE, (option, value) => {
    return new ClusteredRedisStore({ client, ...nested(option, value) });
  });

  test.each(["fail", "serve-cached"] as const)("takes %s as policy for an outage", (onOutage) => {
    new ClusteredRedisStore({ client, onOutage, outageGraceMs: 1 });
  });

  test("takes a command time-out that is just shorter than the bound on staleness", () => {
    new ClusteredRedisStore({ client, commandTimeoutMs: 1_999 });
    new ClusteredRedisStore({ client, commandTimeoutMs: 5_000, cluster: { maxStalenessMs: 5_001 } });
  });

  test.each([
    "cluster",
    "localCache",
  ])("takes any command time-out if %s is off: nothing has a bound then", (off) => {
    new ClusteredRedisStore({ client, commandTimeoutMs: 60_000, [off]: { enabled: false } });
  });
});

describe("ClusteredRedisStore without its cluster checks the cluster's options all the same, and", () => {
  refuses(CLUSTER, (option, value) => {
    const { cluster } = nested(option, value) as { cluster: object };
    return new ClusteredRedisStore({ client, cluster: { enabled: false, ...cluster } });
  });
});

describe("ClusterCoordinator", () => {
  refuses(COORDINATOR, (option, value) => {
    const name = option.replace("cluster.", "");
    return new ClusterCoordinator({ client, target, [name]: value });
  });
});
