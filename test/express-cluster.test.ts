import { RedisStore as ConnectRedisStore } from "connect-redis";
import { createClient } from "redis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ClusteredRedisStore } from "../src/index.js";
import { eventually } from "./support/eventually.js";
import { startApp } from "./support/express-app.js";
import { startExpressNode } from "./support/express-node.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "./support/node.js";
import { useRedis } from "./support/redis-server.js";

const redis = useRedis();

describe.each(CURRENT_CLIENT_KINDS)("Express apps on several nodes, on $name", (kind) => {
  async function startApps() {
    const names = clusterNames();
    const start = () => startExpressNode({ kind, port: redis.port, names });
    const [{ store: here }, { store: there }] = await Promise.all([start(), start()]);
    return { there, apps: [await startApp(here), await startApp(there)] as const };
  }

  /** Somebody who is logged in on one node, seen from there and from the other one, which holds the session too. */
  async function startVisit() {
    const { there: store, apps } = await startApps();
    const here = apps[0].visitor();
    await here.visit("/login/ada");
    const there = apps[1].visitor(here);
    await there.visit("/me");
    expect(store.store.peek(there.id)).toBeDefined();
    return { here, there };
  }

  test("know who logged in on another one", async () => {
    const { apps } = await startApps();
    const visitor = apps[0].visitor();
    expect((await visitor.visit("/me")).status).toBe(401);
    await visitor.visit("/login/ada");
    expect((await apps[1].visitor(visitor).visit("/me")).body).toBe('{"user":"ada"}');
  });

  test("do not bring a session back by saving what they have read, with resave: true", async () => {
    const names = clusterNames();
    const { store: here } = await startExpressNode({ kind, port: redis.port, names });
    const { store: there } = await startExpressNode({ kind, port: redis.port, names });
    const visitor = (await startApp(here)).visitor();
    await visitor.visit("/login/ada");
    let goOn = () => {};
    const readings = new Promise<void>((resolve) => {
      const get = there.get.bind(there) as (id: string, callback: (error: unknown) => void) => void;
      there.get = ((id: string, callback: (error?: unknown, found?: unknown) => void) =>
        get(id, (...answer: unknown[]) => {
          goOn = () => callback(...answer);
          resolve();
        })) as never;
    });
    const late = (await startApp(there, { resave: true })).visitor(visitor).visit("/me");
    await readings;
    await visitor.visit("/logout");
    goOn();
    expect((await late).body).toBe('{"user":"ada"}'); // it began before the logout
    expect(await here.length()).toBe(0);
    expect((there.store as ClusteredRedisStore).stats().resurrectionsBlocked).toBe(1);
  });

  test("see what was changed on another one, though they hold the session", async () => {
    const { here, there } = await startVisit();
    await here.visit("/color/green");
    await eventually(async () => (await there.visit("/me")).body === '{"user":"ada","color":"green"}');
    await there.visit("/color/blue");
    await eventually(async () => (await here.visit("/me")).body === '{"user":"ada","color":"blue"}');
  });

  test("refuse who logged out on another one, though they hold the session", async () => {
    const { here, there } = await startVisit();
    await here.visit("/logout");
    await eventually(async () => (await there.visit("/me")).status === 401);
    expect((await here.visit("/me")).status).toBe(401);
  });

  test("refuse the id from before a login", async () => {
    const { apps } = await startApps();
    const visitor = apps[0].visitor();
    await visitor.visit("/login/ada");
    const old = apps[1].visitor(visitor);
    await old.visit("/me");
    await visitor.visit("/login/grace");
    await eventually(async () => (await old.visit("/me")).status === 401);
    expect((await visitor.visit("/me")).body).toBe('{"user":"grace"}');
  });
});

describe.each(CURRENT_CLIENT_KINDS)("sessions of connect-redis, on $name", (kind) => {
  async function startBoth() {
    const names = clusterNames();
    const client = createClient({ url: redis.url });
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.destroy());
    const before = await startApp(new ConnectRedisStore({ client, prefix: names.prefix }));
    const { store } = await startExpressNode({ kind, port: redis.port, names });
    const key = (id: string) => names.prefix + id;
    return { before, after: await startApp(store), store, ttlMs: (id: string) => client.pTTL(key(id)) };
  }

  test("go on with ours, without a new login", async () => {
    const { before, after, ttlMs } = await startBoth();
    const user = before.visitor();
    await user.visit("/login/ada");
    const same = after.visitor(user);
    for (let n = 0; n < 3; n++) expect((await same.visit("/me")).body).toBe('{"user":"ada"}');
    await same.visit("/color/green");
    expect((await same.visit("/me")).body).toBe('{"user":"ada","color":"green"}');
    expect(same.id).toBe(user.id);
    expect(await ttlMs(user.id)).toBeGreaterThan(3_000_000);
  });

  test("keep their end until they are used", async () => {
    const { before, store, ttlMs } = await startBoth();
    const user = before.visitor();
    await user.visit("/login/ada");
    const leftMs = await ttlMs(user.id);
    const { cookie } = (await store.get(user.id)) ?? {};
    expect(await ttlMs(user.id)).toBeLessThanOrEqual(leftMs);
    expect(cookie?.originalMaxAge).toBeGreaterThan(3_599_000);
  });

  test("are touched as they are, so that both may be in use", async () => {
    const { before, after } = await startBoth();
    const user = before.visitor();
    await user.visit("/login/ada");
    const same = after.visitor(user);
    expect((await same.visit("/me")).status).toBe(200);
    expect((await user.visit("/me")).status).toBe(200);
  });

  test("end with a logout", async () => {
    const { before, after } = await startBoth();
    const user = before.visitor();
    await user.visit("/login/ada");
    const same = after.visitor(user);
    await same.visit("/logout");
    expect((await same.visit("/me")).status).toBe(401);
    expect((await user.visit("/me")).status).not.toBe(200); // connect-redis cannot read what is left, and says so
  });

  test("are listed and counted", async () => {
    const { before, store } = await startBoth();
    const user = before.visitor();
    await user.visit("/login/ada");
    expect(await store.length()).toBe(1);
    expect(await store.all()).toMatchObject([{ id: user.id, user: "ada" }]);
    expect(await store.ids()).toEqual([user.id]);
  });
});
