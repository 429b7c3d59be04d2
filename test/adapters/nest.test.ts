import "reflect-metadata";
import type { AddressInfo } from "node:net";
import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import { Controller, Get, type INestApplication, Req, Res } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { FastifyAdapter, type NestFastifyApplication } from "@nestjs/platform-fastify";
import type { RequestHandler } from "express";
import session from "express-session";
import { ExpressSessionStore } from "../../src/adapters/express.js";
import { FastifySessionStore } from "../../src/adapters/fastify.js";
import type { SessionStore } from "../../src/stores/store.js";
import type { SiteRoutes, SiteSession } from "../../src/testing/adapter-suite.js";
import { EXPRESS_FEATURES, expressSessionOf, FASTIFY_FEATURES, fastifySessionOf } from "./site-sessions.js";
import { describeSites, type OpenSite, SECRET, type SiteRequest } from "./sites.js";

/** An application whose controller answers all paths, which each platform spells in its own way. */
function siteModule(allPaths: string, routes: SiteRoutes, sessionOf: (request: never) => SiteSession) {
  class SiteController {
    async answer(request: { url: string }, response: { status(code: number): unknown }): Promise<string> {
      const { status, body } = await routes(request.url, sessionOf(request as never));
      response.status(status);
      return body;
    }
  }
  // The decorators, called as the compiler would call them.
  const { prototype } = SiteController;
  Controller()(SiteController);
  Get(allPaths)(prototype, "answer", descriptorOf(prototype, "answer"));
  Req()(prototype, "answer", 0);
  Res({ passthrough: true })(prototype, "answer", 1);
  return { module: class SiteModule {}, controllers: [SiteController] };
}

function descriptorOf(owner: object, name: string): PropertyDescriptor {
  return Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
}

async function listen(app: INestApplication, store: SessionStore<unknown>): Promise<OpenSite> {
  await app.listen(0, "127.0.0.1");
  const server = app.getHttpServer();
  return {
    port: (server.address() as AddressInfo).port,
    store,
    close: () => {
      server.closeAllConnections();
      return app.close();
    },
  };
}

async function openExpress({ adapter, routes, maxAgeMs, rolling, failed }: SiteRequest): Promise<OpenSite> {
  const store = new ExpressSessionStore(adapter);
  const module = siteModule("*path", routes, expressSessionOf);
  const app = await NestFactory.create<NestExpressApplication>(module, { logger: false });
  const cookie = { maxAge: maxAgeMs };
  const sessions = session({
    store,
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    rolling,
    cookie,
  });
  app.use(((request, response, next) => {
    sessions(request, response, (error) => {
      if (error !== undefined) failed(error);
      next(error);
    });
  }) as RequestHandler);
  return listen(app, store.store);
}

async function openFastify({ adapter, routes, maxAgeMs, rolling }: SiteRequest): Promise<OpenSite> {
  const store = new FastifySessionStore(adapter);
  const module = siteModule("*", routes, fastifySessionOf);
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), {
    logger: false,
  });
  await app.register(fastifyCookie);
  await app.register(fastifySession, {
    store,
    secret: SECRET,
    rolling,
    saveUninitialized: false,
    cookie: { maxAge: maxAgeMs, secure: false },
  });
  return listen(app, store.store);
}

describeSites("NestJS 12 on Express", openExpress, EXPRESS_FEATURES);
describeSites("NestJS 12 on Fastify", openFastify, FASTIFY_FEATURES);
