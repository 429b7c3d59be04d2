import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { deleteCookie, getCookie, H3, type H3Event, setCookie, toNodeHandler } from "h3";
import { createStorage, type Storage } from "unstorage";
import { unstorageDriver } from "../../src/adapters/unstorage.js";
import type { SiteSession } from "../../src/testing/adapter-suite.js";
import { describeSites, listening, type OpenSite, type SiteRequest } from "./sites.js";

type Data = Record<string, unknown>;

const COOKIE = "id";

/** A session as an application keeps one in a storage: an item, under the id in a cookie. */
function storedSession(storage: Storage, event: H3Event, maxAgeMs: number): SiteSession {
  let id = getCookie(event, COOKIE) ?? null;
  let loaded: Data | undefined;
  const load = async (): Promise<Data> => {
    loaded ??= (id === null ? null : await storage.getItem<Data>(id)) ?? {};
    return loaded;
  };
  return {
    id: () => id,
    read: load,
    async change(change) {
      const data = await load();
      change(data);
      id ??= randomUUID();
      await storage.setItem(id, data, { ttl: maxAgeMs / 1_000 });
      setCookie(event, COOKIE, id, { httpOnly: true, path: "/" });
    },
    async destroy() {
      if (id !== null) await storage.removeItem(id);
      deleteCookie(event, COOKIE, { path: "/" });
    },
    get visible() {
      return loaded ?? {};
    },
  };
}

async function open({ adapter, routes, maxAgeMs, failed }: SiteRequest): Promise<OpenSite> {
  const { rotationGraceMs: _, ...options } = adapter as { rotationGraceMs?: number };
  const driver = unstorageDriver({ ...options, tombstones: true } as never);
  const storage = createStorage({ driver });
  const app = new H3({ silent: true, onError: failed });
  app.get("/**", async (event) => {
    const { status, body } = await routes(event.url.pathname, storedSession(storage, event, maxAgeMs));
    event.res.status = status;
    return body;
  });
  return listening(createServer(toNodeHandler(app)).listen(0, "127.0.0.1"), driver.getInstance());
}

describeSites("unstorage on h3", open, {
  ...{ regenerates: false, rolls: false, waits: true, readsRenew: false, remembers: false },
  merges: false, // an item is a whole
  keepsInherited: false, // unstorage reads without what might pollute a prototype
  stores: [],
});
