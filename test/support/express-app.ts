import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express, { type ErrorRequestHandler } from "express";
import session, { type SessionOptions } from "express-session";
import { onTestFinished } from "vitest";
import { Visitor } from "../../src/testing/express-contract/visitor.js";

declare module "express-session" {
  interface SessionData {
    user?: string;
    color?: string;
  }
}

/** A visitor of one app may go on on another: they share the secret. */
const SECRET = "a secret of all apps";

/** An Express application with a login, closed when the test is over. */
export interface App {
  /** A new visitor, or one who comes over from another app with the cookie that he has. */
  visitor(from?: Visitor): Visitor;
}

export async function startApp(store: session.Store, options: Partial<SessionOptions> = {}): Promise<App> {
  const app = express();
  const defaults = { secret: SECRET, resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } };
  app.use(session({ store, ...defaults, ...options }));
  app.get("/login/:user", (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error);
      request.session.user = request.params.user;
      response.send("welcome");
    });
  });
  app.get("/color/:color", (request, response) => {
    request.session.color = request.params.color;
    response.send("noted");
  });
  app.get("/me", (request, response) => {
    const { user, color } = request.session;
    if (user === undefined) response.status(401).send("nobody");
    else response.json(color === undefined ? { user } : { user, color });
  });
  app.get("/logout", (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.send("bye")));
  });
  const failed: ErrorRequestHandler = (error, _request, response, next) => {
    if (response.headersSent) next(error);
    else response.status(500).send(error.code);
  };
  app.use(failed);

  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    visitor(from) {
      const visitor = new Visitor(port);
      if (from !== undefined) visitor.cookie = from.cookie;
      return visitor;
    },
  };
}
