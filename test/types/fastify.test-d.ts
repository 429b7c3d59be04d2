import fastifyCookie from "@fastify/cookie";
import fastifySession from "@fastify/session";
import fastify, { type Session } from "fastify";
import { describe, expectTypeOf, test } from "vitest";
import { FastifySessionStore } from "../../src/adapters/fastify.js";
import type { RedisClient, SessionStore } from "../../src/index.js";

declare module "fastify" {
  interface Session {
    user?: string;
  }
}

declare const client: RedisClient;

describe("what an application has declared that its sessions hold", () => {
  const store = new FastifySessionStore<Session>({ client });

  test("is known to its routes, with this store", () => {
    const app = fastify();
    app.register(fastifyCookie);
    app.register(fastifySession, { store, secret: "s" });
    app.get("/", ({ session }) => {
      expectTypeOf(session.user).toEqualTypeOf<string | undefined>();
      // @ts-expect-error: not declared
      return session.nobody;
    });
  });

  test("is known to the store", () => {
    expectTypeOf(store.store).toEqualTypeOf<SessionStore<Session>>();
    store.store.find(({ data }) => data.user === "ada");
    // @ts-expect-error: not declared
    store.store.find(({ data }) => data.nobody);
  });

  test("fits where @fastify/session wants a store", () => {
    expectTypeOf(store).toExtend<fastifySession.SessionStore>();
  });
});
