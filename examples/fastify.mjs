/**
 * The smallest Fastify application with sessions in sessionmesh:
 *
 *     npm run example fastify                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/fastify.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify from "fastify";
import { createClient } from "redis";
import { FastifySessionStore } from "sessionmesh/fastify";

const {
  REDIS_URL = "redis://127.0.0.1:6379",
  PORT = "3000",
  SESSION_SECRET = "change me, at least 32 characters",
} = process.env;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

const app = fastify();
app.register(fastifyCookie);
app.register(fastifySession, {
  store: new FastifySessionStore({ client }),
  secret: SESSION_SECRET,
  saveUninitialized: false,
  cookie: { secure: "auto" }, // else nothing is saved without HTTPS
});

app.post("/login/:name", async (req) => {
  const { name } = /** @type {{ name: string }} */ (req.params);
  await req.session.regenerate(); // a new id, so that nobody knows it from before the login
  req.session.profile = { name };
  return `Welcome, ${name}.\n`;
});

app.get("/", async (req, reply) => {
  const { profile } = req.session;
  return reply.code(profile ? 200 : 401).send(profile ? `Hello, ${profile.name}.\n` : "Log in first.\n");
});

app.post("/logout", async (req) => {
  await req.session.destroy();
  return "Goodbye.\n";
});

console.log(`Listening on ${await app.listen({ port: Number(PORT), host: "127.0.0.1" })}`);
