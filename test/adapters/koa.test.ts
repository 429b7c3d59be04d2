import Koa, { type Context } from "koa";
import session from "koa-session";
import { KoaSessionStore } from "../../src/adapters/koa.js";
import type { SiteSession } from "../../src/testing/adapter-suite.js";
import { describeSites, listening, type OpenSite, SECRET, type SiteRequest } from "./sites.js";

function sessionOf(ctx: Context): SiteSession {
  const present = () => {
    if (ctx.session === null) throw new Error("the session was destroyed");
    return ctx.session;
  };
  return {
    id: () => present().externalKey,
    read: async () => present().toJSON() as Record<string, unknown>,
    change: async (change) => change(present()),
    async destroy() {
      ctx.session = null;
    },
    regenerate: async () => present().regenerate(),
    save: async () => present().save(),
    live(ms) {
      present().maxAge = ms;
    },
    get visible() {
      return present();
    },
  };
}

async function open({ adapter, routes, maxAgeMs, rolling, failed }: SiteRequest): Promise<OpenSite> {
  const store = new KoaSessionStore(adapter);
  const app = new Koa();
  app.keys = [SECRET];
  app.on("error", failed);
  app.use(session({ store, maxAge: maxAgeMs, rolling } as never, app));
  app.use(async (ctx) => {
    const { status, body } = await routes(ctx.path, sessionOf(ctx));
    ctx.status = status;
    ctx.body = body;
  });
  return listening(app.listen(0, "127.0.0.1"), store.store);
}

describeSites("Koa 3", open, {
  ...{ regenerates: true, rolls: true, waits: true, readsRenew: false, remembers: true },
  storedLongerMs: 10_000,
  stores: ["_expire", "_maxAge"],
});
