import express from "express";
import session from "express-session";

const ONE_DAY_MS = 86_400_000;

/** @type {express.RequestHandler} */
const loggedIn = (req, res, next) => {
  if (req.session.profile) next();
  else res.status(401).json({ error: "Log in first." });
};

/** @type {express.ErrorRequestHandler} */
const sessionsUnavailable = (error, req, res, next) => {
  if (error.code !== "STORE_UNAVAILABLE" || res.headersSent) return next(error);
  Object.assign(req, { session: null }); // do not save it: that would wait for Redis once more
  res.set("Retry-After", "1").status(503).json({ error: "Sessions are unavailable. Try again." });
};

/**
 * A web application with a login. Nothing in it knows sessionmesh: to express-session, `ExpressSessionStore` is a store like any other.
 *
 * @param {{ store: session.Store, secret: string }} options
 */
export function createApp({ store, secret }) {
  const app = express();
  /** Requests that wait for something else than the session: another service, say. @type {(() => void)[]} */
  const waiting = [];
  app.get("/slow", (_req, res) => {
    res.json({ waiting: waiting.length });
  });
  app.post("/slow", (_req, res) => {
    for (const goOn of waiting.splice(0)) goOn();
    res.json({ waiting: 0 });
  });
  app.use(express.json());
  app.use(
    session({ store, secret, resave: false, saveUninitialized: false, cookie: { maxAge: ONE_DAY_MS } }),
  );

  app.post("/login", (req, res, next) => {
    // A new id, so that nobody knows it from before the login.
    req.session.regenerate((error) => {
      if (error) return next(error);
      const profile = { name: String(req.body.name) };
      req.session.profile = profile;
      // Answer when it is saved, so that a "201" is true, whichever node is asked next.
      req.session.save((error) => (error ? next(error) : res.status(201).json(profile)));
    });
  });

  app.get("/profile", loggedIn, (req, res) => {
    res.json(req.session.profile);
  });

  app.patch("/profile", loggedIn, async (req, res, next) => {
    if ("slowly" in req.query) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    Object.assign(req.session.profile ?? {}, { city: String(req.body.city) });
    req.session.save((error) => (error ? next(error) : res.json(req.session.profile)));
  });

  app.post("/logout", loggedIn, (req, res, next) => {
    req.session.destroy((error) => (error ? next(error) : res.json({ goodbye: true })));
  });

  app.use(sessionsUnavailable);
  return app;
}
