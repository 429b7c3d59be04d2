import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "vitest";
import type { AdapterOptions } from "../../src/adapters/owned-store.js";
import type { RedisClient } from "../../src/redis/detect.js";
import type { SessionStore } from "../../src/stores/store.js";
import {
  type AdapterSuiteOptions,
  adapterSuite,
  type SiteCluster,
  type SiteOptions,
  type SiteRoutes,
} from "../../src/testing/adapter-suite.js";
import { TcpProxy } from "../../src/testing/tcp-proxy.js";
import type { ClientKind } from "../support/clients.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "../support/node.js";
import { type RawRedis, useRawRedis } from "../support/raw-redis.js";

/** With what sites sign their cookies; @fastify/session wants 32 characters, @hono/session 32 bytes in hexadecimal. */
export const SECRET = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/** What a site works with. */
export interface SiteRequest extends Required<SiteOptions> {
  /** The options of the adapter. */
  readonly adapter: AdapterOptions<never>;
  readonly routes: SiteRoutes;
}

/** A site that listens on the loopback interface. */
export interface OpenSite {
  readonly port: number;
  readonly store: SessionStore<unknown>;
  close(): Promise<unknown>;
}

/** The cases that wait for seconds, and may do so together. */
const WAITING = /^(?:life|rolling|failing|failing save): /;

/** Runs the suite for one framework, with both clients unless others are named. */
export function describeSites(
  name: string,
  open: (request: SiteRequest) => Promise<OpenSite>,
  features: Omit<AdapterSuiteOptions, "cluster">,
  kinds: readonly ClientKind[] = CURRENT_CLIENT_KINDS,
): void {
  const redis = useRawRedis();
  describe.each(kinds)(`${name}, on $name`, (kind) => {
    const cluster = () => openCluster(redis, kind, open);
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
    async open(routes, { maxAgeMs = 3_600_000, rolling = false, servesCached = false, rotationGraceMs = 0 }) {
      const client = kind.create(proxy.port);
      const adapter = {
        client: client as RedisClient,
        prefix: names.prefix,
        commandTimeoutMs: 1_000,
        onOutage: servesCached ? ("serve-cached" as const) : ("fail" as const),
        cluster: { ...names.cluster, maxStalenessMs: 3_000 },
        rotationGraceMs,
      };
      const site = await open({ adapter, routes, maxAgeMs, rolling, servesCached, rotationGraceMs });
      sites.push({ site, closeClient: () => kind.close(client) });
      await site.store.start();
      return { url: `http://127.0.0.1:${site.port}` };
    },
    async record(id) {
      return (await redis.send("GET", key(id))) as string | null;
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
