import { describe, expect, onTestFinished, test } from "vitest";
import { StoreUnavailableError } from "../../src/index.js";
import { TcpProxy } from "../../src/testing/index.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, clusterNames, startNode, type TestStore } from "../support/node.js";
import { useRedis } from "../support/redis-server.js";

/** What changes a session, and whether there is one afterwards. */
const CHANGES: readonly [string, (store: TestStore, id: string) => Promise<unknown>, remains: boolean][] = [
  ["a write", (store, id) => store.set(id, { n: 2 }), true],
  ["a deletion", (store, id) => store.delete(id), false],
  ["a rotation", (store, id) => store.rotate(id, "new", { graceMs: 60_000 }), false],
];

describe.each(CURRENT_CLIENT_KINDS)("when a reply is lost, on $name,", (kind) => {
  const redis = useRedis();

  test.each(CHANGES)("memory does not go on with what %s has changed", async (_, change, remains) => {
    const proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    // Without the cluster no message comes that would drop the copy: the one who writes must.
    const options = { kind, prefix: clusterNames().prefix, cluster: { enabled: false } };
    const witness = await startNode({ ...options, port: redis.port });
    const store = await startNode({ ...options, port: proxy.port, commandTimeoutMs: 500 });
    await change(witness, "warm-up: the server knows the script now");
    const { id } = await witness.create({ n: 1 });
    await cached(store, id);

    proxy.stall("toClient");
    await expect(change(store, id)).rejects.toThrow(StoreUnavailableError);
    expect(store.peek(id)).toBeUndefined();
    const strongly = { consistency: "strong" } as const;
    await eventually(async () => {
      expect((await witness.get(id, strongly))?.data).toEqual(remains ? { n: 2 } : undefined);
    });
    proxy.resume();
    await eventually(async () => {
      expect((await store.get(id))?.data).toEqual(remains ? { n: 2 } : undefined);
    });
  });
});
