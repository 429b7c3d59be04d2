import { randomUUID } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { CoordinatorStats, SessionEnded } from "../src/cluster/report.js";
import {
  RevocationUncertainError,
  SessionConflictError,
  SessionRevokedError,
  StoreClosedError,
} from "../src/index.js";
import { READ } from "../src/redis/scripts/read.js";
import { metaKey } from "../src/redis/session-table.js";
import { TcpProxy } from "../src/testing/tcp-proxy.js";
import type { ClientKind, TestClient } from "./support/clients.js";
import { eventually } from "./support/eventually.js";
import {
  CURRENT_CLIENT_KINDS,
  cached,
  expectGone,
  sharedBy,
  startNode,
  type TestStore,
} from "./support/node.js";
import { redisCommand } from "./support/redis-command.js";
import { useRedis } from "./support/redis-server.js";
import { shortCluster } from "./support/short-bound.js";

/** Waits include a whole bound on staleness, two seconds, on a machine that others use. */
const PATIENCE_MS = 60_000;

/** Puts itself between a client and the replies to the reads of a session. */
function interceptReads(kind: ClientKind, intercept: (record: string) => Promise<void> | void): ClientKind {
  const intercepted = async (reply: Promise<unknown>) => {
    const read = (await reply) as ([record: string, lifeMs: number] | null)[];
    for (const found of read) if (found !== null) await intercept(found[0]);
    return read;
  };
  const isRead = ([, script]: readonly string[]) => script === READ.sha1 || script === READ.lua;
  const wrap = (client: TestClient) => {
    if ("call" in client) {
      const call = client.call.bind(client) as (...command: string[]) => Promise<unknown>;
      Object.assign(client, {
        call: (...command: string[]) => (isRead(command) ? intercepted(call(...command)) : call(...command)),
      });
    } else {
      const send = client.sendCommand.bind(client) as (
        command: string[],
        options?: object,
      ) => Promise<unknown>;
      Object.assign(client, {
        sendCommand: (command: string[], options?: object) =>
          isRead(command) ? intercepted(send(command, options)) : send(command, options),
      });
    }
    return client;
  };
  return { ...kind, create: (port) => wrap(kind.create(port)) };
}

/** What is published on the diagnostics channels of these events, while the test runs. */
function diagnostics(...events: string[]): unknown[] {
  const published: unknown[] = [];
  for (const event of events) {
    const subscriber = (message: unknown) => published.push([event, message]);
    subscribe(`sessionmesh:${event}`, subscriber);
    onTestFinished(() => void unsubscribe(`sessionmesh:${event}`, subscriber));
  }
  return published;
}

/** A bound on staleness that a test can wait for, and that a machine under load seldom misses. */
const BOUND_MS = 1_000;

describe.each(CURRENT_CLIENT_KINDS)("three nodes on $name", { timeout: PATIENCE_MS }, (kind) => {
  const redis = useRedis();
  let names: ReturnType<typeof shortCluster>;
  let a: TestStore;
  let b: TestStore;
  let c: TestStore;

  beforeEach(async () => {
    names = shortCluster(BOUND_MS);
    [a, b, c] = await Promise.all([another(), another(), another()]);
  });

  function another(options: Partial<Parameters<typeof startNode>[0]> = {}): Promise<TestStore> {
    return startNode({ kind, port: redis.port, ...names, ...options });
  }

  /** A session that all nodes hold in memory. */
  const shared = (user?: string) => sharedBy([a, b, c], user);

  const expectNone = (...ids: string[]) => expectGone([a, b, c], ids);

  /** The nodes that the registry has. */
  async function registered(): Promise<string[]> {
    const reply = await redisCommand(redis.port, "HKEYS", metaKey(names.cluster.channel));
    return reply.split("\r\n").flatMap((line) => (line.startsWith("n:") ? [line.slice(2)] : []));
  }

  /** A node that is registered, and says nothing. */
  async function addGhost(): Promise<void> {
    await redisCommand(redis.port, "HSET", metaKey(names.cluster.channel), "n:ghost", "5");
  }

  /** Lets a cluster stand for twice as long as a lease lasts: before, a node cannot be sure that the registry names all. */
  async function settle(...nodes: TestStore[]): Promise<void> {
    for (const node of nodes) while (!(await node.revoke("nobody")).acknowledged);
  }

  const ACKNOWLEDGED = { acknowledged: true, nodes: 2, waitedMs: expect.any(Number) };
  const coordinatorOf = (node: TestStore) => node.coordinator ?? expect.fail("a node has a coordinator");

  describe("revoke()", () => {
    test("resolves when all have dropped their copy, and said so", async () => {
      await settle(a);
      const id = await shared();
      const before = [a, b, c].map((node) => coordinatorOf(node).stats());
      expect(await a.revoke(id)).toEqual(ACKNOWLEDGED);
      await expectNone(id);
      const after = [a, b, c].map((node) => coordinatorOf(node).stats());
      const more = (count: (stats: CoordinatorStats) => number) =>
        after.map((stats, n) => count(stats) - count(before[n] ?? stats));
      expect(more(({ revocations }) => revocations.acknowledged)).toEqual([1, 0, 0]);
      expect(more(({ revocations }) => revocations.outlasted)).toEqual([0, 0, 0]);
      expect(more(({ acknowledgementsSent }) => acknowledgementsSent)).toEqual([0, 1, 1]);
    });

    test("takes much less than the bound on staleness once the cluster has stood for that long", async () => {
      await settle(a);
      const { waitedMs, acknowledged } = await a.revoke(await shared());
      expect(acknowledged).toBe(true);
      expect(waitedMs).toBeLessThan(BOUND_MS);
    });

    test("works from a node that does not hold the session", async () => {
      await settle(c);
      const { id } = await a.create({ n: 1 });
      await cached(b, id);
      expect(c.peek(id)).toBeUndefined();
      expect(await c.revoke(id)).toEqual(ACKNOWLEDGED);
      await expectNone(id);
    });

    test("is acknowledged also for a session that nobody holds, and for none at all", async () => {
      await settle(b);
      const { id } = await a.create({ n: 1 });
      a.evictFromCache(id);
      expect(await b.revoke(id)).toEqual(ACKNOWLEDGED);
      expect(await b.revoke("nobody")).toEqual(ACKNOWLEDGED);
      await expectNone(id, "nobody");
    });

    test("of the same session by two nodes at once, and twice by one, ends for all", async () => {
      await settle(a, b);
      const id = await shared();
      const revocations = await Promise.all([a.revoke(id), b.revoke(id), b.revoke(id)]);
      expect(revocations).toEqual([ACKNOWLEDGED, ACKNOWLEDGED, ACKNOWLEDGED]);
      await expectNone(id);
    });

    test("of many sessions at once from every node ends each", async () => {
      await settle(a, b, c);
      const ids = await Promise.all(Array.from({ length: 12 }, () => shared()));
      const nodes = [a, b, c];
      const revocations = await Promise.all(ids.map((id, n) => nodes[n % 3]?.revoke(id)));
      for (const revocation of revocations) expect(revocation).toEqual(ACKNOWLEDGED);
      await expectNone(...ids);
    });

    test("lets nobody bring the session back", async () => {
      const id = await shared();
      await a.revoke(id);
      for (const node of [a, b, c]) {
        await expect(node.set(id, { n: 2 })).rejects.toThrow(SessionRevokedError);
        expect(await node.touch(id)).toBe(false);
      }
      await expectNone(id);
    });

    test("is uncertain when a node says nothing in time, though the session is deleted", async () => {
      const id = await shared();
      await addGhost();
      const error = await a.revoke(id, { timeoutMs: 400 }).catch((error) => error);
      expect(error).toBeInstanceOf(RevocationUncertainError);
      expect(error).toMatchObject({ deleted: true });
      expect(a.peek(id)).toBeUndefined();
      for (const node of [b, c]) await eventually(() => node.peek(id) === undefined);
      await expectNone(id);
      await eventually(async () => !(await registered()).includes("ghost")); // its time ends all the same
    });

    test("waits for a node that says nothing until it cannot answer any more, then takes it out", async () => {
      const id = await shared();
      await addGhost();
      const { acknowledged, nodes, waitedMs } = await a.revoke(id);
      expect([acknowledged, nodes]).toEqual([false, 3]);
      expect(waitedMs).toBeGreaterThanOrEqual(BOUND_MS);
      await expectNone(id);
      expect(coordinatorOf(a).stats().revocations).toEqual({ acknowledged: 0, outlasted: 1 });
      await eventually(async () => !(await registered()).includes("ghost"));
      const next = await shared();
      expect(await a.revoke(next)).toEqual(ACKNOWLEDGED);
      await expectNone(next);
    });

    test("leaves a node in the registry that was silent, and has beaten since", async () => {
      await addGhost();
      const revocation = a.revoke(await shared());
      await eventually(() => b.coordinator?.stats().acknowledgementsSent === 1); // the registry has been read
      await redisCommand(redis.port, "HINCRBY", metaKey(names.cluster.channel), "n:ghost", "1");
      expect((await revocation).acknowledged).toBe(false);
      for (let n = 0; n < 2; n++) await a.healthy(); // comes after what it sent, also if the server had to be told the script
      expect(await registered()).toContain("ghost");
    });

    test("stops waiting when its caller does; the session is deleted all the same", async () => {
      const id = await shared();
      await addGhost();
      const controller = new AbortController();
      const reason = new Error("the request is gone");
      const revocation = a.revoke(id, { signal: controller.signal }).catch((error) => error);
      await eventually(() => b.peek(id) === undefined);
      controller.abort(reason);
      expect(await revocation).toBe(reason);
      await expectNone(id);
    });

    test("rejects when its node is closed meanwhile, and after it", async () => {
      const id = await shared();
      await addGhost();
      const revocation = a.revoke(id).catch((error) => error);
      await eventually(() => b.peek(id) === undefined);
      await a.close();
      expect(await revocation).toBeInstanceOf(StoreClosedError);
      await expect(a.revoke(id)).rejects.toThrow(StoreClosedError);
    });
  });

  describe("revokeUser()", () => {
    test("ends all sessions of the user on every node at once, and nobody else's", async () => {
      await settle(b);
      const ids = [await shared("ann"), await shared("ann"), await shared("ann")];
      const others = [await shared("bob"), await shared()];
      expect(await b.revokeUser("ann")).toEqual(ACKNOWLEDGED);
      await expectNone(...ids);
      for (const node of [a, b, c]) {
        for (const id of others) expect((await node.get(id))?.data).toEqual({ n: 1 });
      }
    });

    test("leaves a login that comes after it alone, on every node", async () => {
      const id = await shared("ann");
      await b.revokeUser("ann");
      const login = await c.create({ n: 2 }, { user: "ann" });
      const renamed = await a.set(await shared(), { n: 3 }, { user: "ann" });
      for (const node of [a, b, c]) {
        for (const session of [login, renamed]) {
          expect((await node.get(session.id))?.data).toEqual(session.data);
          await cached(node, session.id);
        }
      }
      await expectNone(id);
      const left: string[] = [];
      for await (const { id } of b.sessionsOf("ann")) left.push(id);
      expect(left.sort()).toEqual([login.id, renamed.id].sort());
    });

    test("is acknowledged also for a user without sessions", async () => {
      await settle(a);
      expect(await a.revokeUser("nobody")).toEqual(ACKNOWLEDGED);
    });

    test("by two nodes at once ends all", async () => {
      await settle(a, c);
      const id = await shared("ann");
      expect(await Promise.all([a.revokeUser("ann"), c.revokeUser("ann")])).toEqual([
        ACKNOWLEDGED,
        ACKNOWLEDGED,
      ]);
      await expectNone(id);
      const { id: login } = await b.create({ n: 2 }, { user: "ann" });
      expect(await a.get(login)).toBeDefined();
    });

    test("waits for a node that says nothing", async () => {
      const id = await shared("ann");
      await addGhost();
      await expect(a.revokeUser("ann", { timeoutMs: 400 })).rejects.toMatchObject({
        code: "REVOCATION_UNCERTAIN",
        deleted: true,
      });
      expect(a.peek(id)).toBeUndefined();
      expect(await a.revokeUser("ann")).toMatchObject({ acknowledged: false, nodes: 3 });
      await expectNone(id);
    });
  });

  describe("every node is told that a session ended", () => {
    const BARRIER = { reason: "deleted", id: "barrier" } as const;
    let told: SessionEnded[][];
    beforeEach(() => {
      told = [a, b, c].map((node) => {
        const heard: SessionEnded[] = [];
        node.on("session-ended", (ended) => heard.push(ended));
        return heard;
      });
    });

    /** What each node was told, now that all has arrived. */
    async function all(): Promise<SessionEnded[][]> {
      await a.delete(BARRIER.id);
      for (const heard of told) await eventually(() => heard.at(-1)?.id === BARRIER.id);
      return told.map((heard) => heard.slice(0, -1));
    }
    const onAll = (ended: SessionEnded) => [[ended], [ended], [ended]];

    test("by delete()", async () => {
      const id = await shared();
      await b.delete(id);
      expect(await all()).toEqual(onAll({ reason: "deleted", id }));
    });

    test("by revoke(), which the coordinators tell, too", async () => {
      const id = await shared();
      const revoked: string[] = [];
      for (const node of [a, b, c]) node.coordinator?.on("revoked", (id) => revoked.push(id));
      await b.revoke(id);
      expect(await all()).toEqual(onAll({ reason: "revoked", id }));
      expect(revoked).toEqual([id, id, id]);
    });

    test("by a login too many", async () => {
      const strict = await another({ maxSessionsPerUser: 1 });
      const id = await shared("ann");
      await strict.create({ n: 2 }, { user: "ann" });
      expect(await all()).toEqual(onAll({ reason: "limit", id }));
      await expectNone(id);
    });

    test("by many logins at the same time, but for as many as fit", async () => {
      const strict = await Promise.all([
        another({ maxSessionsPerUser: 1 }),
        another({ maxSessionsPerUser: 1 }),
      ]);
      for (const user of ["ann", "bob", "cleo"]) {
        const old = await shared(user);
        const logins = Array.from({ length: 10 }, (_, n) => strict[n % 2]?.create({ n }, { user }));
        const fresh = (await Promise.all(logins)).map((session) => session?.id ?? "");
        const left: string[] = [];
        for await (const { id } of a.sessionsOf(user)) left.push(id);
        expect(left).toHaveLength(1);
        expect(fresh).toContain(left[0]);
        for (const node of [a, ...strict]) {
          expect(await node.get(left[0] ?? "", { consistency: "strong" })).toBeDefined();
          expect(await node.get(old, { consistency: "strong" })).toBeUndefined();
        }
      }
      for (const heard of await all()) {
        expect(new Set(heard.map(({ reason }) => reason))).toEqual(new Set(["limit"]));
        expect(new Set(heard.map(({ id }) => id)).size).toBe(30); // two logins may end the same one
      }
    });

    test("by revokeUser(), once for all of them", async () => {
      await shared("ann");
      await shared("ann");
      await c.revokeUser("ann");
      expect(await all()).toEqual(onAll({ reason: "user-revoked", user: "ann" }));
    });

    test("by clear()", async () => {
      await shared();
      await b.clear();
      for (const heard of await all()) {
        expect(heard.length).toBeGreaterThan(0);
        for (const ended of heard) expect(ended).toEqual({ reason: "cleared" });
      }
    });

    test("and not that one was written, which is `invalidated` on the others", async () => {
      const id = await shared();
      // what told of its creation may come after the copy
      await eventually(() => [b, c].every((node) => node.coordinator?.stats().changesReceived === 1));
      const invalidated: [node: string, id: string][] = [];
      for (const [name, node] of Object.entries({ a, b, c })) {
        node.coordinator?.on("invalidated", (id) => invalidated.push([name, id]));
      }
      await b.set(id, { n: 2 });
      expect(await all()).toEqual([[], [], []]);
      expect(invalidated.sort()).toEqual([
        ["a", id],
        ["c", id],
      ]);
    });
  });

  describe("a node that has not heard of what happened", () => {
    let deaf: TestStore;
    let told: [event: string, id: string][];
    /** Held by the node that hears nothing from now on. */
    let id: string;
    beforeEach(async () => {
      const proxy = await TcpProxy.start({ targetPort: redis.port });
      onTestFinished(() => proxy.close());
      deaf = await another({
        subscribePort: proxy.port,
        cluster: { ...names.cluster, maxStalenessMs: 20_000 },
      });
      told = [];
      deaf.on("conflict", (id) => told.push(["conflict", id]));
      deaf.on("resurrection-blocked", (id) => told.push(["resurrection-blocked", id]));
      ({ id } = await a.create({ n: 1 }));
      await cached(deaf, id);
      proxy.stall();
    });

    test("is refused to write a session that was deleted, and drops its copy", async () => {
      await a.delete(id);
      expect(deaf.peek(id)).toBeDefined();
      await expect(deaf.set(id, { n: 2 })).rejects.toThrow(SessionRevokedError);
      expect(deaf.peek(id)).toBeUndefined();
      expect(await deaf.get(id)).toBeUndefined();
      expect(told).toEqual([["resurrection-blocked", id]]);
      expect(deaf.stats()).toMatchObject({ resurrectionsBlocked: 1, conflicts: 0 });
      expect(a.stats()).toMatchObject({ resurrectionsBlocked: 0 });
    });

    test("is refused to write over what it has not seen, learns what is there, and drops its copy", async () => {
      const { revision, data } = await a.set(id, { n: 2 });
      const ifRevision = deaf.peek(id)?.revision ?? "";
      const error = await deaf.set(id, { n: 3 }, { ifRevision }).catch((error) => error);
      expect(error).toBeInstanceOf(SessionConflictError);
      expect(error.current).toMatchObject({ data, revision });
      expect(JSON.stringify(error)).not.toContain(revision); // whoever logs the error does not log the session
      expect(deaf.peek(id)).toBeUndefined();
      expect(told).toEqual([["conflict", id]]);
      expect(deaf.stats()).toMatchObject({ resurrectionsBlocked: 0, conflicts: 1 });
    });

    test("is refused to delete what it has not seen, and is told no session", async () => {
      await a.set(id, { n: 2 });
      const ifRevision = deaf.peek(id)?.revision ?? "";
      const error = await deaf.delete(id, { ifRevision }).catch((error) => error);
      expect(error).toBeInstanceOf(SessionConflictError);
      expect(error.current).toBeUndefined();
      expect(told).toEqual([["conflict", id]]);
      expect((await a.get(id, { consistency: "strong" }))?.data).toEqual({ n: 2 });
    });

    test("finds no session to update that was deleted", async () => {
      await a.delete(id);
      const changes: unknown[] = [];
      expect(
        await deaf.update(id, (data) => {
          changes.push(data);
          return { n: 2 };
        }),
      ).toBeUndefined();
      expect(changes).toEqual([]);
    });

    test("finds none either if it is deleted while it thinks", async () => {
      const change = async () => {
        await a.delete(id);
        return { n: 2 };
      };
      expect(await deaf.update(id, change)).toBeUndefined();
      expect(await a.get(id)).toBeUndefined();
    });

    test("is not answered from memory with strong consistency", async () => {
      await a.set(id, { n: 2 });
      expect((await deaf.get(id))?.data).toEqual({ n: 1 });
      expect((await deaf.get(id, { consistency: "strong" }))?.data).toEqual({ n: 2 });
      await a.delete(id);
      expect(await deaf.get(id, { consistency: "strong" })).toBeUndefined();
      expect(deaf.peek(id)).toBeUndefined();
    });
  });

  describe("diagnostics channels", () => {
    test("carry nothing that names a session or a user", async () => {
      const named = diagnostics(
        "session-ended",
        "revoked",
        "invalidated",
        "conflict",
        "resurrection-blocked",
      );
      const unnamed = diagnostics("flush", "lease-held", "lease-lost");
      const told: unknown[] = [];
      for (const event of ["session-ended", "conflict", "resurrection-blocked"] as const) {
        for (const node of [a, b, c]) node.on(event, (what: unknown) => told.push(what));
      }
      const ids = [await shared(), await shared(), await shared("ann")] as const;
      await b.set(ids[0], { n: 2 });
      await expect(a.set(ids[0], { n: 3 }, { ifRevision: "old" })).rejects.toThrow(SessionConflictError);
      await a.delete(ids[0]);
      await expect(b.set(ids[0], { n: 3 })).rejects.toThrow(SessionRevokedError);
      await a.revoke(ids[1]);
      await a.revokeUser("ann");
      await a.clear();
      await eventually(() => JSON.stringify(unnamed).includes("cleared"));
      await eventually(() => told.length >= 2 + 3 * 4);
      expect(named).toEqual([]);
      for (const secret of [...ids, "ann"]) expect(JSON.stringify(unnamed)).not.toContain(secret);
    });

    test("carry what concerns a whole node", async () => {
      const published = diagnostics("flush");
      await a.clear();
      await eventually(() => published.length >= 3);
      for (const message of published) expect(message).toEqual(["flush", ["cleared"]]);
    });
  });

  describe("the state of a node", () => {
    test("is down before the start, syncing until a beat came back, ready then, and down at the end", async () => {
      const late = await another({ start: false });
      const coordinator = coordinatorOf(late);
      const nothing = {
        status: "down",
        leaseRemainingMs: 0,
        registrationRemainingMs: 0,
        lastBreak: undefined,
      };
      expect(coordinator.state).toEqual(nothing);

      await redisCommand(redis.port, "CLIENT", "PAUSE", "60000", "WRITE"); // it may subscribe, and its beats wait
      const started = late.start();
      try {
        await eventually(() => coordinator.state.status === "syncing");
        expect(coordinator.state).toMatchObject({ leaseRemainingMs: 0, lastBreak: undefined });
      } finally {
        await redisCommand(redis.port, "CLIENT", "UNPAUSE");
      }
      await started;
      const { status, leaseRemainingMs, registrationRemainingMs, lastBreak } = coordinator.state;
      expect([status, lastBreak]).toEqual(["ready", undefined]);
      for (const remainingMs of [leaseRemainingMs, registrationRemainingMs]) {
        expect(remainingMs).toBeGreaterThan(0);
        expect(remainingMs).toBeLessThanOrEqual(BOUND_MS);
      }

      await late.close();
      expect(coordinator.state).toEqual(nothing);
    });

    test("tells of the last break: a subscription that was lost", async () => {
      const beforeMs = Date.now();
      await redisCommand(redis.port, "CLIENT", "KILL", "TYPE", "pubsub");
      for (const node of [a, b, c]) {
        const lastBreak = await eventually(() => coordinatorOf(node).state.lastBreak ?? false);
        expect(lastBreak.reason).not.toBe("");
        expect(lastBreak.atMs).toBeGreaterThanOrEqual(beforeMs);
        expect(lastBreak.atMs).toBeLessThanOrEqual(Date.now());
        await eventually(() => coordinatorOf(node).state.status === "ready");
        expect(coordinatorOf(node).state.lastBreak).toEqual(lastBreak);
      }
    });

    test("tells of the last break: a message that was missed", async () => {
      const id = await shared();
      // as if a write had been told to nobody
      await redisCommand(redis.port, "HSET", metaKey(names.cluster.channel), "c", "x".repeat(12));
      for (const node of [a, b, c]) {
        await eventually(() => coordinatorOf(node).stats().chainBreaks >= 1);
        expect(coordinatorOf(node).state).toMatchObject({
          status: "ready",
          lastBreak: { reason: "a message was missed" },
        });
      }
      await settle(a); // the registry has to be trusted anew
      expect(await a.revoke(id)).toEqual(ACKNOWLEDGED);
      await expectNone(id);
    });
  });

  describe("a read that is under way", () => {
    let slow: TestStore;
    /** Replies that have come from Redis. */
    let arrived: number;
    let release: () => void;
    beforeEach(async () => {
      arrived = 0;
      const gate = new Promise<void>((resolve) => {
        release = resolve;
      });
      slow = await another({
        commandTimeoutMs: 15_000,
        cluster: { ...names.cluster, maxStalenessMs: 20_000 },
        kind: interceptReads(kind, () => {
          arrived++;
          return gate;
        }),
      });
    });

    test.each([
      ["revoked", (id: string) => a.revoke(id, { timeoutMs: 30_000 })],
      ["deleted", (id: string) => a.delete(id)],
    ])("is not answered with a session that was %s meanwhile", async (_, end) => {
      const { id } = await a.create({ n: 1 });
      const ended: SessionEnded[] = [];
      slow.on("session-ended", (event) => ended.push(event));
      const read = slow.get(id);
      await eventually(() => arrived === 1);
      await end(id);
      await eventually(() => ended.length === 1);
      release();
      expect(await read).toBeUndefined();
      expect(slow.stats()).toMatchObject({ fencedReads: 1 });
    });

    test("is not answered with a session of a user who was revoked meanwhile", async () => {
      const { id } = await a.create({ n: 1 }, { user: "ann" });
      const read = slow.get(id);
      await eventually(() => arrived === 1);
      await a.revokeUser("ann", { timeoutMs: 30_000 });
      release();
      expect(await read).toBeUndefined();
      expect(slow.peek(id)).toBeUndefined();
    });

    test("does not put into memory what was changed meanwhile", async () => {
      const { id } = await a.create({ n: 1 });
      const invalidated: string[] = [];
      slow.coordinator?.on("invalidated", (id) => invalidated.push(id));
      const read = slow.get(id);
      await eventually(() => arrived === 1);
      invalidated.splice(0);
      await a.set(id, { n: 2 });
      await eventually(() => invalidated.includes(id));
      release();
      expect((await read)?.data).toEqual({ n: 1 }); // it was right when it was asked for
      expect(slow.peek(id)).toBeUndefined();
      expect(slow.stats()).toMatchObject({ fencedReads: 1, fencedWrites: 0 });
      expect((await slow.get(id))?.data).toEqual({ n: 2 });
    });
  });

  test("a strong read of an unchanged session moves the header alone, and answers with the same data", async () => {
    const records: string[] = [];
    const node = await another({ kind: interceptReads(kind, (record) => void records.push(record)) });
    const large = { n: 1, text: "x".repeat(50_000) };
    const { id } = await a.create(large, { user: "ann" });
    await cached(node, id);
    const held = node.peek(id) ?? expect.fail("it is cached");
    expect(records[0]?.length).toBeGreaterThan(50_000);

    records.splice(0);
    const strong = await node.get(id, { consistency: "strong" });
    expect(strong).toEqual(held);
    expect(strong?.data).toBe(held.data);
    expect(records.map(({ length }) => length)).toEqual([78 + "ann".length]);

    await a.touch(id, { ttlMs: 10 * 86_400_000 });
    records.splice(0);
    const longer = await node.get(id, { consistency: "strong" });
    expect(longer?.data).toBe(held.data);
    expect(longer?.expiresAtMs).toBeGreaterThan(held.expiresAtMs);
    expect(records[0]).toHaveLength(78 + "ann".length);

    await a.set(id, { ...large, n: 2 });
    records.splice(0);
    expect((await node.get(id, { consistency: "strong" }))?.data.n).toBe(2);
    expect(records[0]?.length).toBeGreaterThan(50_000);
  });

  describe("the registry", () => {
    const nodeIds = (...nodes: TestStore[]) => nodes.map((node) => coordinatorOf(node).nodeId).sort();

    test("has all nodes that are started, and none that is closed", async () => {
      expect((await registered()).sort()).toEqual(nodeIds(a, b, c));
      await b.close();
      expect((await registered()).sort()).toEqual(nodeIds(a, c));
      await settle(a);
      const { id } = await a.create({ n: 1 });
      await cached(c, id);
      expect(await a.revoke(id)).toEqual({ ...ACKNOWLEDGED, nodes: 1 });
      expect(c.peek(id)).toBeUndefined();
    });

    test("has a node that reads before its start, until that is closed", async () => {
      const early = await another({ start: false });
      expect(await registered()).toHaveLength(3);
      const { id } = await a.create({ n: 1 });
      expect((await early.get(id))?.data).toEqual({ n: 1 });
      expect((await registered()).sort()).toEqual(nodeIds(a, b, c, early));
      expect(coordinatorOf(early).state).toMatchObject({ status: "down", leaseRemainingMs: 0 });
      expect(coordinatorOf(early).state.registrationRemainingMs).toBeGreaterThan(0);
      expect(early.peek(id)).toBeUndefined();
      await early.close();
      expect((await registered()).sort()).toEqual(nodeIds(a, b, c));
    });

    // To be fixed in `ClusterCoordinator.register()`, which must refuse when it is closed; then take `.fails` away.
    test("does not get a node back by a call that comes after it was closed", async () => {
      const { id } = await a.create({ n: 1 });
      await b.close();
      await expect(b.get(id)).rejects.toThrow(StoreClosedError);
      await expect(b.get(id, { consistency: "strong" })).rejects.toThrow(StoreClosedError);
      await expect(b.update(id, (data) => data)).rejects.toThrow(StoreClosedError);
      expect((await registered()).sort()).toEqual(nodeIds(a, c));
    });

    test("makes a revocation wait for a node that only reads: it hears of nothing", async () => {
      const early = await another({ start: false });
      const { id } = await a.create({ n: 1 });
      await early.get(id);
      const revocation = await a.revoke(id);
      expect(revocation).toMatchObject({ acknowledged: false, nodes: 3 });
      expect(await early.get(id)).toBeUndefined();
    });
  });

  test("a node that joins while another revokes does not answer with the session", async () => {
    const id = await shared();
    const joining = another({ cluster: { ...names.cluster, nodeId: randomUUID() } });
    await a.revoke(id);
    const late = await joining;
    expect(late.peek(id)).toBeUndefined();
    expect(await late.get(id)).toBeUndefined();
  });
});
