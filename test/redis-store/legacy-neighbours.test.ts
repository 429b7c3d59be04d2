import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { COOKIE_FORMAT, type CookieSession } from "../../src/adapters/cookie-session.js";
import { flowOf, SessionBase } from "../../src/adapters/session-flow.js";
import { ClusteredRedisStore, RedisStore } from "../../src/index.js";
import { useRawRedis } from "../support/raw-redis.js";

const redis = useRawRedis();

test("a change of another store that this node has seen is merged", async () => {
  const prefix = `${randomUUID()}:`;
  const options = { client: redis.client, prefix, cluster: { enabled: false } };
  const store = new ClusteredRedisStore<CookieSession>(options);
  const flow = flowOf<CookieSession>({ store }, COOKIE_FORMAT);
  await redis.send("SET", `${prefix}id`, '{"cookie":{"path":"/"},"a":1}', "PX", "60000");
  const found = await store.get("id");
  if (found === undefined) throw new Error("it is not read");
  await redis.send("SET", `${prefix}id`, '{"cookie":{"path":"/"},"a":1,"theirs":true}', "PX", "60000");
  await store.get("id", { consistency: "strong" });
  await flow.save("id", { cookie: { path: "/" } as never, a: 2 }, new SessionBase("id", found));
  expect((await store.get("id"))?.data).toMatchObject({ a: 2, theirs: true });
  await store.close();
});

test("add() of an id that another store has is a conflict", async () => {
  const name = randomUUID();
  const options = { client: redis.client, prefix: `${name}:new:`, legacy: { prefix: `${name}:old:` } };
  const store = new RedisStore<{ n: number }>(options);
  await redis.send("SET", `${name}:old:id`, '{"n":1}', "PX", "600000");
  await expect(store.add("id", { n: 2 })).rejects.toMatchObject({ code: "SESSION_CONFLICT" });
  await store.close();
});
