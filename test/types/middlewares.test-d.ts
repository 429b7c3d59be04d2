import { type FastifySessionOptions, fastifySession } from "@fastify/session";
import { type SessionEnv, useSession } from "@hono/session";
import fastify from "fastify";
import { Hono, type MiddlewareHandler } from "hono";
import { type SessionOptions as HonoSessionsOptions, sessionMiddleware } from "hono-sessions";
import Koa from "koa";
import koaSession, { type CreateSessionOptions } from "koa-session";
import { describe, expectTypeOf, test } from "vitest";
import { FastifySessionStore } from "../../src/adapters/fastify.js";
import { HonoSessionStore } from "../../src/adapters/hono.js";
import { KoaSessionStore } from "../../src/adapters/koa.js";
import { createStore, type RedisClient, type SessionStore } from "../../src/index.js";

declare const client: RedisClient;

interface Data {
  user?: string;
}

describe("a store for @fastify/session", () => {
  test("fits where it wants one", () => {
    expectTypeOf<FastifySessionStore>().toExtend<NonNullable<FastifySessionOptions["store"]>>();
    fastify().register(fastifySession, { store: new FastifySessionStore({ client }), secret: "s" });
  });
});

describe("a store for koa-session", () => {
  test("fits where it wants one", () => {
    expectTypeOf<KoaSessionStore>().toExtend<NonNullable<CreateSessionOptions["store"]>>();
    const app = new Koa();
    app.use(koaSession({ store: new KoaSessionStore({ client }), maxAge: 1_000 }, app));
  });
});

describe("a store for Hono", () => {
  test("fits where hono-sessions wants one", () => {
    expectTypeOf<HonoSessionStore>().toExtend<HonoSessionsOptions["store"]>();
    new Hono().use(sessionMiddleware({ store: new HonoSessionStore({ client }) }));
  });

  test("has a middleware for @hono/session", () => {
    const { storage } = new HonoSessionStore<Data>({ client });
    expectTypeOf(storage).toExtend<MiddlewareHandler<SessionEnv<Record<string, unknown>>>>();
    new Hono<SessionEnv<Record<string, unknown>>>().use(storage).use(useSession({ secret: "s" }));
  });
});

describe.each([FastifySessionStore, KoaSessionStore, HonoSessionStore])("each", (Store) => {
  test("takes the options of a clustered store, or a store, and onConflict", () => {
    new Store({ client, prefix: "s:", localCache: { maxEntries: 10 } });
    new Store({ store: createStore(), onConflict: ({ mine }) => mine });
    expectTypeOf(new FastifySessionStore<Data>({ client }).store).toEqualTypeOf<SessionStore<Data>>();
  });

  test("takes nothing else", () => {
    // @ts-expect-error: neither a store nor a client
    new Store({});
    // @ts-expect-error: a misspelt option
    new Store({ client, ttl: 1_000 });
    // @ts-expect-error: a rule that is no function
    new Store({ client, onConflict: "merge" });
  });
});
