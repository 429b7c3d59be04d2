/**
 * The smallest Express application with sessions in sessionmesh:
 *
 *     npm run example express                                                with a Redis of its own
 *     REDIS_URL=redis://127.0.0.1:6379 PORT=3000 node examples/express.mjs
 *
 * Start it several times, on several ports, with one Redis: a login on one is known to all.
 */
import express from "express";
import session from "express-session";
import { createClient } from "redis";
import { ExpressSessionStore } from "sessionmesh/express";

const { REDIS_URL = "redis://127.0.0.1:6379", PORT = "3000", SESSION_SECRET = "change me" } = process.env;

const client = createClient({ url: REDIS_URL });
client.on("error", (error) => console.error(`Redis: ${error.message}`));
await client.connect();

const app = express();
app.use(
  session({
    store: new ExpressSessionStore({ client }),
    secret: SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
  }),
);

app.post("/login/:name", (req, res, next) => {
  // A new id, so that nobody knows it from before the login.
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.profile = { name: req.params.name };
    res.send(`Welcome, ${req.params.name}.\n`);
  });
});

app.get("/", (req, res) => {
  const { profile } = req.session;
  res.status(profile ? 200 : 401).send(profile ? `Hello, ${profile.name}.\n` : "Log in first.\n");
});

app.post("/logout", (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.send("Goodbye.\n")));
});

const server = app.listen(Number(PORT), "127.0.0.1", (error) => {
  if (error) throw error;
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  console.log(`Listening on http://127.0.0.1:${address.port}`);
});
