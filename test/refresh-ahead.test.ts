import { expect, onTestFinished, test } from "vitest";
import { ClusteredRedisStore, RedisStore, StoreUnavailableError } from "../src/index.js";
import { ManualClock } from "../src/testing/index.js";
import { CLIENT_KINDS, type ClientKind } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { cached, clusterNames, startNode, type TestData } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";
import { callsOf, proxyTo } from "./support/short-bound.js";

const redis = useRedis();
const TTL_MS = 30_000;
/** What a copy's time is at least, by the clock of the test, and when the last fifth of it begins. */
const [LIFE_MS, OLD_MS] = [0.95 * TTL_MS, 0.8 * 0.95 * TTL_MS];
const WAIT_MS = TTL_MS / 30;

/** A node with a cache, and a clock that is moved by hand; without messages, since their times are real. */
async function makeNode(localCache: { refreshAhead?: boolean } = {}, port = redis.port) {
  const clock = new ManualClock();
  const { prefix } = clusterNames();
  const kind = CLIENT_KINDS[0] as ClientKind;
  const client = await kind.connect(port);
  onTestFinished(() => kind.close(client));
  const cluster = { enabled: false };
  const node = new ClusteredRedisStore<TestData>({
    client,
    prefix,
    clock,
    cluster,
    localCache: { ttlMs: TTL_MS, ...localCache },
  });
  onTestFinished(() => node.close());
  const other = new RedisStore<TestData>({ client, prefix });
  const refreshed = (count: number) => eventually(() => node.stats().refreshes === count);
  return { node, other, clock, prefix, refreshed };
}

test("a copy that is asked for in its last fifth is read again, and served meanwhile and after that", async () => {
  const { node, other, clock, refreshed } = await makeNode();
  const { id } = await node.create({ n: 1 });
  await other.set(id, { n: 2 });
  clock.advance(OLD_MS - 1);
  expect((await node.get(id))?.data.n).toBe(1);
  clock.advance(WAIT_MS + 1);
  expect(node.stats().refreshes).toBe(0); // it was too young when it was asked for
  expect((await node.get(id))?.data.n).toBe(1);
  clock.advance(WAIT_MS);
  await refreshed(1);
  expect((await node.get(id))?.data.n).toBe(2);
  clock.advance(OLD_MS - 1);
  expect(node.peek(id)?.data.n).toBe(2);
  expect(node.cacheStats().misses).toBe(0);
});

test("many are read by one command, and an unchanged one moves no data", async () => {
  const { node, clock, refreshed } = await makeNode();
  const sessions = await Promise.all(Array.from({ length: 31 }, (_, n) => node.create({ n })));
  const before = await callsOf(redis.port, "evalsha");
  const dataOf = (id: string) => node.peek(id)?.data;
  const data = sessions.map(({ id }) => dataOf(id));
  clock.advance(OLD_MS);
  for (const { id } of sessions) await node.get(id);
  clock.advance(WAIT_MS);
  await refreshed(31);
  expect((await callsOf(redis.port, "evalsha")) - before).toBe(1);
  for (const [n, { id }] of sessions.entries()) expect(dataOf(id)).toBe(data[n]);
});

test("a copy that nobody asks for is not", async () => {
  const { node, clock } = await makeNode();
  const { id } = await node.create({ n: 1 });
  clock.advance(LIFE_MS);
  expect(node.stats().refreshes).toBe(0);
  expect(node.peek(id)).toBeUndefined();
});

test("nor one that ends with its session, nor any if that is not wanted", async () => {
  const { node, clock } = await makeNode();
  const short = await node.create({ n: 1 }, { ttlMs: TTL_MS });
  const { node: unwilling, clock: itsClock } = await makeNode({ refreshAhead: false });
  const long = await unwilling.create({ n: 1 });
  for (const time of [clock, itsClock]) time.advance(OLD_MS);
  expect(await node.get(short.id)).toBeDefined();
  expect(await unwilling.get(long.id)).toBeDefined();
  const before = await callsOf(redis.port, "evalsha");
  for (const time of [clock, itsClock]) time.advance(WAIT_MS);
  expect(await node.get(short.id)).toBeDefined();
  expect(await unwilling.get(long.id)).toBeDefined();
  expect(await callsOf(redis.port, "evalsha")).toBe(before);
});

test("a session that is over by then goes, and one that was rotated is followed", async () => {
  const { node, other, clock, prefix } = await makeNode();
  const [over, rotated] = [await node.create({ n: 1 }), await node.create({ n: 2 })];
  await redisCommand(redis.port, "DEL", prefix + over.id);
  await other.rotate(rotated.id, "new-id", { graceMs: 60_000 });
  await other.set("new-id", { n: 3 });
  clock.advance(OLD_MS);
  for (const { id } of [over, rotated]) expect(await node.get(id)).toBeDefined();
  clock.advance(WAIT_MS);
  await eventually(() => node.peek(over.id) === undefined && node.peek(rotated.id) === undefined);
  await eventually(() => node.peek("new-id")?.data.n === 3);
  expect(await node.get(over.id)).toBeUndefined();
});

test("while Redis is away, the copy is served for the rest of its time, and not longer", async () => {
  const proxy = await proxyTo(redis.port);
  const { node, clock } = await makeNode({}, proxy.port);
  const { id } = await node.create({ n: 1 });
  proxy.refuse();
  proxy.cut();
  clock.advance(OLD_MS);
  await node.get(id);
  clock.advance(WAIT_MS);
  clock.advance(1_000); // the command's time
  expect((await node.get(id))?.data.n).toBe(1);
  clock.advance(LIFE_MS - OLD_MS);
  const late = node.get(id).catch((error) => error);
  clock.advance(1_000);
  expect(await late).toBeInstanceOf(StoreUnavailableError);
  expect(node.stats().refreshes).toBe(0);
});

test("nodes that read again hear of changes as ever", async () => {
  const names = clusterNames();
  const options = { port: redis.port, ...names, localCache: { ttlMs: 300 } };
  const [a, b] = [await startNode(options), await startNode(options)];
  const { id } = await a.create({ n: 0 });
  await cached(b, id);
  for (let n = 1; n <= 4; n++) {
    const before = b.stats().refreshes;
    const seen = new Set<number | undefined>();
    await eventually(async () => {
      seen.add((await b.get(id))?.data.n);
      return b.stats().refreshes > before;
    });
    expect([...seen]).toEqual([n - 1]);
    await a.set(id, { n });
    await eventually(async () => (await b.get(id))?.data.n === n);
  }
});
