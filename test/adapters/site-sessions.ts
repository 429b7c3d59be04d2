import type { Request } from "express";
import type { FastifyRequest } from "fastify";
import type { SiteSession } from "../../src/testing/adapter-suite.js";

/** The session that express-session has put on a request. */
export function expressSessionOf(request: Request): SiteSession {
  return {
    id: () => request.sessionID,
    async read() {
      const { cookie: _, ...data } = request.session;
      return data;
    },
    async change(change) {
      change(request.session as unknown as Record<string, unknown>);
    },
    destroy: () => done((callback) => request.session.destroy(callback)),
    regenerate: () => done((callback) => request.session.regenerate(callback)),
    save: () => done((callback) => request.session.save(callback)),
    live(ms) {
      request.session.cookie.maxAge = ms;
    },
    get visible() {
      return request.session;
    },
  };
}

function done(run: (callback: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => (error ? reject(error) : resolve()));
  });
}

/** What express-session can do and stores. It has sent most of a response by the time that it saves, and leaves out what every object inherits. */
export const EXPRESS_FEATURES = {
  keepsInherited: false,
  ...{ regenerates: true, rolls: true, waits: false, readsRenew: true, remembers: true },
  stores: ["cookie", "originalMaxAge", "expires", "httpOnly", "path"],
};

/** The same of @fastify/session. */
export const FASTIFY_FEATURES = {
  ...{ regenerates: true, rolls: true, waits: true, readsRenew: false, remembers: true },
  stores: [
    "cookie",
    "originalMaxAge",
    "expires",
    "httpOnly",
    "path",
    "sameSite",
    "secure",
    "domain",
    "originalExpires",
  ],
};

/** The session that @fastify/session has put on a request. */
export function fastifySessionOf(request: FastifyRequest): SiteSession {
  return {
    id: () => request.session.sessionId,
    async read() {
      const { cookie: _, ...data } = request.session;
      return JSON.parse(JSON.stringify(data)); // without the middleware's symbols
    },
    async change(change) {
      change(request.session as unknown as Record<string, unknown>);
    },
    destroy: () => request.session.destroy(),
    regenerate: () => request.session.regenerate(),
    save: () => request.session.save(),
    live(ms) {
      (request.session.cookie as { maxAge: number }).maxAge = ms; // not in its types
      request.session.set("remembered" as never, true as never); // without a change beside the cookie it saves nothing
    },
    get visible() {
      return request.session;
    },
  };
}
