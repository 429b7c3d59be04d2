import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { startRedis } from "../../scripts/with-redis.mjs";
import { StoreUnavailableError } from "../../src/index.js";
import type { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import type { RedisServer } from "../support/redis-server.js";
import { BOUND_MS, proxyTo, shortCluster } from "../support/short-bound.js";

/** A server with the proxy before it, and another server for those ways to fail that need one. */
interface Scene {
  readonly redis: RedisServer;
  readonly proxy: TcpProxy;
  /** Runs a command on the server; more lines may follow in its last word. */
  readonly command: (...words: string[]) => Promise<string>;
}

/** A way in which Redis can fail, and what its error says. */
interface Outage {
  readonly says: RegExp;
  readonly begin: (scene: Scene) => unknown;
  readonly end: (scene: Scene) => unknown;
  /** Whether it refuses every command, so that the circuit opens. */
  readonly isTotal: boolean;
}

/** Makes a server load a data set, slowly, from another one. */
async function load({ command }: Scene): Promise<void> {
  const source = await startRedis();
  onTestFinished(() => source.stop());
  const populate = `"for i = 1, 4000 do redis.call('SET', i, string.rep('x', 100)) end"`;
  await redisCommand(source.port, "EVAL", populate, "0");
  await command("CONFIG", "SET", "loading-process-events-interval-bytes", "1024");
  await command("CONFIG", "SET", "key-load-delay", "10000");
  await command("REPLICAOF", "127.0.0.1", `${source.port}`);
  await eventually(async () => (await command("INFO", "persistence")).includes("\nloading:1"));
}

const OUTAGES: Readonly<Record<string, Outage>> = {
  "refuses connections": {
    says: /./,
    begin: ({ proxy }) => {
      proxy.refuse();
      proxy.cut();
    },
    end: ({ proxy }) => proxy.accept(),
    isTotal: true,
  },
  "answers nothing": {
    says: /no reply within/,
    begin: ({ proxy }) => proxy.stall(),
    end: ({ proxy }) => proxy.resume(),
    isTotal: true,
  },
  "is stopped and started again": {
    says: /./,
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.restart(),
    isTotal: true,
  },
  "loads its data": {
    says: /LOADING|no reply within/, // ioredis waits until it is over
    begin: load,
    end: async ({ command }) => {
      await command("CONFIG", "SET", "key-load-delay", "0");
      await eventually(() => command("REPLICAOF", "NO", "ONE"));
    },
    isTotal: true,
  },
  "is a replica without a master": {
    says: /MASTERDOWN|READONLY/,
    begin: async ({ command }) => {
      await command("CONFIG", "SET", "replica-serve-stale-data", "no");
      await command("REPLICAOF", "127.0.0.1", "1");
    },
    end: ({ command }) => command("REPLICAOF", "NO", "ONE"),
    isTotal: true,
  },
  "is a replica": {
    says: /READONLY/,
    begin: ({ command }) => command("REPLICAOF", "127.0.0.1", "1"),
    end: ({ command }) => command("REPLICAOF", "NO", "ONE"),
    isTotal: false,
  },
  "wants a password": {
    says: /NOAUTH|no reply within/,
    begin: async ({ command, proxy }) => {
      await command("CONFIG", "SET", "requirepass", "secret");
      proxy.cut();
    },
    end: ({ command }) => command("AUTH", 'secret\r\nCONFIG SET requirepass ""'),
    isTotal: true,
  },
};

const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
  return () => {
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  };
});

describe.each(CURRENT_CLIENT_KINDS)("on $name", (kind) => {
  test.each(Object.entries(OUTAGES))("while Redis %s", async (_, { says, begin, end, isTotal }) => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const proxy = await proxyTo(redis.port);
    const scene = { redis, proxy, command: (...words: string[]) => redisCommand(redis.port, ...words) };
    const breaker = { threshold: 2, halfOpenAfterMs: 50 };
    const options = { kind, port: proxy.port, ...shortCluster(), breaker };
    const failing = await startNode(options);
    const serving = await startNode({ ...options, onOutage: "serve-cached", outageGraceMs: 60_000 });
    const nodes: readonly TestStore[] = [failing, serving];
    const { id } = await failing.create({ n: 1 });
    for (const node of nodes) await cached(node, id);

    await begin(scene);
    await eventually(() => nodes.every((node) => node.coordinator?.lease.held === false));
    for (let n = 0; n < 5; n++) {
      const startedAtMs = performance.now();
      await expect(failing.get(id)).rejects.toThrow(StoreUnavailableError);
      expect((await serving.get(id))?.data).toEqual({ n: 1 });
      expect(performance.now() - startedAtMs).toBeLessThan(10 * BOUND_MS); // two commands; a bound, and not a measurement
    }
    await expect(failing.get(id)).rejects.toThrow(says);
    await expect(serving.get(id, { onOutage: "fail" })).rejects.toThrow(StoreUnavailableError);
    await expect(serving.get(id, { consistency: "strong" })).rejects.toThrow(
      isTotal ? StoreUnavailableError : /READONLY/,
    );
    await expect(serving.create({ n: 2 })).rejects.toThrow(StoreUnavailableError);
    expect(serving.stats().servedInOutage).toBeGreaterThanOrEqual(5);
    expect(failing.stats().servedInOutage).toBe(0);
    for (const node of nodes) expect(node.stats().breakerOpened > 0).toBe(isTotal);

    await end(scene);
    for (const node of nodes) {
      const { id: next } = await eventually(() => node.create({ n: 2 }));
      await cached(node, next);
      expect(await node.healthy()).toBe(true);
      expect(node.stats().breaker).toBe("closed");
    }
  });
});
