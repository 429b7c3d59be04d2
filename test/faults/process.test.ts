import { beforeEach, describe, expect, test } from "vitest";
import type { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "../support/node.js";
import { ProcessNode } from "../support/process-node.js";
import { useRedis } from "../support/redis-server.js";
import { BOUND_MS, proxyTo, shortCluster } from "../support/short-bound.js";

const MAX_STALENESS_MS = 1_500;

describe.each(CURRENT_CLIENT_KINDS)("nodes in processes of their own, on $name,", (kind) => {
  const redis = useRedis();
  let a: ProcessNode;
  let b: ProcessNode;
  let c: ProcessNode;

  beforeEach(async () => {
    const { prefix, cluster } = clusterNames();
    const options = {
      kind,
      port: redis.port,
      prefix,
      cluster: { ...cluster, maxStalenessMs: MAX_STALENESS_MS },
    };
    [a, b, c] = await Promise.all([
      ProcessNode.start(options),
      ProcessNode.start(options),
      ProcessNode.start(options),
    ]);
  });

  /** A session that all three hold in memory. */
  async function shared(): Promise<unknown> {
    const id = await a.call("create", { n: 1 });
    for (const node of [a, b, c]) {
      await eventually(async () => {
        await node.call("get", id);
        return (await node.call("peek", id)) !== null;
      });
    }
    return id;
  }

  test("see each other's writes and deletions", async () => {
    const id = await shared();
    await b.call("set", id, { n: 2 });
    for (const node of [a, c])
      await eventually(async () => ((await node.call("get", id)) as { n: number }).n === 2);
    await c.call("delete", id);
    for (const node of [a, b]) await eventually(async () => (await node.call("get", id)) === null);
  });

  test("lose no update of each other's", async () => {
    const id = await shared();
    const counters = [a, b, c].map(async (node) => {
      for (let i = 0; i < 10; ) {
        // a conflict that outlives all attempts is the caller's to handle
        const updated = await node.call("update", id).catch(() => undefined);
        if (updated !== undefined) i++;
      }
    });
    await Promise.all(counters);
    await eventually(async () => ((await b.call("get", id)) as { n: number }).n === 31);
  });

  test("that were stopped for longer than the bound serve nothing old when they wake", async () => {
    const id = await shared();
    b.pause();
    await a.call("delete", id);
    const deletedAtMs = performance.now();
    await eventually(() => performance.now() > deletedAtMs + MAX_STALENESS_MS);
    const answer = b.call("peek", id); // waits in the pipe: the first thing that the process finds
    b.resume();
    expect(await answer).toBeNull();
    expect(await b.call("get", id)).toBeNull();
  });

  test("whose event loop was blocked for longer than the bound do not trust their memory", async () => {
    const id = await shared();
    expect(await b.call("blockThenPeek", id, MAX_STALENESS_MS + 100)).toBeNull();
    await eventually(async () => {
      await b.call("get", id);
      return (await b.call("peek", id)) !== null;
    });
  });
});

describe.each(CURRENT_CLIENT_KINDS)("a node in a process behind proxies, on $name,", (kind) => {
  const redis = useRedis();
  let commands: TcpProxy;
  let messages: TcpProxy;
  let writer: ProcessNode;
  let node: ProcessNode;
  /** One session, that both hold in memory. */
  let id: unknown;

  beforeEach(async () => {
    [commands, messages] = await Promise.all([proxyTo(redis.port), proxyTo(redis.port)]);
    const options = { kind, ...shortCluster() };
    const ways = { port: commands.port, subscribePort: messages.port };
    [writer, node] = await Promise.all([
      ProcessNode.start({ ...options, port: redis.port }),
      ProcessNode.start({ ...options, ...ways }),
    ]);
    id = await writer.call("create", { n: 1 });
    for (const one of [writer, node]) await cachedBy(one);
  });

  async function cachedBy(one: ProcessNode): Promise<void> {
    await eventually(async () => {
      await one.call("get", id);
      return (await one.call("peek", id)) !== null;
    });
  }

  /** Memory answers with the old value for the bound at most, and with none after that; nothing else is asked of Redis. */
  async function expectForgotten(sinceMs: number): Promise<void> {
    let lastServedAtMs = sinceMs;
    await eventually(async () => {
      const askedAtMs = performance.now();
      const served = (await node.call("peek", id)) as { n: number } | null;
      if (served?.n === 1) lastServedAtMs = askedAtMs;
      return served === null;
    });
    expect(lastServedAtMs - sinceMs).toBeLessThan(BOUND_MS);
  }

  /** What it answers with when all is well again is what is in Redis, and it hears of changes. */
  async function expectWell(n: number): Promise<void> {
    await eventually(async () => ((await node.call("get", id)) as { n: number } | null)?.n === n);
    await eventually(async () => await node.call("leaseHeld"));
    await cachedBy(node);
    await writer.call("set", id, { n: n + 1 });
    await eventually(async () => ((await node.call("peek", id)) as { n: number } | null)?.n !== n);
  }

  test("serves nothing old when its subscription is cut", async () => {
    messages.refuse();
    messages.cut();
    await eventually(async () => !(await node.call("leaseHeld")));
    await writer.call("set", id, { n: 2 });
    expect(await node.call("peek", id)).toBeNull();
    expect(await node.call("get", id)).toEqual({ n: 2 }); // from Redis
    messages.accept();
    await expectWell(2);
  });

  test.each([
    ["stalls", "both"],
    ["is half open: what Redis sends is lost", "toClient"],
    ["is half open: what the node sends is lost", "toServer"],
  ] as const)("serves nothing old for longer than the bound when its subscription %s", async (_, direction) => {
    messages.stall(direction);
    await writer.call("set", id, { n: 2 });
    if (direction === "toServer")
      await eventually(async () => (await node.call("peek", id)) === null); // it hears as before
    else await expectForgotten(performance.now());
    if (direction !== "both") messages.cut(); // what was held never arrives
    messages.resume();
    await expectWell(2);
  });

  test("serves nothing old for longer than the bound when both its ways stall, and refuses to read", async () => {
    commands.stall();
    messages.stall();
    await writer.call("set", id, { n: 2 });
    await expectForgotten(performance.now());
    await expect(node.call("get", id)).rejects.toThrow("StoreUnavailableError");
    commands.resume();
    messages.resume();
    await expectWell(2);
  });

  test("answers from memory, and refuses what needs Redis, while its commands stall; no longer than the bound", async () => {
    commands.stall();
    await writer.call("set", id, { n: 2 });
    await eventually(async () => (await node.call("peek", id)) === null); // told through the subscription
    await eventually(async () => !(await node.call("leaseHeld")));
    await expect(node.call("get", id)).rejects.toThrow("StoreUnavailableError");
    commands.resume();
    await expectWell(2);
  });

  test("is waited for by a revocation while it stands still, and serves nothing of it when it wakes under load", async () => {
    const asked = Array.from({ length: 50 }, () => undefined);
    node.pause();
    const revocation = (await writer.call("revoke", id)) as { acknowledged: boolean; nodes: number };
    expect(revocation).toMatchObject({ acknowledged: false, nodes: 1 });
    // wait in the pipe: the first that the process finds
    const answers = asked.flatMap(() => [node.call("peek", id), node.call("get", id)]);
    node.resume();
    for (const answer of answers) expect(await answer).toBeNull();
    await eventually(async () => await node.call("leaseHeld"));
    expect(await node.call("get", id)).toBeNull();
  });

  test("is taken out of the registry once when its process is killed", async () => {
    node.kill();
    expect(await writer.call("revoke", id)).toMatchObject({ acknowledged: false, nodes: 1 });
    await eventually(async () => {
      expect(await writer.call("revoke", "another")).toMatchObject({ acknowledged: true, nodes: 0 });
    });
  });
});
