import { describe, expect, onTestFinished, test } from "vitest";
import { type BetterAuthStorage, betterAuthStorage } from "../src/adapters/better-auth.js";
import {
  InvalidOptionError,
  InvalidSessionIdError,
  MemoryStore,
  type RedisClient,
  SessionCorruptError,
  SessionRevokedError,
  StoreUnavailableError,
} from "../src/index.js";
import { ManualClock } from "../src/testing/manual-clock.js";
import { type AuthNodeOptions, authSite, startAuthNode, tokenOf, userDatabase } from "./support/auth-node.js";
import { CLIENT_KINDS } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import { CURRENT_CLIENT_KINDS, clusterNames } from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";
import { recordSessionCommands } from "./support/session-commands.js";

const ADA = "ada@example.com";
const TOKEN = "abcdefghijklmnopqrstuvwxyzABCDEF";
/** Every reading renews the session. */
const RENEWING = { session: { updateAge: 0 } };

const redis = useRedis();

/** Something to wait for. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

/** Lets the next writes of such keys wait, each; `reached` counts those that do. */
function holdingBack(keys: RegExp) {
  const { open, opened } = gate();
  const state = { reached: 0, armed: false, open };
  const wrap = (storage: BetterAuthStorage): Partial<BetterAuthStorage> => ({
    async set(key, value, ttl) {
      if (state.armed && keys.test(key)) {
        state.reached++;
        await opened;
      }
      await storage.set(key, value, ttl);
    },
  });
  return Object.assign(state, { wrap });
}

describe.each(CURRENT_CLIENT_KINDS)("on $name", (kind) => {
  /** Nodes that share users and sessions. */
  function cluster() {
    const shared = { kind, port: redis.port, names: clusterNames(), db: userDatabase() };
    return (options: Partial<AuthNodeOptions> = {}) => startAuthNode({ ...shared, ...options });
  }

  async function twoNodes(options?: Partial<AuthNodeOptions>) {
    const node = cluster();
    return Promise.all([node(options), node(options)]);
  }

  test("a session of one node is known to the other, until it is signed out on either", async () => {
    const [here, there] = await twoNodes();
    const cookie = await here.site.signUp(ADA);
    expect(await here.site.whoIs(cookie)).toBe(ADA);
    expect(await there.site.whoIs(cookie)).toBe(ADA);
    expect(there.store.peek(tokenOf(cookie))).toBeDefined();

    await here.site.signOut(cookie);
    expect(await here.site.whoIs(cookie)).toBeUndefined();
    await eventually(async () => (await there.site.whoIs(cookie)) === undefined);
    expect(await here.site.whoIs(await there.site.signIn(ADA))).toBe(ADA);
  });

  test("after a sign-out on one node, the other answers with the session no longer than the bound", async () => {
    const boundMs = 1_000;
    const [here, there] = await twoNodes({ maxStalenessMs: boundMs });
    const cookie = await here.site.signUp(ADA);
    await there.site.whoIs(cookie);
    await here.site.signOut(cookie);
    const signedOutAtMs = performance.now();
    let servedAtMs = signedOutAtMs;
    for (;;) {
      const askedAtMs = performance.now();
      if ((await there.site.whoIs(cookie)) === undefined) break;
      servedAtMs = askedAtMs;
    }
    expect(servedAtMs - signedOutAtMs).toBeLessThanOrEqual(boundMs);
    for (let n = 0; n < 20; n++) expect(await there.site.whoIs(cookie)).toBeUndefined();
  });

  test("whoever is known to a node costs no Redis command", async () => {
    const [here, there] = await twoNodes();
    const cookie = await here.site.signUp(ADA);
    await there.site.whoIs(cookie);
    const sent = recordSessionCommands(there.client);
    await eventually(async () => {
      sent.length = 0;
      return (await there.site.whoIs(cookie)) === ADA && sent.length === 0;
    });
    expect(await there.site.whoIs(cookie)).toBe(ADA);
    expect(sent).toEqual([]);
  });

  test("a session that is revoked while a request renews it does not come back", async () => {
    const node = cluster();
    const held = holdingBack(/^[A-Za-z0-9]{32}$/);
    const renewing = await node({ wrap: held.wrap, auth: RENEWING });
    const other = await node();
    const cookie = await other.site.signUp(ADA);
    held.armed = true;
    const renewal = renewing.site.whoIs(cookie);
    await eventually(() => held.reached === 1);
    await other.site.send("revoke-session", { cookie, body: { token: tokenOf(cookie) } });
    held.open();

    expect(await renewal).toBe(ADA); // it was read before the revocation
    expect(renewing.store.stats().resurrectionsBlocked).toBe(1);
    for (const { site } of [renewing, other]) expect(await site.whoIs(cookie)).toBeUndefined();
    const again = await other.site.signIn(ADA);
    expect(await other.site.sessions(again)).toEqual([tokenOf(again)]);
  });

  test("a login that is under way while all sessions are revoked is revoked with them", async () => {
    const node = cluster();
    const held = holdingBack(/^active-sessions-/);
    const [slow, other] = [await node({ wrap: held.wrap }), await node()];
    const cookie = await other.site.signUp(ADA);
    held.armed = true;
    const login = slow.site.signIn(ADA);
    await eventually(() => held.reached === 1);
    const startedAtMs = Date.now();
    await eventually(() => Date.now() > startedAtMs); // better-auth compares the times of both
    expect((await other.site.send("revoke-sessions", { cookie, body: {} })).status).toBe(200);
    held.open();

    const late = await login;
    for (const { site } of [slow, other]) {
      await eventually(async () => (await site.whoIs(late)) === undefined);
      expect(await site.whoIs(cookie)).toBeUndefined();
    }
  });

  test("a login that is under way while the others are revoked is not among them: it is not listed yet", async () => {
    const node = cluster();
    const held = holdingBack(/^active-sessions-/);
    const [slow, other] = [await node({ wrap: held.wrap }), await node()];
    const cookie = await other.site.signUp(ADA);
    const known = await other.site.signIn(ADA);
    held.armed = true;
    const login = slow.site.signIn(ADA);
    await eventually(() => held.reached === 1);
    await other.site.send("revoke-other-sessions", { cookie, body: {} });
    held.open();

    const late = await login;
    expect(await other.site.whoIs(known)).toBeUndefined();
    expect(await other.site.whoIs(late)).toBe(ADA);
    expect(await other.site.sessions(cookie)).toEqual([cookie, late].map(tokenOf).sort());
  });

  test.each([
    ["the first", false],
    ["more", true],
  ])("of %s concurrent logins on two nodes, both are listed, and revoked by the list", async (_, hasOne) => {
    const node = cluster();
    const held = holdingBack(/^active-sessions-/);
    const [here, there] = [await node({ wrap: held.wrap }), await node({ wrap: held.wrap })];
    const first = await here.site.signUp(ADA);
    if (!hasOne) await here.site.signOut(first);
    held.armed = true;
    const logins = [here.site.signIn(ADA), there.site.signIn(ADA)];
    await eventually(() => held.reached === 2); // both have read the list, and neither has written it
    held.open();
    const cookies = await Promise.all(logins);
    if (hasOne) cookies.push(first);

    const [own = "", ...others] = cookies;
    for (const { site } of [here, there]) {
      expect(await site.sessions(own)).toEqual(cookies.map(tokenOf).sort());
    }
    await here.site.send("revoke-other-sessions", { cookie: own, body: {} });
    expect(await here.site.sessions(own)).toEqual([tokenOf(own)]);
    for (const cookie of others) await eventually(async () => (await there.site.whoIs(cookie)) === undefined);
    expect(await there.site.whoIs(own)).toBe(ADA);
  });

  test("many logins at a time are all listed", async () => {
    const [here, there] = await twoNodes();
    const cookies = [await here.site.signUp(ADA)];
    const sites = Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? here.site : there.site));
    cookies.push(...(await Promise.all(sites.map((site) => site.signIn(ADA)))));
    expect(await here.site.sessions(cookies[0] ?? "")).toEqual(cookies.map(tokenOf).sort());
  });

  test("sessions are their user's, so the store can revoke them all, acknowledged", async () => {
    const [here, there] = await twoNodes({ maxStalenessMs: 1_000 });
    const cookies = [await here.site.signUp(ADA), await there.site.signIn(ADA)];
    const userId = here.store.peek(tokenOf(cookies[0] ?? ""))?.user ?? "";
    expect(userId).not.toBe("");
    await here.store.revokeUser(userId);
    for (const { site } of [here, there]) {
      for (const cookie of cookies) expect(await site.whoIs(cookie)).toBeUndefined();
    }
    expect(await there.site.whoIs(await here.site.signIn(ADA))).toBe(ADA);
  });

  test("limits on the rate of requests hold for both nodes together", async () => {
    const rateLimit = { enabled: true, window: 600, max: 3, customRules: {} };
    const [here, there] = await twoNodes({ auth: { rateLimit } });
    const statuses: number[] = [];
    for (const { site } of [here, there, here, there]) statuses.push((await site.send("ok")).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
  });

  test("a value that is to be used once is given out once", async () => {
    const [here, there] = await twoNodes();
    await here.storage.set("verification:a", '{"n":1}', 60);
    const storages = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? here : there).storage);
    const taken = await Promise.all(storages.map((storage) => storage.getAndDelete("verification:a")));
    expect(taken.filter((value) => value !== null)).toEqual(['{"n":1}']);
    for (const { storage } of [here, there]) expect(await storage.get("verification:a")).toBeNull();
    await there.storage.set("verification:a", '{"n":2}', 60);
    expect(await here.storage.get("verification:a")).toBe('{"n":2}');
  });

  test("nodes count together, for as long as the first has said", async () => {
    const [here, there] = await twoNodes();
    const storages = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? here : there).storage);
    const counts = await Promise.all(storages.map((storage) => storage.increment("rate", 60)));
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
    await here.storage.increment("rate", 6_000);
    const reply = await redisCommand(redis.port, "PTTL", `sessionmesh:counter:${here.prefix}rate`);
    const lifeMs = Number.parseInt(reply.slice(1), 10);
    expect(lifeMs).toBeGreaterThan(0);
    expect(lifeMs).toBeLessThanOrEqual(60_000);
    expect(await there.storage.get("rate")).toBeNull();
  });

  test("what other nodes write of all but sessions is read at once", async () => {
    const [here, there] = await twoNodes();
    for (const key of ["verification:a", "active-sessions-1", "revoked-sessions-before-1", "custom"]) {
      expect(await there.storage.get(key)).toBeNull();
      for (const value of ["[]", '"1"', "text", '{"a":1}']) {
        await here.storage.set(key, value, 60);
        if (key.startsWith("revoked")) await eventually(async () => (await there.storage.get(key)) === value);
        else expect(await there.storage.get(key)).toBe(value);
      }
      await here.storage.delete(key);
      if (key.startsWith("revoked")) await eventually(async () => (await there.storage.get(key)) === null);
      else expect(await there.storage.get(key)).toBeNull();
    }
  });
});

describe("the storage", () => {
  function inMemory() {
    const clock = new ManualClock();
    const store = new MemoryStore({ ttlMs: 100_000, clock });
    return { clock, store, storage: betterAuthStorage({ store }) };
  }

  test("runs better-auth in the memory of one process, too", async () => {
    const site = authSite(betterAuthStorage({ store: new MemoryStore() }), userDatabase());
    const cookie = await site.signUp(ADA);
    expect(await site.whoIs(cookie)).toBe(ADA);
    const others = await Promise.all([site.signIn(ADA), site.signIn(ADA)]);
    expect(await site.sessions(cookie)).toEqual([cookie, ...others].map(tokenOf).sort());
    await site.signOut(cookie);
    expect(await site.whoIs(cookie)).toBeUndefined();
    expect(await site.whoIs(others[0] ?? "")).toBe(ADA);
  });

  test("keeps a value for its seconds, fractions included, and otherwise for those of the store", async () => {
    const { clock, storage } = inMemory();
    await storage.set("short", "a", 1.5);
    await storage.set("long", "b");
    clock.advance(1_499);
    expect(await storage.get("short")).toBe("a");
    clock.advance(1);
    expect(await storage.get("short")).toBeNull();
    expect(await storage.get("long")).toBe("b");
    clock.advance(98_500);
    expect(await storage.get("long")).toBeNull();
  });

  test.each([
    0, -1,
  ])("with %d seconds, a value is over as it comes, and so is the one before", async (ttl) => {
    const { storage } = inMemory();
    for (const key of ["a", TOKEN]) {
      await storage.set(key, "old", 60);
      await storage.set(key, "new", ttl);
      expect(await storage.get(key)).toBeNull();
      await storage.set(key, "newer", 60);
      expect(await storage.get(key)).toBe("newer");
    }
  });

  test.each([
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "60",
    null,
  ])("refuses %s as a number of seconds", async (ttl) => {
    const { storage } = inMemory();
    await expect(storage.set("a", "b", ttl as number)).rejects.toThrow(InvalidOptionError);
    await expect(storage.increment("a", ttl as number)).rejects.toThrow(InvalidOptionError);
    expect(await storage.get("a")).toBeNull();
  });

  test.each([0, -1, undefined])("refuses to count for %s seconds", async (ttl) => {
    await expect(inMemory().storage.increment("a", ttl as number)).rejects.toThrow(InvalidOptionError);
  });

  test("brings no session back that was deleted, and all else", async () => {
    const { storage, store } = inMemory();
    await storage.set(TOKEN, "{}", 60);
    await storage.delete(TOKEN);
    await storage.set(TOKEN, "{}", 60);
    expect(await storage.get(TOKEN)).toBeNull();
    for (const key of ["active-sessions-1", "verification:1", "a", `${TOKEN}1`, TOKEN.slice(1)]) {
      await storage.set(key, "[]", 60);
      await storage.delete(key);
      await storage.set(key, "[]", 60);
      expect(await storage.get(key), key).toBe("[]");
    }
    await store.delete("a"); // by somebody else
    await expect(storage.set("a", "b", 60)).rejects.toThrow(SessionRevokedError);
  });

  test("gives every text back as it was", async () => {
    const { storage } = inMemory();
    for (const text of ["text", "1", "null", '"a"', "{", '{"a":1}', "é\n\u0000"]) {
      for (const key of ["a", TOKEN, "revoked-sessions-before-1", "active-sessions-1"]) {
        await storage.set(key, text, 60);
        expect(await storage.get(key)).toBe(text);
      }
    }
  });

  test("notes in the store that a user was never revoked, and tells nobody", async () => {
    const { storage, store } = inMemory();
    const key = "revoked-sessions-before-1";
    expect(await Promise.all([storage.get(key), storage.get(key)])).toEqual([null, null]);
    expect(store.peek(key)).toBeDefined();
    expect(await storage.getAndDelete(key)).toBeNull();
    await storage.set(key, "5", 60);
    expect(await storage.getAndDelete(key)).toBe("5");
  });

  test("refuses a key that can be none, and says why", async () => {
    const { storage } = inMemory();
    for (const key of ["", "a\nb", "k".repeat(513)]) {
      const calls = [
        storage.get(key),
        storage.set(key, "v", 60),
        storage.delete(key),
        storage.getAndDelete(key),
        storage.increment(key, 60),
      ];
      for (const call of calls) await expect(call).rejects.toThrow(InvalidSessionIdError);
    }
    await storage.set("k".repeat(512), "v", 60);
    expect(await storage.get("k".repeat(512))).toBe("v");
  });

  test("refuses a store that can only keep sessions", () => {
    const store = { start: async () => {}, get: async () => undefined };
    expect(() => betterAuthStorage({ store: store as never })).toThrow(InvalidOptionError);
  });

  test("is called without its object, too", async () => {
    const { get, set, delete: remove, getAndDelete, increment } = inMemory().storage;
    await set("a", "b", 60);
    expect([await get("a"), await getAndDelete("a"), await increment("a", 60)]).toEqual(["b", "b", 1]);
    await remove("a");
  });
});

describe("without Redis", () => {
  test.each(CURRENT_CLIENT_KINDS)("on $name, every call is rejected in time", async (kind) => {
    const client = kind.create(1);
    const storage = betterAuthStorage({ client: client as RedisClient, commandTimeoutMs: 200 });
    onTestFinished(async () => {
      await storage.store.close();
      await kind.close(client);
    });
    const calls = ["a", TOKEN, "active-sessions-1", "revoked-sessions-before-1"].flatMap((key) => [
      storage.get(key),
      storage.set(key, "[]", 60),
      storage.delete(key),
      storage.getAndDelete(key),
      storage.increment(key, 60),
    ]);
    const outcomes = await Promise.allSettled(calls);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(StoreUnavailableError) });
    }
  });
});

describe("a Redis that is full", () => {
  const full = useRedis();

  test("is enough for who is logged in", async () => {
    const [kind] = CURRENT_CLIENT_KINDS;
    if (kind === undefined) throw new Error("no client kind");
    const { site } = await startAuthNode({
      kind,
      port: full.port,
      names: clusterNames(),
      db: userDatabase(),
    });
    const cookie = await site.signUp(ADA);
    await redisCommand(full.port, "CONFIG", "SET", "maxmemory", "1");
    expect(await site.whoIs(cookie)).toBe(ADA);
    await expect(site.signIn(ADA)).rejects.toThrow();
    expect(await site.whoIs(cookie)).toBe(ADA);
  });
});

test("sessions that another storage kept as plain JSON go on; its lists are refused, and stay", async () => {
  const [kind] = CLIENT_KINDS;
  if (kind === undefined) throw new Error("no client kind");
  const client = kind.create(redis.port);
  const { prefix, cluster } = clusterNames();
  const storage = betterAuthStorage({ client: client as RedisClient, prefix, cluster });
  onTestFinished(async () => {
    await storage.store.close();
    await kind.close(client);
  });
  await redisCommand(redis.port, "SET", `${prefix}${TOKEN}`, "{}");
  await redisCommand(redis.port, "SET", `${prefix}active-sessions-1`, "[]");
  expect(await storage.get(TOKEN)).toBe("{}");
  await expect(storage.get("active-sessions-1")).rejects.toThrow(SessionCorruptError);
  expect(await redisCommand(redis.port, "GET", `${prefix}active-sessions-1`)).toContain("[]");
});
