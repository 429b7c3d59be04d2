import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { RIGHTS } from "../src/cli/doctor/rights.js";
import { examine } from "../src/cli/doctor.js";
import { ClusteredRedisStore, RedisStore } from "../src/index.js";
import { ACCESS_KINDS, type AccessKind, DOCUMENTED_USER, documentedRules } from "./support/access.js";
import { eventually } from "./support/eventually.js";
import { useRawRedis } from "./support/raw-redis.js";

const redis = useRawRedis();
const { username, password } = DOCUMENTED_USER;
const RULES = documentedRules();
const GRANTS = RULES.filter((rule) => /^[~&]|^\+/.test(rule));

const CHANNEL = "session:cluster:invalidate";

async function setUser(rules: readonly string[]): Promise<void> {
  await redis.send("ACL", "DELUSER", username); // also ends its connections
  await redis.send("ACL", "SETUSER", username, ...rules);
  await redis.send("SCRIPT", "FLUSH");
}

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of items) found++;
  return found;
}

/** Everything that a store does, once. Rejects if anything fails. */
async function tour(): Promise<void> {
  const kind = ACCESS_KINDS[0] as AccessKind;
  const { client, close } = await kind.open({ at: { port: redis.port }, username, password });
  onTestFinished(close);
  const store = new ClusteredRedisStore<{ n: number }>({
    client,
    prefix: "sess:new:",
    legacy: { prefix: "sess:old:" },
    commandTimeoutMs: 900,
    cluster: { channel: CHANNEL, subscribeTimeoutMs: 1_000, maxStalenessMs: 1_000 },
  });
  onTestFinished(() => store.close());
  await store.start();
  if (!(await store.healthy())) throw new Error("not healthy");
  const { id } = await store.create({ n: 1 }, { user: "ann", absoluteTtlMs: 600_000, ttlMs: 10_000 });
  await store.get(id, { consistency: "strong" });
  await store.touch(id, { ttlMs: 60_000 });
  await store.update(id, ({ n }) => ({ n: n + 1 }));
  if ((await count(store.sessionsOf("ann"))) !== 1) throw new Error("not listed");
  await store.revoke(id);
  if ((await count(store.sessionsOf("ann"))) !== 0) throw new Error("still listed");
  await store.increment("a-counter", 1_000);
  await redis.send("SET", "sess:old:one", "{}", "PX", "10000");
  if ((await store.size()) !== 1) throw new Error("the session of the other store is not counted");
  await store.clear();
  const durability = { replicas: 1, timeoutMs: 10 };
  const durable = new RedisStore({ client, prefix: "sess:new:", channel: CHANNEL, durability });
  onTestFinished(() => durable.close());
  await expect(durable.delete(id)).rejects.toThrow("0 of 1 replicas"); // it has none
  const cluster = {
    channel: CHANNEL,
    subscribeTimeoutMs: 1_000,
    maxStalenessMs: 1_000,
    invalidation: "tracking" as const,
  };
  const tracking = new ClusteredRedisStore({ client, prefix: "sess:new:", commandTimeoutMs: 900, cluster });
  onTestFinished(() => tracking.close());
  await tracking.start();
}

const look = () =>
  examine({
    url: `redis://${username}:${password}@127.0.0.1:${redis.port}`,
    client: "redis",
    prefix: "sess:",
    channel: CHANNEL,
    partitions: undefined,
    pubsub: undefined,
    json: false,
  });

beforeEach(() => redis.send("FLUSHALL"));

test("the guide grants what the doctor tries, and nothing else", () => {
  const commands = RULES.filter((rule) => rule.startsWith("+")).map((rule) => rule.slice(1).toUpperCase());
  const tried = [...RIGHTS.map(({ name }) => name), "PUBLISH", "SUBSCRIBE"];
  expect(commands.sort()).toEqual(tried.sort());
});

describe("with all rights of the guide", () => {
  beforeAll(() => setUser(RULES));

  test("everything works", () => tour());

  test("the doctor finds nothing wrong, and leaves nothing behind", async () => {
    const findings = await look();
    expect(findings.filter(({ status }) => status === "problem")).toEqual([]);
    expect(findings).toContainEqual(expect.objectContaining({ check: "round trip", status: "ok" }));
    expect(await redis.send("KEYS", "*")).toEqual([]);
  });

  test("the doctor leaves a chain that nodes follow", async () => {
    const { client, close } = await (ACCESS_KINDS[0] as AccessKind).open({ at: { port: redis.port } });
    onTestFinished(close);
    const store = new ClusteredRedisStore<number>({ client, cluster: { channel: CHANNEL } });
    onTestFinished(() => store.close());
    await store.start();
    const { id } = await store.create(1);
    await store.get(id);
    await look();
    expect(store.peek(id)?.data).toBe(1);
    await store.get(id, { consistency: "strong" });
    expect(store.coordinator?.stats()).toMatchObject({
      chainBreaks: 0,
      skipped: { foreign: 0, malformed: 0 },
    });
  });
});

describe.each(GRANTS)("without %s", (grant) => {
  const isSilent = grant === "+info";

  test(isSilent ? "nothing fails" : "something fails", async () => {
    await setUser(RULES.filter((rule) => rule !== grant));
    if (isSilent) await tour();
    else await expect(tour()).rejects.toThrow();
  });

  test("the doctor says what to grant", async () => {
    await setUser(RULES.filter((rule) => rule !== grant));
    const findings = (await look()).filter(({ status }) => status !== "ok");
    const remedies = findings.map(({ remedy }) => remedy);
    const named = grant === "~sessionmesh:*" ? "~sessionmesh:generations:sess:" : grant;
    expect(remedies).toContain(`ACL SETUSER ${username} ${named}`);
    const isHarmless = ["+info", "+exists", "+scan", "+ping", "+wait", "+client|tracking"].includes(grant);
    expect(findings.some(({ status }) => status === "problem")).toBe(!isHarmless);
    await eventually(async () => (await redis.send("DBSIZE")) === 0); // what it cannot delete, it lets expire
  });
});
