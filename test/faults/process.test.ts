import { beforeEach, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.js";
import { clusterNames } from "../support/node.js";
import { ProcessNode } from "../support/process-node.js";
import { useRedis } from "../support/redis-server.js";

const MAX_STALENESS_MS = 1_500;

describe("nodes in processes of their own", () => {
  const redis = useRedis();
  let a: ProcessNode;
  let b: ProcessNode;
  let c: ProcessNode;

  beforeEach(async () => {
    const { prefix, cluster } = clusterNames();
    const options = { url: redis.url, prefix, cluster: { ...cluster, maxStalenessMs: MAX_STALENESS_MS } };
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
