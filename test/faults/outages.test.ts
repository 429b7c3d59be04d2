import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.js";
import { StoreUnavailableError } from "../../src/index.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, leaseHeld, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import { useRedis } from "../support/redis-server.js";
import { BOUND_MS, proxyTo, Questioner, shortCluster } from "../support/short-bound.js";

const HOUR_MS = 3_600_000;

describe.each(CURRENT_CLIENT_KINDS)("two nodes on $name", (kind) => {
  const redis = useRedis();
  const command = (...words: string[]) => redisCommand(redis.port, ...words);
  let options: Parameters<typeof startNode>[0];
  let channel: string;
  let writer: TestStore;
  let node: TestStore;
  /** One session, cached on `node`. */
  let id: string;

  beforeEach(async () => {
    const names = shortCluster();
    ({ channel } = names.cluster);
    options = { kind, port: redis.port, ...names };
    writer = await startNode(options);
    node = await startNode(options);
    ({ id } = await writer.create({ n: 1 }));
    await cached(node, id);
  });

  test("whose command connections are closed by Redis write on, and miss nothing", async () => {
    await command("CLIENT", "KILL", "TYPE", "normal");
    await eventually(() => writer.update(id, () => ({ n: 2 })));
    await eventually(async () => (await node.get(id))?.data.n === 2);
    for (const { coordinator } of [writer, node])
      expect(coordinator?.stats()).toMatchObject({ subscriptions: 1, chainBreaks: 0 });
  });

  test.each([
    "normal",
    "pubsub",
  ])("whose %s connections are closed during a revocation keep what it promises", async (type) => {
    const asked = new Questioner(node, id);
    await command("HSET", `sessionmesh:meta:${channel}`, "n:dead", "1"); // so that it takes until the bound
    const revocation = writer.revoke(id);
    await eventually(() => node.peek(id) === undefined);
    await command("CLIENT", "KILL", "TYPE", type);
    expect(await revocation).toMatchObject({ acknowledged: false, nodes: 2 });
    const revokedAtMs = performance.now();
    await Promise.all([leaseHeld(writer), leaseHeld(node)]);
    expect(await eventually(() => node.get(id))).toBeUndefined();
    expect(asked.lastServedAtMs).toBeLessThan(revokedAtMs);
  });

  test("lose the lease and not their memory while Redis is busy, and hear of what it carries out late", async () => {
    const { id: other } = await writer.create({ n: 2 });
    await cached(node, other);
    const busyMs = 2 * BOUND_MS;
    const micros = "(function() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end)()";
    const lua = `"local start = ${micros} while ${micros} - start < ${busyMs * 1_000} do end"`;
    const busy = command("EVAL", lua, "0");
    await expect(eventually(() => writer.healthy().then((healthy) => !healthy))).resolves.toBe(true);
    const deletion = writer.delete(id);
    await expect(deletion).rejects.toThrow("no reply within");
    await eventually(() => node.coordinator?.lease.held === false);
    expect(node.peek(id)).toBeUndefined();
    expect(node.peek(other)).toBeUndefined();
    await busy;
    await leaseHeld(node);
    await eventually(() => node.peek(other) !== undefined); // held all the while
    expect(await node.get(id)).toBeUndefined();
    expect(node.coordinator?.stats()).toMatchObject({ subscriptions: 1, chainBreaks: 0 });
  });

  test("one of which is dropped by Redis since it does not read goes on with another subscription", async () => {
    const subscription = await proxyTo(redis.port);
    const slow = await startNode({ ...options, subscribePort: subscription.port });
    await cached(slow, id);
    const privateChannel = `${channel}:${slow.coordinator?.nodeId}`;
    await command("CONFIG", "SET", "client-output-buffer-limit", '"pubsub 65536 0 0"');
    onTestFinished(async () => {
      await command("CONFIG", "SET", "client-output-buffer-limit", '"pubsub 33554432 8388608 60"');
    });
    subscription.stall();
    await command("EVAL", `"redis.call('PUBLISH', KEYS[1], string.rep('x', 1000000))"`, "1", privateChannel);
    await eventually(async () => (await command("PUBSUB", "NUMSUB", privateChannel)).includes(":0"));
    await writer.delete(id);
    const deletedAtMs = performance.now();
    const asked = new Questioner(slow, id);
    await eventually(() => performance.now() > deletedAtMs + 2 * BOUND_MS);
    expect(asked.lastServedAtMs).toBeLessThan(deletedAtMs + BOUND_MS);
    subscription.resume();
    await leaseHeld(slow);
    expect(slow.coordinator?.stats().subscriptions).toBeGreaterThan(1);
    expect(await slow.get(id)).toBeUndefined();
  });

  test.each([
    ["forward", HOUR_MS],
    ["back", -HOUR_MS],
  ])("one of whose wall clocks is set %s subscribe anew at most, and serve nothing old", async (_, stepMs) => {
    let aheadMs = 0;
    const clock = { ...systemClock, wallNow: () => systemClock.wallNow() + aheadMs };
    const stepped = await startNode({ ...options, clock });
    await cached(stepped, id);
    aheadMs = stepMs;
    await writer.set(id, { n: 2 });
    await eventually(async () => (await stepped.get(id))?.data.n === 2);
    await eventually(() => stepped.coordinator?.stats().subscriptions === 2);
    await leaseHeld(stepped);
    await cached(stepped, id);
    expect(stepped.peek(id)?.data).toEqual({ n: 2 });
    expect(await writer.delete(id)).toBe(true);
    await eventually(async () => (await stepped.get(id)) === undefined);
    expect(stepped.coordinator?.stats().subscriptions).toBe(2);
  });
});

describe.each(CURRENT_CLIENT_KINDS)("nodes on $name whose Redis sleeps", (kind) => {
  const redis = useRedis({ args: ["--enable-debug-command", "local"] });

  test("for longer than the bound serve nothing old, say that they cannot read, and miss nothing afterwards", async () => {
    const options = { kind, port: redis.port, ...shortCluster() };
    const writer = await startNode(options);
    const node = await startNode(options);
    const { id } = await writer.create({ n: 1 });
    const { id: other } = await writer.create({ n: 2 });
    for (const one of [id, other]) await cached(node, one);
    const asked = new Questioner(node, id);
    const asleep = redisCommand(redis.port, "DEBUG", "SLEEP", String((3 * BOUND_MS) / 1_000));
    await eventually(async () => !(await writer.healthy()));
    const write = writer.update(id, () => ({ n: 2 })).catch((error) => error); // carried out when it wakes, if at all
    await eventually(() => node.coordinator?.lease.held === false);
    expect(node.peek(id)).toBeUndefined();
    await expect(node.get(id)).rejects.toThrow(StoreUnavailableError);
    expect(await write).toBeInstanceOf(StoreUnavailableError);
    const sleptAtMs = performance.now();
    expect(asked.lastServedAtMs).toBeLessThan(sleptAtMs);
    expect(await asleep).toContain("OK");
    await Promise.all([leaseHeld(writer), leaseHeld(node)]);
    await eventually(() => writer.set(id, { n: 3 }));
    await eventually(async () => (await node.get(id))?.data.n === 3);
    expect((await node.get(other))?.data).toEqual({ n: 2 });
    for (const { coordinator } of [writer, node])
      expect(coordinator?.stats()).toMatchObject({ chainBreaks: 0 });
  });
});
