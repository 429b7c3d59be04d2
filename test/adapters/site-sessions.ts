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
    get visible() {
      return request.session;
    },
  };
}
