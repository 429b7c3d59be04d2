/**
 * The smallest Koa application with sessions in sessionmesh:
 *
 *     npm run example koa                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/koa.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import Koa from "koa";
import session from "koa-session";
import { createClient } from "redis";
import { KoaSessionStore } from "sessionmesh/koa";

const { REDIS_URL = "redis://127.0.0.1:6379", PORT = "3000", SESSION_SECRET = "change me" } = process.env;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

const app = new Koa();
app.keys = [SESSION_SECRET];
app.use(session({ store: new KoaSessionStore({ client }) }, app));

app.use(async (ctx) => {
  const [, action, name = ""] = decodeURIComponent(ctx.path).split("/");
  if (ctx.method === "POST" && action === "login") {
    await ctx.session.regenerate(); // a new id, so that nobody knows it from before the login
    ctx.session.profile = { name };
    ctx.body = `Welcome, ${name}.\n`;
  } else if (ctx.method === "POST" && action === "logout") {
    ctx.session = null;
    ctx.body = "Goodbye.\n";
  } else if (ctx.path === "/") {
    const { profile } = ctx.session;
    ctx.status = profile ? 200 : 401;
    ctx.body = profile ? `Hello, ${profile.name}.\n` : "Log in first.\n";
  }
});

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`Listening on http://127.0.0.1:${address.port}`);
});
