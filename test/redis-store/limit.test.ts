import { expect, test } from "vitest";
import { ClusteredRedisStore, RedisStore } from "../../src/index.js";
import type { Command, RedisPort, Reply } from "../../src/redis/port.js";
import { DELETE } from "../../src/redis/scripts/delete.js";
import type { Script } from "../../src/redis/scripts/script.js";
import { USER_SESSIONS } from "../../src/redis/scripts/user-sessions.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { SimulatedRedis } from "../../src/testing/simulated-redis.js";
import { eventually } from "../support/eventually.js";

type Data = { n: number };

const clock = new ManualClock();

/** What a client does with one script: answers by itself, lets it pass, or fails. */
type Interception = (script: Script | undefined, reply: () => Reply) => Promise<Reply> | Reply;

/** A client that says which of the scripts that matter here is sent. */
function clientWith(intercept: Interception): RedisPort {
  const server = new SimulatedRedis({ clock });
  const known = [DELETE, USER_SESSIONS];
  return {
    send: async (command: Command) => {
      const script = known.find(({ lua, sha1 }) => command[1] === lua || command[1] === sha1);
      return intercept(script, () => server.execute(command));
    },
    subscribe: () => Promise.reject(new Error("no subscription")),
  };
}

/** Refuses one script alone, for as long as it `fails`. */
function refuse(refused: Script, fails = () => true): Interception {
  return (script, reply) => {
    if (script === refused && fails()) throw new Error("NOPERM not now");
    return reply();
  };
}

async function idsOf(store: RedisStore<Data> | ClusteredRedisStore<Data>, user: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of store.sessionsOf(user)) ids.push(id);
  return ids;
}

test.each([1, 2, 3])("logins that all see each other leave %d, which work", async (maxSessionsPerUser) => {
  const logins = 5;
  let listing = 0;
  let allSee = () => {};
  const seen = new Promise<void>((resolve) => {
    allSee = resolve;
  });
  const client = clientWith(async (script, reply) => {
    const answer = reply();
    if (script === USER_SESSIONS) {
      if (++listing === logins) allSee();
      await seen;
    }
    return answer;
  });
  const nodes = Array.from(
    { length: logins },
    () => new RedisStore<Data>({ client, clock, maxSessionsPerUser }),
  );
  const sessions = await Promise.all(nodes.map((node, n) => node.create({ n }, { user: "ada" })));
  const [store] = nodes as [RedisStore<Data>];
  const left = await idsOf(store, "ada");
  expect(left).toHaveLength(maxSessionsPerUser);
  expect(sessions.map(({ id }) => id)).toEqual(expect.arrayContaining(left));
});

test("a login stands whose others could not be looked for, which is told", async () => {
  const client = clientWith(refuse(USER_SESSIONS));
  const alone = { cluster: { enabled: false }, breaker: { enabled: false } };
  for (const store of [
    new RedisStore<Data>({ client, clock, maxSessionsPerUser: 1 }),
    new ClusteredRedisStore<Data>({ client, clock, maxSessionsPerUser: 1, ...alone }),
  ]) {
    const told: unknown[] = [];
    store.on("limit-failed", (user, error) => told.push([user, error]));
    const { id } = await store.create({ n: 1 }, { user: "ada" });
    await store.set(id, { n: 2 }, { user: "ada" });
    expect((await store.get(id))?.data).toEqual({ n: 2 });
    const failure = ["ada", expect.objectContaining({ code: "STORE_UNAVAILABLE" })];
    expect(told).toEqual([failure, failure]);
  }
});

test("a session that is too many and could not be ended is ended later by a node with a cache", async () => {
  let fails = true;
  const client = clientWith(refuse(DELETE, () => fails));
  const store = new ClusteredRedisStore<Data>({
    client,
    clock,
    maxSessionsPerUser: 1,
    cluster: { enabled: false },
    breaker: { enabled: false },
  });
  let told = 0;
  store.on("limit-failed", () => told++);
  await store.create({ n: 1 }, { user: "ada" });
  const { id } = await store.create({ n: 2 }, { user: "ada" });
  expect(told).toBe(1);
  expect(store.stats().deletionsPending).toBe(1);
  fails = false;
  await eventually(async () => {
    clock.advance(1_000);
    return (await idsOf(store, "ada")).length === 1;
  });
  expect(await idsOf(store, "ada")).toEqual([id]);
});
