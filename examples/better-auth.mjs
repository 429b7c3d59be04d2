/**
 * The smallest application with better-auth whose sessions are in sessionmesh:
 *
 *     npm run example better-auth                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/better-auth.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all. The users are in the memory of each instance,
 * so that the example needs no database; give yours as `database`.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { betterAuth } from "better-auth/minimal";
import { toNodeHandler } from "better-auth/node";
import { createClient } from "redis";
import { betterAuthStorage } from "sessionmesh/better-auth";

const {
  REDIS_URL = "redis://127.0.0.1:6379",
  PORT = "3000",
  SESSION_SECRET = "change me, at least 32 characters",
} = process.env;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

const server = createServer();
await once(server.listen(Number(PORT), "127.0.0.1"), "listening");
const address = /** @type {import("node:net").AddressInfo} */ (server.address());
const baseURL = `http://127.0.0.1:${address.port}`;

const auth = betterAuth({
  baseURL,
  secret: SESSION_SECRET,
  secondaryStorage: betterAuthStorage({ client }),
  emailAndPassword: { enabled: true },
  logger: { disabled: true },
});

const handle = toNodeHandler(auth);
server.on("request", async (req, res) => {
  if (req.url?.startsWith("/api/auth/")) return handle(req, res);
  const headers = new Headers({ cookie: req.headers.cookie ?? "" });
  const session = await auth.api.getSession({ headers }).catch(() => null);
  res.writeHead(session ? 200 : 401).end(session ? `Hello, ${session.user.name}.\n` : "Log in first.\n");
});
console.log(`Listening on ${baseURL}`);
