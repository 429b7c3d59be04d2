import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { DEFAULT_MAX_STALENESS_MS, SubscribeTimeoutError } from "../../src/index.js";
import { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { CLIENT_KINDS } from "../support/clients.js";
import { eventually } from "../support/eventually.js";
import { cached, clusterNames, leaseHeld, startNode, type TestStore } from "../support/node.js";
import { useRedis } from "../support/redis-server.js";

describe.each(CLIENT_KINDS)("a node whose subscription fails, on $name", (kind) => {
  const redis = useRedis();
  let proxy: TcpProxy;
  let names: ReturnType<typeof clusterNames>;
  let healthy: TestStore;
  /** Its commands go straight to Redis, its subscription passes the proxy. */
  let node: TestStore;

  beforeEach(async () => {
    proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    names = clusterNames();
    healthy = await startNode({ kind, port: redis.port, ...names });
    node = await startNode({ kind, port: redis.port, subscribePort: proxy.port, ...names });
  });

  test("serves nothing old when the subscription is cut while another node deletes", async () => {
    const { id } = await healthy.create({ n: 1 });
    await cached(node, id);
    proxy.refuse();
    proxy.cut();
    await eventually(() => node.coordinator?.lease.held === false);
    await healthy.delete(id);
    expect(await node.get(id)).toBeUndefined();
    proxy.accept();
    await leaseHeld(node);
    expect(await node.get(id)).toBeUndefined();
  });

  test("has forgotten, when the subscription is back, what changed meanwhile", async () => {
    const { id } = await healthy.create({ n: 1 });
    await cached(node, id);
    proxy.refuse();
    proxy.cut();
    await eventually(() => node.coordinator?.lease.held === false);
    await healthy.set(id, { n: 2 });
    proxy.accept();
    await leaseHeld(node);
    expect(node.peek(id)).toBeUndefined();
    expect((await node.get(id))?.data).toEqual({ n: 2 });
  });

  test("serves a deleted session no longer than the bound when the subscription stalls without any event", async () => {
    const { id } = await healthy.create({ n: 1 });
    await cached(node, id);
    proxy.stall();
    await healthy.delete(id);
    const deletedAtMs = performance.now();
    let lastServedAtMs = deletedAtMs;
    await eventually(async () => {
      const askedAtMs = performance.now();
      const session = await node.get(id);
      if (session !== undefined) lastServedAtMs = askedAtMs;
      return session === undefined;
    });
    expect(lastServedAtMs - deletedAtMs).toBeLessThan(DEFAULT_MAX_STALENESS_MS);
  });

  test("replaces a stalled subscription by itself", async () => {
    proxy.stall();
    await eventually(() => node.coordinator?.lease.held === false);
    proxy.resume();
    await eventually(() => (node.coordinator?.stats().subscriptions ?? 0) >= 2);
    await leaseHeld(node);
    const { id } = await node.create({ n: 1 });
    await cached(node, id);
    await healthy.set(id, { n: 2 });
    await eventually(() => node.peek(id) === undefined);
  });

  test("answers from Redis while it has no subscription", async () => {
    const { id } = await healthy.create({ n: 1 });
    proxy.refuse();
    proxy.cut();
    await eventually(() => node.coordinator?.lease.held === false);
    expect((await node.get(id))?.data).toEqual({ n: 1 });
    await node.set(id, { n: 2 });
    expect((await healthy.get(id, { consistency: "strong" }))?.data).toEqual({ n: 2 });
    expect(node.peek(id)).toBeUndefined();
  });

  test("start() rejects in time, and goes on trying", async () => {
    proxy.refuse();
    const options = { kind, port: redis.port, subscribePort: proxy.port, prefix: names.prefix, start: false };
    const late = await startNode({ ...options, cluster: { ...names.cluster, subscribeTimeoutMs: 300 } });
    await expect(late.start()).rejects.toThrow(SubscribeTimeoutError);
    const { id } = await late.create({ n: 1 });
    expect((await late.get(id))?.data).toEqual({ n: 1 });
    proxy.accept();
    await leaseHeld(late);
    await late.start();
    await cached(late, id);
  });
});
