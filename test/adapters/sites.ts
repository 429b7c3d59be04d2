import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "vitest";
import type { AdapterOptions } from "../../src/adapters/owned-store.js";
import type { RedisClient } from "../../src/redis/detect.js";
import type { ClusteredRedisStore } from "../../src/stores/clustered-redis-store.js";
import type { SessionStore } from "../../src/stores/store.js";
import {
  type AdapterSuiteOptions,
  adapterSuite,
  type ClusterNeeds,
  type SiteCluster,
  type SiteOptions,
  type SiteRoutes,
} from "../../src/testing/adapter-suite.js";
import { TcpProxy } from "../../src/testing/tcp-proxy.js";
import type { ClientKind } from "../support/clients.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "../support/node.js";
import { type RawRedis, useRawRedis } from "../support/raw-redis.js";
import { recordSessionCommands } from "../support/session-commands.js";

/** With what sites sign their cookies; @fastify/session wants 32 characters, @hono/session 32 bytes in hexadecimal. */
export const SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/** What a site works with. */
export interface SiteRequest extends Required<SiteOptions> {
  /** The options of the adapter. */
  readonly adapter: AdapterOptions<never>;
  readonly routes: SiteRoutes;
  /** Told of each error that reaches the application's handler of errors. */
  readonly failed: (error: unknown) => void;
}

/** A site that listens on the loopback interface. */
export interface OpenSite {
  readonly port: number;
  readonly store: SessionStore<unknown>;
  close(): Promise<unknown>;
}

/** The cases that wait for seconds, and may do so together. */
const WAITING = /^(?:life|rolling|failing): /;

/** Runs the suite for one framework, with both clients unless others are named. */
export function describeSites(
  name: string,
  open: (request: SiteRequest) => Promise<OpenSite>,
  features: Omit<AdapterSuiteOptions, "cluster">,
  kinds: readonly ClientKind[] = CURRENT_CLIENT_KINDS,
): void {
  const [redis, refusing] = [useRawRedis(), useRawRedis()];
  describe.each(kinds)(`${name}, on $name`, (kind) => {
    const cluster = ({ ownServer }: ClusterNeeds) => openCluster(ownServer ? refusing : redis, kind, open);
    for (const { name, run } of adapterSuite({ cluster, ...features })) {
      if (WAITING.test(name)) test.concurrent(name, run);
      else test(name, run);
    }
  });
}

/** The nodes of one case. */
async function openCluster(
  redis: RawRedis,
  kind: ClientKind,
  open: (request: SiteRequest) => Promise<OpenSite>,
): Promise<SiteCluster> {
  const proxy = await TcpProxy.start({ targetPort: redis.port });
  const names = clusterNames();
  const sites: { site: OpenSite; closeClient: () => Promise<void> }[] = [];
  const key = (id: string) => names.prefix + id;
  return {
    async open(routes, options) {
      const { maxAgeMs = 3_600_000, rolling = false, servesCached = false } = options;
      const { rotationGraceMs = 0, commandTimeoutMs = 1_000 } = options;
      const client = kind.create(proxy.port);
      const sent = recordSessionCommands(client);
      const failures: unknown[] = [];
      const adapter = {
        client: client as RedisClient,
        prefix: names.prefix,
        commandTimeoutMs,
        onOutage: servesCached ? ("serve-cached" as const) : ("fail" as const),
        cluster: { ...names.cluster, maxStalenessMs: 3_000 },
        rotationGraceMs,
      };
      const living = { maxAgeMs, rolling, servesCached, rotationGraceMs, commandTimeoutMs };
      const site = await open({ adapter, routes, ...living, failed: (error) => void failures.push(error) });
      sites.push({ site, closeClient: () => kind.close(client) });
      await site.store.start();
      const { stats } = site.store as Partial<Pick<ClusteredRedisStore, "stats">>;
      return {
        url: `http://127.0.0.1:${site.port}`,
        sent,
        failures,
        lateSaves: () => stats?.call(site.store).resurrectionsBlocked ?? 0,
      };
    },
    async record(id) {
      return (await redis.send("GET", key(id))) as string | null;
    },
    async remainingMs(id) {
      const lifeMs = Number(await redis.send("PTTL", key(id)));
      return lifeMs < 0 ? undefined : lifeMs;
    },
    async refuseWrites(why) {
      if (why === "full") await redis.send("CONFIG", "SET", "maxmemory", "1");
      else await redis.send("REPLICAOF", "127.0.0.1", "1"); // nobody listens there: it has the data that it has
    },
    async acceptWrites() {
      await redis.send("CONFIG", "SET", "maxmemory", "0");
      await redis.send("REPLICAOF", "NO", "ONE");
    },
    async overwrite(id, record) {
      await redis.send("SET", key(id), record);
    },
    stall: () => proxy.stall(),
    resume: () => proxy.resume(),
    cut() {
      proxy.refuse();
      proxy.cut();
    },
    mend: () => proxy.accept(),
    async close() {
      for (const { site, closeClient } of sites) {
        await site.close();
        await site.store.close();
        await closeClient();
      }
      await proxy.close();
    },
  };
}

/** A site on a server that was told to listen. */
export async function listening(server: Server, store: SessionStore<unknown>): Promise<OpenSite> {
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    store,
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
