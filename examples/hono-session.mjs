/**
 * The smallest Hono application with sessions in sessionmesh:
 *
 *     npm run example hono-session                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/hono-session.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import { serve } from "@hono/node-server";
import { useSession } from "@hono/session";
import { Hono } from "hono";
import { createClient } from "redis";
import { HonoSessionStore } from "sessionmesh/hono";

const {
  REDIS_URL = "redis://127.0.0.1:6379",
  PORT = "3000",
  SESSION_SECRET = "change me, at least 32 characters",
} = process.env;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

/** @typedef {{ profile?: { name: string } }} SessionFields */

const sessions = new HonoSessionStore({ client });
/** @type {Hono<import("@hono/session").SessionEnv<SessionFields>>} */
const app = new Hono();
app.use(sessions.storage);
app.use(useSession({ secret: SESSION_SECRET }));

app.post("/login/:name", async (c) => {
  const name = c.req.param("name");
  await c.var.session.update((data) => ({ ...data, profile: { name } }));
  return c.text(`Welcome, ${name}.\n`);
});

app.get("/", async (c) => {
  const { profile } = (await c.var.session.get()) ?? {};
  return profile ? c.text(`Hello, ${profile.name}.\n`) : c.text("Log in first.\n", 401);
});

app.post("/logout", async (c) => {
  await c.var.session.get(); // what is not loaded is not deleted from the store
  c.var.session.delete();
  return c.text("Goodbye.\n");
});

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, ({ port }) => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
