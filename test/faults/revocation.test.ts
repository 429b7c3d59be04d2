import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { RevocationUncertainError, SessionRevokedError } from "../../src/index.js";
import type { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, leaseHeld, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import { useRedis } from "../support/redis-server.js";
import { BOUND_MS, proxyTo, Questioner, shortCluster, trusted } from "../support/short-bound.js";

interface Fault {
  port: number;
  subscription: TcpProxy;
  commands: TcpProxy;
}

/** What can happen to a subscription. */
const FAULTS: readonly [string, (fault: Fault) => unknown][] = [
  ["is stalled", ({ subscription }) => subscription.stall()],
  [
    "is stalled, with all that it sends",
    ({ subscription, commands }) => {
      subscription.stall();
      commands.stall();
    },
  ],
  [
    "is cut",
    ({ subscription }) => {
      subscription.refuse();
      subscription.cut();
    },
  ],
  [
    "is half open: gone at the server, and the node does not know",
    async ({ port, subscription }) => {
      subscription.stall();
      const clients = await redisCommand(port, "CLIENT", "LIST", "TYPE", "pubsub");
      const youngest = Math.max(...Array.from(clients.matchAll(/\bid=(\d+)/g), ([, id]) => Number(id)));
      await redisCommand(port, "CLIENT", "KILL", "ID", String(youngest));
    },
  ],
];

describe.each(CURRENT_CLIENT_KINDS)("a revocation on $name", (kind) => {
  const redis = useRedis();
  let revoker: TestStore;
  /** Its commands and its subscription pass a proxy each. */
  let node: TestStore;
  let commands: TcpProxy;
  let subscription: TcpProxy;
  /** A session of the user `ada`, cached on `node`. */
  let id: string;

  beforeEach(async () => {
    const options = { kind, ...shortCluster() };
    [commands, subscription] = await Promise.all([proxyTo(redis.port), proxyTo(redis.port)]);
    revoker = await startNode({ ...options, port: redis.port });
    node = await startNode({ ...options, port: commands.port, subscribePort: subscription.port });
    onTestFinished(() => commands.resume()); // so that the node can leave
    ({ id } = await revoker.create({ n: 1 }, { user: "ada" }));
    await cached(node, id);
  });

  test("is acknowledged by healthy nodes, sooner than the bound", async () => {
    await trusted(revoker);
    const revocation = await revoker.revoke(id);
    expect(node.peek(id)).toBeUndefined();
    expect(revocation).toMatchObject({ acknowledged: true, nodes: 1 });
    expect(revocation.waitedMs).toBeLessThan(BOUND_MS);
    expect(await node.get(id)).toBeUndefined();
    await expect(node.set(id, { n: 2 })).rejects.toThrow(SessionRevokedError);
  });

  test.each(FAULTS)("waits for the bound when the subscription of a node %s", async (_, fail) => {
    await fail({ port: redis.port, subscription, commands });
    const asked = new Questioner(node, id);
    const revocation = await revoker.revoke(id);
    const revokedAtMs = performance.now();
    expect(node.peek(id)).toBeUndefined();
    expect(revocation).toMatchObject({ acknowledged: false, nodes: 1 });
    expect(revocation.waitedMs).toBeGreaterThan(BOUND_MS);
    commands.resume();
    subscription.accept();
    subscription.resume();
    const { answers } = asked;
    await leaseHeld(node);
    await eventually(() => asked.answers > answers + 10);
    expect(asked.lastServedAtMs).toBeLessThan(revokedAtMs);
  });

  test("of a user waits for the bound, too, and none of the sessions is served after it", async () => {
    const { id: second } = await revoker.create({ n: 2 }, { user: "ada" });
    await cached(node, second);
    subscription.stall();
    const asked = [id, second].map((id) => new Questioner(node, id));
    const revocation = await revoker.revokeUser("ada");
    const revokedAtMs = performance.now();
    expect([id, second].map((id) => node.peek(id))).toEqual([undefined, undefined]);
    expect(revocation).toMatchObject({ acknowledged: false, nodes: 1 });
    subscription.resume();
    await leaseHeld(node);
    for (const { lastServedAtMs } of asked) expect(lastServedAtMs).toBeLessThan(revokedAtMs);
    const { id: third } = await revoker.create({ n: 3 }, { user: "ada" });
    expect((await node.get(third))?.data).toEqual({ n: 3 }); // a login that came after it
  });

  test("is acknowledged by a node that gets no reply to its commands, as long as it hears", async () => {
    await trusted(revoker);
    commands.stall("toClient");
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: true, nodes: 1 });
    expect(node.peek(id)).toBeUndefined();
  });

  test("is carried out, though not acknowledged, by a node that hears and cannot speak", async () => {
    commands.stall();
    const revocation = revoker.revoke(id);
    await eventually(() => node.coordinator?.stats().acknowledgementsSent === 1);
    await eventually(() => node.peek(id) === undefined);
    expect(await revocation).toMatchObject({ acknowledged: false, nodes: 1 });
  });

  test("by a node that does not hear waits for the bound, though nobody else is registered", async () => {
    await trusted(node);
    await revoker.close();
    subscription.stall();
    const revocation = await node.revoke(id);
    expect(revocation).toMatchObject({ acknowledged: false, nodes: 0 });
    expect(revocation.waitedMs).toBeGreaterThan(BOUND_MS);
    expect(node.peek(id)).toBeUndefined();
  });

  test("by a node whose commands get no reply is uncertain, and carried out all the same", async () => {
    await cached(revoker, id);
    commands.stall("toClient");
    const error = await node.revoke(id).catch((error) => error);
    expect(error).toBeInstanceOf(RevocationUncertainError);
    expect(error).toMatchObject({ deleted: false });
    expect(node.peek(id)).toBeUndefined();
    await eventually(() => revoker.peek(id) === undefined);
    expect(await revoker.get(id)).toBeUndefined();
  });
});
