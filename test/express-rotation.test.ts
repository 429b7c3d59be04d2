import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import session from "express-session";
import { describe, expect, onTestFinished, test } from "vitest";
import { ExpressSessionStore } from "../src/adapters/express.js";
import { InvalidOptionError, MemoryStore } from "../src/index.js";
import type { RedisClient } from "../src/redis/detect.js";
import { Gates } from "../src/testing/adapter-suite/gates.js";
import { Visitor } from "../src/testing/express-contract/visitor.js";
import { eventually } from "./support/eventually.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "./support/node.js";
import { useRedis } from "./support/redis-server.js";

const redis = useRedis();

describe.each(CURRENT_CLIENT_KINDS)("with a grace, on $name", (kind) => {
  async function open(rotationGraceMs: number) {
    const names = clusterNames();
    const gates = new Gates();
    const openNode = async () => {
      const client = kind.create(redis.port);
      const store = new ExpressSessionStore({ client: client as RedisClient, ...names, rotationGraceMs });
      await store.store.start();
      const app = express();
      app.use(session({ store, secret: "a secret", resave: false, saveUninitialized: false }));
      app.get("/login/:user", (request, response, next) => {
        request.session.regenerate(async (error) => {
          if (error) return next(error);
          await gates.pass("login");
          request.session.user = request.params.user;
          response.send("welcome");
        });
      });
      app.get("/color/:color", async (request, response) => {
        await gates.pass(request.params.color);
        request.session.color = request.params.color;
        response.send("noted");
      });
      app.get("/logout", (request, response, next) => {
        request.session.destroy((error) => (error ? next(error) : response.send("bye")));
      });
      app.get("/", (request, response) => {
        const { user, color } = request.session;
        response.json({ user, color });
      });
      const server = app.listen(0, "127.0.0.1");
      await once(server, "listening");
      onTestFinished(async () => {
        server.closeAllConnections();
        server.close();
        await store.store.close();
        await kind.close(client);
      });
      const { port } = server.address() as AddressInfo;
      return (from?: Visitor) => {
        const visitor = new Visitor(port);
        if (from !== undefined) visitor.cookie = from.cookie;
        return visitor;
      };
    };
    const [here, there] = [await openNode(), await openNode()];
    gates.open("white");
    const before = here();
    await before.visit("/color/white");
    return { gates, here, there, before };
  }
  const HOUR_MS = 3_600_000;

  test("a request that began under the old id writes to the new session, and one that begins then reads it", async () => {
    const { gates, here, there, before } = await open(HOUR_MS);
    const slow = there(before).visit("/color/green");
    await gates.reached("green");
    const user = here(before);
    gates.open("login");
    await user.visit("/login/ada");
    expect(user.id).not.toBe(before.id);
    gates.open("green");
    expect((await slow).body).toBe("noted");
    for (const visitor of [here(user), there(user), here(before), there(before)]) {
      await eventually(async () => (await visitor.visit("/")).body === '{"user":"ada","color":"green"}');
    }
  });

  test("a request that writes before the new session has been saved writes to it as well", async () => {
    const { gates, here, there, before } = await open(HOUR_MS);
    const slow = there(before).visit("/color/green");
    await gates.reached("green");
    const user = here(before);
    const login = user.visit("/login/ada");
    await gates.reached("login");
    gates.open("green");
    await slow;
    gates.open("login");
    await login;
    expect((await there(user).visit("/")).body).toBe('{"user":"ada","color":"green"}');
  });

  test("a logout under the old id ends the new session", async () => {
    const { gates, here, there, before } = await open(HOUR_MS);
    gates.open("login");
    const user = here(before);
    await user.visit("/login/ada");
    await there(before).visit("/logout");
    for (const visitor of [here(user), there(user), here(before), there(before)]) {
      await eventually(async () => (await visitor.visit("/")).body === "{}");
    }
  });

  test("of two logins at once, each visitor is who logged in there", async () => {
    const { gates, here, there, before } = await open(HOUR_MS);
    const [one, two] = [here(before), there(before)];
    const logins = [one.visit("/login/ada"), two.visit("/login/grace")];
    gates.open("login");
    await Promise.all(logins);
    expect((await one.visit("/")).body).toBe('{"user":"ada"}');
    expect((await two.visit("/")).body).toBe('{"user":"grace"}');
  });

  test("after the grace, the old id is over", async () => {
    const { gates, here, there, before } = await open(50);
    gates.open("login");
    const user = here(before);
    await user.visit("/login/ada");
    for (const visitor of [here(before), there(before)]) {
      await eventually(async () => (await visitor.visit("/")).body === "{}");
    }
    expect((await there(user).visit("/")).body).toBe('{"user":"ada"}');
  });
});

test.each([-1, 0.5, 3_600_001, "1"])("a grace of %s is refused", (rotationGraceMs) => {
  const make = () => new ExpressSessionStore({ store: new MemoryStore(), rotationGraceMs } as never);
  expect(make).toThrow(InvalidOptionError);
  expect(make).toThrow("rotationGraceMs");
});
