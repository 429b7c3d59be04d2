import type fastifySession from "@fastify/session";
import express from "express";
import session, { type SessionData } from "express-session";
import { describe, expectTypeOf, test } from "vitest";
import { ExpressSessionStore, type ExpressSessionStoreOptions } from "../../src/adapters/express.js";
import { createStore, type RedisClient, type SessionStore } from "../../src/index.js";

declare module "express-session" {
  interface SessionData {
    user?: string;
  }
}

declare const client: RedisClient;
declare const data: SessionData;

describe("a store for express-session", () => {
  const store = new ExpressSessionStore({ client });

  test("fits where express-session wants one", () => {
    expectTypeOf<ExpressSessionStore>().toExtend<session.Store>();
    express().use(session({ store, secret: "s", resave: false, saveUninitialized: false }));
  });

  test("calls back, or gives a promise", () => {
    expectTypeOf(store.get("a")).resolves.toEqualTypeOf<SessionData | undefined>();
    expectTypeOf(
      store.get("a", (_error, found) => expectTypeOf(found).toExtend<SessionData | undefined>()),
    ).toBeVoid();
    expectTypeOf(store.set("a", data)).resolves.toBeVoid();
    expectTypeOf(store.set("a", data, () => {})).toBeVoid();
    expectTypeOf(store.touch("a", data)).resolves.toBeVoid();
    expectTypeOf(store.destroy("a")).resolves.toBeVoid();
    expectTypeOf(store.all()).resolves.toEqualTypeOf<SessionData[]>();
    expectTypeOf(store.length()).resolves.toBeNumber();
    expectTypeOf(store.ids()).resolves.toEqualTypeOf<string[]>();
    expectTypeOf(store.clear()).resolves.toBeVoid();
  });

  test("knows what the application has declared that its sessions hold", () => {
    expectTypeOf<ExpressSessionStore<SessionData>["store"]>().toEqualTypeOf<SessionStore<SessionData>>();
    store.store.find(({ data }) => data.user === "ada" && data.cookie.originalMaxAge === null);
    // @ts-expect-error: not declared
    store.store.find(({ data }) => data.nobody);
  });

  test("fits where @fastify/session wants one", () => {
    expectTypeOf<ExpressSessionStore<SessionData>>().toExtend<fastifySession.SessionStore>();
  });

  test("takes the options of a clustered store, or a store", () => {
    expectTypeOf<{ client: RedisClient; ttlMs: number }>().toExtend<ExpressSessionStoreOptions>();
    new ExpressSessionStore({ client, prefix: "s:", localCache: { maxEntries: 10 } });
    new ExpressSessionStore({ store: createStore() });
  });

  test("takes nothing else", () => {
    // @ts-expect-error: neither a store nor a client
    new ExpressSessionStore({});
    // @ts-expect-error: a misspelt option
    new ExpressSessionStore({ client, ttl: 1_000 });
  });
});
