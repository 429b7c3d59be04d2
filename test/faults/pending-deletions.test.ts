import { expect, onTestFinished, test } from "vitest";
import { StoreUnavailableError } from "../../src/index.js";
import { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, clusterNames, startNode } from "../support/node.js";
import { useRedis } from "../support/redis-server.js";

const SHORT_MS = 200;
const HOUR_MS = 3_600_000;

const redis = useRedis();

async function twoNodes(kind: (typeof CURRENT_CLIENT_KINDS)[number], warnings: string[] = []) {
  const proxy = await TcpProxy.start({ targetPort: redis.port });
  onTestFinished(() => proxy.close());
  const names = clusterNames();
  const logger = { debug() {}, info() {}, warn: (text: string) => void warnings.push(text), error() {} };
  // Neither the life of most sessions nor that of a tombstone says how long those live that are told so.
  const options = {
    ...names,
    kind,
    ttlMs: SHORT_MS,
    tombstoneTtlMs: SHORT_MS,
    commandTimeoutMs: 500,
    logger,
  };
  const [cut, whole] = await Promise.all([
    startNode({ ...options, port: proxy.port }),
    startNode({ ...options, port: redis.port }),
  ]);
  return { proxy, cut, whole };
}

async function loseRedis(proxy: TcpProxy): Promise<void> {
  proxy.refuse();
  proxy.cut();
}

test.each(
  CURRENT_CLIENT_KINDS,
)("with $name, a deletion is sent again for as long as its session may live, however short others do", async (kind) => {
  const { proxy, cut, whole } = await twoNodes(kind);
  const { id } = await cut.create({ n: 1 }, { ttlMs: HOUR_MS });
  await loseRedis(proxy);
  const startedAtMs = performance.now();
  await expect(cut.delete(id)).rejects.toThrow(StoreUnavailableError);
  // An attempt comes within half a second; the second one after more than the others live.
  await eventually(() => performance.now() > startedAtMs + 1_000 + SHORT_MS);
  expect(cut.stats()).toMatchObject({ deletionsPending: 1, deletionsGivenUp: 0 });
  proxy.accept();
  await eventually(() => cut.stats().deletionsPending === 0);
  expect(cut.stats().deletionsGivenUp).toBe(0);
  expect(await whole.get(id, { consistency: "strong" })).toBeUndefined();
});

test("a deletion that outlasts its session is given up, counted, and told of", async () => {
  const [kind] = CURRENT_CLIENT_KINDS;
  if (kind === undefined) throw new Error("no client kind");
  const warnings: string[] = [];
  const { proxy, cut } = await twoNodes(kind, warnings);
  const { id } = await cut.create({ n: 1 });
  await loseRedis(proxy);
  await expect(cut.delete(id)).rejects.toThrow(StoreUnavailableError);
  await eventually(() => cut.stats().deletionsGivenUp === 1);
  expect(cut.stats().deletionsPending).toBe(0);
  expect(warnings.filter((text) => text.includes("not sent again any more"))).toEqual([
    "Deletions that are not sent again any more: 1. Their sessions may live until they end.",
  ]);
});
