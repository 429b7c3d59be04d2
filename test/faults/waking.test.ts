import { describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, startNode, type TestStore } from "../support/node.js";
import { ProcessNode } from "../support/process-node.js";
import { useRedis } from "../support/redis-server.js";
import { BOUND_MS, callsOf, proxyTo, shortCluster } from "../support/short-bound.js";

const QUESTIONS = 50;

describe.each(CURRENT_CLIENT_KINDS)("a process that sleeps through a revocation, on $name,", (kind) => {
  const redis = useRedis();
  let revoker: TestStore;
  let node: ProcessNode;
  /** A session that the process holds in memory. */
  let id: string;

  async function start(port: number): Promise<void> {
    const names = shortCluster();
    revoker = await startNode({ kind, port: redis.port, ...names });
    node = await ProcessNode.start({ kind, port, ...names });
    ({ id } = await revoker.create({ n: 1 }));
    await eventually(async () => {
      await node.call("get", id);
      return (await node.call("peek", id)) !== null;
    });
  }

  test("answers nobody with the session when it was stopped, whatever waits for it at its waking", async () => {
    const proxy = await proxyTo(redis.port);
    await start(proxy.port);
    const { id: asked } = await revoker.create({ n: 2 });
    const before = await callsOf(redis.port, "get");
    proxy.stall("toClient");
    const load = node.call("get", asked).catch((error: Error) => error.message); // Redis has replied before it is revoked
    await eventually(async () => (await callsOf(redis.port, "get")) > before);
    node.pause();
    const revocations = await Promise.all([revoker.revoke(id), revoker.revoke(asked)]);
    for (const revocation of revocations) {
      expect(revocation).toMatchObject({ acknowledged: false, nodes: 1 });
      expect(revocation.waitedMs).toBeGreaterThan(BOUND_MS);
    }
    const looks = Array.from({ length: QUESTIONS }, () => node.call("peek", id));
    const gets = Array.from({ length: QUESTIONS }, () => node.call("get", id).catch(() => null));
    node.resume(); // and nothing tells it what happened
    expect(new Set(await Promise.all([...looks, ...gets]))).toEqual(new Set([null]));
    proxy.resume();
    expect(await load).toMatch(/^StoreUnavailableError/);
    expect(await eventually(() => node.call("get", id))).toBeNull();
    expect(await eventually(() => node.call("get", asked))).toBeNull();
  });

  test("answers nobody with the session when its event loop was blocked", async () => {
    await start(redis.port);
    const firstLook = node.call("blockThenPeek", id, 3 * BOUND_MS);
    const revocation = await revoker.revoke(id);
    expect(revocation).toMatchObject({ acknowledged: false, nodes: 1 });
    const answers = Array.from({ length: QUESTIONS }, () => node.call("peek", id));
    expect(await firstLook).toBeNull();
    expect(new Set(await Promise.all(answers))).toEqual(new Set([null]));
    expect(await eventually(() => node.call("get", id))).toBeNull();
  });
});
