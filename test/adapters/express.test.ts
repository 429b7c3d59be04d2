import { createRequire } from "node:module";
import express, { type ErrorRequestHandler } from "express";
import session from "express-session";
import { vi } from "vitest";
import { ExpressSessionStore } from "../../src/adapters/express.js";
import { EXPRESS_FEATURES, expressSessionOf } from "./site-sessions.js";
import { describeSites, listening, type OpenSite, SECRET, type SiteRequest } from "./sites.js";

vi.hoisted(() => {
  process.env.NO_DEPRECATION = "express"; // version 4 says so of Node, not of us
});

/** It has the types of version 5 in what is used here. */
const express4 = createRequire(import.meta.url)("express4") as typeof express;

function openWith(make: typeof express) {
  return async ({ adapter, routes, maxAgeMs, rolling, failed }: SiteRequest): Promise<OpenSite> => {
    const store = new ExpressSessionStore(adapter);
    const app = make();
    const cookie = { maxAge: maxAgeMs };
    app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false, rolling, cookie }));
    app.use((request, response, next) => {
      routes(request.path, expressSessionOf(request)).then(({ status, body }) => {
        response.status(status).send(body);
      }, next);
    });
    const answer: ErrorRequestHandler = (error, _request, response, next) => {
      failed(error);
      if (response.headersSent) next(error);
      else response.status(500).send(error.code);
    };
    app.use(answer);
    return listening(app.listen(0, "127.0.0.1"), store.store);
  };
}

describeSites("Express 5", openWith(express), EXPRESS_FEATURES);
describeSites("Express 4", openWith(express4), EXPRESS_FEATURES);
