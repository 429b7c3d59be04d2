import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { RedisStore, SessionMeshError } from "../src/index.js";
import type { RedisClient } from "../src/redis/detect.js";
import { CLIENT_KINDS } from "./support/clients.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";

/** Part of every id and of all data here: what a log must never show. */
const SECRET = "c0ffee";

/** What a careless application logs of an error: all that there is, with its causes. */
async function logOf(operation: Promise<unknown>): Promise<string> {
  const error = await operation.then(
    () => expect.fail("did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SessionMeshError);
  return inspect(error, { depth: null, showHidden: true });
}

describe.each(CLIENT_KINDS)("no error gives away a session, with $name:", (kind) => {
  const redis = useRedis();

  async function openStore() {
    const client = await kind.connect(redis.port);
    onTestFinished(() => kind.close(client));
    return new RedisStore({ client: client as RedisClient, commandTimeoutMs: 5_000 });
  }

  test("a write that Redis refuses", async () => {
    const store = await openStore();
    await redisCommand(redis.port, "CONFIG", "SET", "maxmemory", "1");
    onTestFinished(async () => void (await redisCommand(redis.port, "CONFIG", "SET", "maxmemory", "0")));
    expect(await logOf(store.set(SECRET, { token: SECRET }))).not.toContain(SECRET);
  });

  test("a key that holds no string", async () => {
    const store = await openStore();
    await redisCommand(redis.port, "HSET", `sess:${SECRET}`, "token", SECRET);
    expect(await logOf(store.get(SECRET))).not.toContain(SECRET);
    expect(await logOf(store.delete(SECRET))).not.toContain(SECRET);
    await redisCommand(redis.port, "DEL", `sess:${SECRET}`);
  });

  test("a record that is no session", async () => {
    const store = await openStore();
    await redisCommand(redis.port, "SET", `sess:${SECRET}`, SECRET);
    expect(await logOf(store.get(SECRET))).not.toContain(SECRET);
  });

  test("a record whose data is broken", async () => {
    const store = await openStore();
    await redisCommand(redis.port, "SET", `sess:${SECRET}`, `'{"token":${SECRET}}'`);
    expect(await logOf(store.get(SECRET))).not.toContain(SECRET);
  });

  test("a conflict", async () => {
    const store = await openStore();
    await store.delete(SECRET);
    expect(await logOf(store.set(SECRET, { token: SECRET }, { ifRevision: "r" }))).not.toContain(SECRET);
  });
});
