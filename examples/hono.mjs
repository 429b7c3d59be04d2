/**
 * The smallest Hono application with sessions in sessionmesh:
 *
 *     npm run example hono                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/hono.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { sessionMiddleware } from "hono-sessions";
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

/** @typedef {{ profile: { name: string } }} SessionFields */
/** @typedef {{ session: import("hono-sessions").Session<SessionFields>, session_key_rotation: boolean }} Variables */

/** @type {Hono<{ Variables: Variables }>} */
const app = new Hono();
app.use(
  sessionMiddleware({
    store: new HonoSessionStore({ client }),
    encryptionKey: SESSION_SECRET,
    expireAfterSeconds: 86_400,
    cookieOptions: { path: "/", httpOnly: true, sameSite: "Lax" },
  }),
);

app.post("/login/:name", (c) => {
  const name = c.req.param("name");
  c.set("session_key_rotation", true); // a new id, so that nobody knows it from before the login
  c.var.session.set("profile", { name });
  return c.text(`Welcome, ${name}.\n`);
});

app.get("/", (c) => {
  const profile = c.var.session.get("profile");
  return profile ? c.text(`Hello, ${profile.name}.\n`) : c.text("Log in first.\n", 401);
});

app.post("/logout", (c) => {
  c.var.session.deleteSession();
  return c.text("Goodbye.\n");
});

serve({ fetch: app.fetch, port: Number(PORT), hostname: "127.0.0.1" }, ({ port }) => {
  console.log(`Listening on http://127.0.0.1:${port}`);
});
