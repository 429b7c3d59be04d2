import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify from "fastify";
import { FastifySessionStore } from "../../src/adapters/fastify.js";
import { FASTIFY_FEATURES, fastifySessionOf } from "./site-sessions.js";
import { describeSites, type OpenSite, SECRET, type SiteRequest } from "./sites.js";

async function open({ adapter, routes, maxAgeMs, rolling, failed }: SiteRequest): Promise<OpenSite> {
  const store = new FastifySessionStore(adapter);
  const app = fastify();
  app.register(fastifyCookie);
  app.register(fastifySession, {
    store,
    secret: SECRET,
    rolling,
    saveUninitialized: false,
    cookie: { maxAge: maxAgeMs, secure: false },
  });
  app.addHook("onError", async (_request, _reply, error) => failed(error));
  app.get("/*", async (request, reply) => {
    const { status, body } = await routes(request.url, fastifySessionOf(request));
    return reply.status(status).send(body);
  });
  await app.listen({ port: 0, host: "127.0.0.1" });
  return {
    port: (app.server.address() as AddressInfo).port,
    store: store.store,
    close: () => {
      app.server.closeAllConnections();
      return app.close();
    },
  };
}

describeSites("Fastify 5", open, FASTIFY_FEATURES);
