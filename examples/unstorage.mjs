/**
 * The smallest h3 application that keeps its logins in an unstorage storage on sessionmesh; in Nitro and Nuxt, `useStorage()` is one:
 *
 *     npm run example unstorage                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/unstorage.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import { randomUUID } from "node:crypto";
import { deleteCookie, getCookie, H3, serve, setCookie } from "h3";
import { createClient } from "redis";
import { unstorageDriver } from "sessionmesh/unstorage";
import { createStorage } from "unstorage";

const { REDIS_URL = "redis://127.0.0.1:6379", PORT = "3000" } = process.env;
const LIFE_SECONDS = 86_400;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

const storage = createStorage({ driver: unstorageDriver({ client }) });

const app = new H3();

app.post("/login/:name", async (event) => {
  const id = randomUUID();
  const name = event.context.params?.name ?? "";
  await storage.setItem(`logins:${id}`, { name }, { ttl: LIFE_SECONDS });
  setCookie(event, "id", id, { httpOnly: true, sameSite: "lax", maxAge: LIFE_SECONDS });
  return `Welcome, ${name}.\n`;
});

app.get("/", async (event) => {
  const id = getCookie(event, "id");
  const login = id ? await storage.getItem(`logins:${id}`) : null;
  event.res.status = login ? 200 : 401;
  return login ? `Hello, ${/** @type {{ name: string }} */ (login).name}.\n` : "Log in first.\n";
});

app.post("/logout", async (event) => {
  const id = getCookie(event, "id");
  if (id) await storage.removeItem(`logins:${id}`);
  deleteCookie(event, "id");
  return "Goodbye.\n";
});

const server = serve(app, { port: Number(PORT), hostname: "127.0.0.1", silent: true });
await server.ready();
console.log(`Listening on ${server.url?.replace(/\/$/, "")}`);
