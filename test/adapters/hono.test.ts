import type { Server } from "node:http";
import { serve } from "@hono/node-server";
import { type SessionEnv, useSession } from "@hono/session";
import { type Context, Hono } from "hono";
import { type Session, sessionMiddleware } from "hono-sessions";
import { HonoSessionStore } from "../../src/adapters/hono.js";
import type { SiteSession } from "../../src/testing/adapter-suite.js";
import { describeSites, listening, type OpenSite, SECRET, type SiteRequest } from "./sites.js";

type Data = Record<string, unknown>;

async function listen(
  app: Hono<never>,
  { store }: HonoSessionStore,
  { failed }: SiteRequest,
): Promise<OpenSite> {
  app.onError((error, context) => {
    failed(error);
    return context.text(error.message, 500);
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  return listening(server as Server, store);
}

function plainSession({ var: { session } }: Context<SessionEnv<Data>>): SiteSession {
  return {
    id: () => session.id,
    read: async () => (await session.get()) ?? {},
    change: (change) =>
      session.update((previous) => {
        const data = { ...previous };
        change(data);
        return data;
      }),
    async destroy() {
      await session.get();
      session.delete();
    },
    get visible() {
      return session.data ?? {};
    },
  };
}

async function openPlain(request: SiteRequest): Promise<OpenSite> {
  const { adapter, routes, maxAgeMs } = request;
  // The middleware says nothing of how long a session lives: that is for the store to know.
  const sessions = new HonoSessionStore({ ...adapter, ttlMs: maxAgeMs });
  const app = new Hono<SessionEnv<Data>>();
  app.use(sessions.storage);
  app.use(useSession<Data>({ secret: SECRET }));
  app.get("*", async (context) => {
    const { status, body } = await routes(pathOf(context), plainSession(context));
    return context.body(body, status as never);
  });
  return listen(app as never, sessions, request);
}

describeSites("@hono/session", openPlain, {
  ...{ regenerates: false, rolls: false, waits: true, readsRenew: true, remembers: false },
  rereads: true,
  stores: [],
});

interface EnvelopeEnv {
  Variables: { session: Session<Data>; session_key_rotation: boolean };
}

function envelopeSession(context: Context<EnvelopeEnv>): SiteSession {
  const { session } = context.var;
  const cache = () => session.getCache() as { _id: string; _data: Record<string, { value: unknown }> };
  const read = () =>
    Object.fromEntries(Object.entries(cache()._data).map(([key, { value }]) => [key, value]));
  return {
    id: () => cache()._id,
    read: async () => read(),
    async change(change) {
      const before = read();
      const data = structuredClone(before);
      change(data);
      for (const key of Object.keys(before)) if (!Object.hasOwn(data, key)) session.forget(key);
      for (const [key, value] of Object.entries(data)) session.set(key, value);
    },
    async destroy() {
      session.deleteSession();
    },
    async regenerate() {
      for (const key of Object.keys(read())) session.forget(key);
      context.set("session_key_rotation", true);
    },
    get visible() {
      return session.getCache();
    },
  };
}

async function openEnvelopes(request: SiteRequest): Promise<OpenSite> {
  const { adapter, routes, maxAgeMs } = request;
  const store = new HonoSessionStore(adapter);
  const app = new Hono<EnvelopeEnv>();
  app.use(
    sessionMiddleware({
      store,
      encryptionKey: SECRET,
      expireAfterSeconds: maxAgeMs / 1_000,
      cookieOptions: { path: "/" },
    }) as never,
  );
  app.get("*", async (context) => {
    const { status, body } = await routes(pathOf(context), envelopeSession(context));
    return context.body(body, status as never);
  });
  return listen(app as never, store, request);
}

describeSites("hono-sessions", openEnvelopes, {
  ...{ regenerates: true, rolls: true, waits: true, readsRenew: true, remembers: false },
  savesReads: true,
  stores: ["_id", "_data", "_expire", "_delete", "_accessed", "value", "flash"],
});

/** The path as it came: Hono decodes it. */
function pathOf({ req }: { req: { url: string } }): string {
  return new URL(req.url).pathname;
}
