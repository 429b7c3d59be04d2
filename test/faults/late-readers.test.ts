import { beforeEach, describe, expect, test } from "vitest";
import { StoreUnavailableError } from "../../src/index.js";
import type { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, type NodeOptions, startNode, type TestStore } from "../support/node.js";
import { useRedis } from "../support/redis-server.js";
import { callsOf, proxyTo, shortCluster, trusted } from "../support/short-bound.js";

/** Long enough that a reply which is held back while a revocation is acknowledged is not late by itself. */
const BOUND_MS = 800;

describe.each(CURRENT_CLIENT_KINDS)("a revocation while replies are on their way, on $name", (kind) => {
  const redis = useRedis();
  let options: Omit<NodeOptions, "port">;
  let revoker: TestStore;
  /** Its commands and its subscription pass a proxy each. */
  let node: TestStore;
  let commands: TcpProxy;
  let subscription: TcpProxy;

  beforeEach(async () => {
    options = { kind, ...shortCluster(BOUND_MS) };
    [commands, subscription] = await Promise.all([proxyTo(redis.port), proxyTo(redis.port)]);
    revoker = await startNode({ ...options, port: redis.port });
    node = await startNode({ ...options, port: commands.port, subscribePort: subscription.port });
    await node.get("warm-up: the server knows the script now");
    await node.set("warm-up", { n: 0 });
    await trusted(revoker);
  });

  /** Waits until the node has handled all that was told: with a message before their replies, loads would not be cached. */
  async function heard() {
    const { id } = await revoker.create({ n: 0 });
    const invalidated: string[] = [];
    node.coordinator?.on("invalidated", (id) => invalidated.push(id));
    await revoker.set(id, { n: 1 });
    await eventually(() => invalidated.includes(id));
  }

  /** Sends what ends with `count` commands `command` in Redis, and holds the replies back. */
  async function repliesHeld<R>(command: "get" | "set", count: number, send: () => Promise<R>[]) {
    const before = await callsOf(redis.port, command);
    commands.stall("toClient");
    const replies = send();
    for (const reply of replies) reply.catch(() => {}); // looked at later
    await eventually(async () => (await callsOf(redis.port, command)) >= before + count);
    return replies;
  }

  test("whoever has asked before it is not answered with the session after it", async () => {
    const { id } = await revoker.create({ n: 1 });
    const { id: ofAda } = await revoker.create({ n: 2 }, { user: "ada" });
    const { id: other } = await revoker.create({ n: 3 });
    await heard();
    const replies = await repliesHeld("get", 4, () => [
      node.get(id),
      node.get(id, { consistency: "strong" }),
      node.get(ofAda),
      node.get(other),
    ]);
    const acknowledged = { acknowledged: true, nodes: 1 };
    expect(await revoker.revoke(id)).toMatchObject(acknowledged);
    const before = node.coordinator?.stats().acknowledgementsSent ?? 0;
    const revokedUser = revoker.revokeUser("ada"); // its acknowledgement goes when the reply to the one before is there
    await eventually(() => node.coordinator?.stats().acknowledgementsSent === before + 1);
    commands.resume();
    const answers = await Promise.all(replies);
    expect(await revokedUser).toMatchObject(acknowledged);
    expect(answers.map((session) => session?.data)).toEqual([undefined, undefined, undefined, { n: 3 }]);
    expect([id, ofAda].map((id) => node.peek(id))).toEqual([undefined, undefined]);
    expect(node.peek(other)).toBeDefined();
  });

  test("a write that was carried out before it leaves no copy behind", async () => {
    const { id } = await revoker.create({ n: 1 });
    const replies = await repliesHeld("set", 1, () => [node.set(id, { n: 2 })]);
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: true, nodes: 1 });
    commands.resume();
    await Promise.all(replies); // it was written, and is over since
    expect(node.peek(id)).toBeUndefined();
    expect(await node.get(id)).toBeUndefined();
  });

  test("a conflict does not show it on a node that the revocation did not wait for", async () => {
    const { id, revision } = await revoker.create({ n: 1 });
    await revoker.set(id, { n: 2 });
    const outsider = await startNode({ ...options, port: commands.port, start: false });
    await eventually(() => outsider.healthy()); // a read would register it
    const ifRevision = revision;
    const [refused] = await repliesHeld("get", 1, () => [outsider.set(id, { n: 3 }, { ifRevision })]);
    await revoker.revoke(id);
    commands.resume();
    await expect(refused).rejects.toMatchObject({ code: "SESSION_CONFLICT", current: undefined });
    expect((await node.get(id))?.data).toBeUndefined();
  });

  test("a node that neither hears nor is answered has given up its load by the end of the wait", async () => {
    const { id } = await revoker.create({ n: 1 });
    const [reply] = await repliesHeld("get", 1, () => [node.get(id)]);
    subscription.stall();
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: false, nodes: 1 });
    commands.resume();
    subscription.resume();
    await expect(reply).rejects.toThrow(StoreUnavailableError);
    expect(node.peek(id)).toBeUndefined();
    expect(await node.get(id).catch(() => undefined)).toBeUndefined();
  });
});
