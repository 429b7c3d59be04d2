import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, clusterNames, startNode, type TestStore } from "../support/node.js";
import { redisCommand } from "../support/redis-command.js";
import { useRedis } from "../support/redis-server.js";

/** Long enough that no lease and no command ends by itself while a test holds a reply back. */
const PATIENT = { commandTimeoutMs: 9_000, maxStalenessMs: 15_000 };

describe.each(CURRENT_CLIENT_KINDS)("what happens while a reply is on its way, on $name", (kind) => {
  const redis = useRedis();
  let proxy: TcpProxy;
  /** Writes straight to Redis. */
  let writer: TestStore;
  /** Its replies pass the proxy, its subscription does not: so messages can overtake replies. */
  let reader: TestStore;

  beforeEach(async () => {
    proxy = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => proxy.close());
    const { prefix, cluster } = clusterNames();
    const options = { kind, prefix, commandTimeoutMs: PATIENT.commandTimeoutMs };
    const patientCluster = { ...cluster, maxStalenessMs: PATIENT.maxStalenessMs };
    writer = await startNode({ ...options, port: redis.port, cluster: patientCluster });
    reader = await startNode({
      ...options,
      port: proxy.port,
      subscribePort: redis.port,
      cluster: patientCluster,
    });
    await reader.get("warm-up: the server knows the script now");
    await reader.set("warm-up", { n: 0 });
  });

  /** Sends something from the reader, and holds its reply back once Redis has carried it out by its command `command`. */
  async function replyHeld<R>(
    command: "get" | "set",
    send: () => Promise<R>,
  ): Promise<{ reply: Promise<R> }> {
    const before = await calls(command);
    proxy.stall("toClient");
    const reply = send();
    await eventually(async () => (await calls(command)) > before);
    return { reply };
  }

  /** How often the server has run this command, scripts included. */
  async function calls(command: "get" | "set"): Promise<number> {
    const commandstats = await redisCommand(redis.port, "INFO", "commandstats");
    return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(commandstats)?.[1] ?? 0);
  }

  /** Waits until the reader has handled `count` changes of other nodes. */
  const heard = (count: number) => eventually(() => reader.coordinator?.stats().changesReceived === count);

  test("a value that was replaced meanwhile is answered and not cached", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const { reply } = await replyHeld("get", () => reader.get(id));
    await writer.set(id, { n: 2 });
    await heard(2);
    proxy.resume();
    expect((await reply)?.data).toEqual({ n: 1 });
    expect(reader.peek(id)).toBeUndefined();
    expect((await reader.get(id))?.data).toEqual({ n: 2 });
  });

  test("a session that was deleted meanwhile is not cached", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const { reply } = await replyHeld("get", () => reader.get(id));
    await writer.delete(id);
    await heard(2);
    proxy.resume();
    await reply;
    expect(reader.peek(id)).toBeUndefined();
    expect(await reader.get(id)).toBeUndefined();
  });

  test("a session that was rotated meanwhile is answered under its new id", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const { reply } = await replyHeld("get", () => reader.get(id));
    await writer.rotate(id, "new", { graceMs: 60_000 });
    const session = await writer.set("new", { n: 2 });
    await heard(3);
    proxy.resume();
    expect(await reply).toEqual(session);
    expect(reader.peek(id)).toBeUndefined();
    expect(reader.peek("new")).toEqual(session);
  });

  test("a write that comes after a rotation writes the new session", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    proxy.stall("toServer");
    const reply = reader.set(id, { n: 3 });
    await writer.rotate(id, "new", { graceMs: 60_000 });
    await writer.set("new", { n: 2 });
    await heard(3);
    proxy.resume();
    expect(await reply).toMatchObject({ id: "new", data: { n: 3 } });
    await eventually(async () => (await writer.get("new"))?.data.n === 3);
    expect(reader.peek(id)).toBeUndefined();
  });

  test("a flush meanwhile keeps the reply out of the cache", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const { reply } = await replyHeld("get", () => reader.get(id));
    await writer.clear();
    await eventually(() => (reader.coordinator?.stats().flushes ?? 0) > 1);
    proxy.resume();
    await reply;
    expect(reader.peek(id)).toBeUndefined();
    expect(await reader.get(id)).toBeUndefined();
  });

  test("a reader who comes after the message does not join the load that was sent before", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const { reply } = await replyHeld("get", () => reader.get(id));
    await writer.set(id, { n: 2 });
    await heard(2);
    const later = reader.get(id);
    proxy.resume();
    expect((await reply)?.data).toEqual({ n: 1 });
    expect((await later)?.data).toEqual({ n: 2 });
  });

  test("a write that another node has overwritten before its reply is not cached", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const { reply } = await replyHeld("set", () => reader.set(id, { n: 2 }));
    await writer.set(id, { n: 3 });
    await heard(2);
    proxy.resume();
    expect((await reply).data).toEqual({ n: 2 });
    expect(reader.peek(id)).toBeUndefined();
    expect((await reader.get(id))?.data).toEqual({ n: 3 });
  });

  test("whoever reads after an own write sees it, whatever was on its way", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const before = reader.get(id);
    await undefined; // it is sent at the end of this turn
    const [early, , late] = await Promise.all([
      before,
      reader.set(id, { n: 2 }),
      reader.get(id, { consistency: "strong" }),
    ]);
    expect(early?.data).toEqual({ n: 1 });
    expect(late?.data).toEqual({ n: 2 });
    expect((await reader.get(id))?.data).toEqual({ n: 2 });
  });

  test("an own write that is followed by another keeps its copy when its message comes back late", async () => {
    const slow = await TcpProxy.start({ targetPort: redis.port });
    onTestFinished(() => slow.close());
    const node = await startNode({ kind, port: redis.port, subscribePort: slow.port, ...clusterNames() });
    slow.stall("toClient");
    const { id } = await node.create({ n: 1 });
    await node.set(id, { n: 2 });
    slow.resume("toClient");
    await eventually(() => node.coordinator?.stats().changesEchoed === 2);
    expect(node.peek(id)?.data).toEqual({ n: 2 });
  });

  test("a hundred readers of a session that is not cached cost one command", async () => {
    const { id } = await writer.create({ n: 1 });
    await heard(1);
    const before = await calls("get");
    const sessions = await Promise.all(Array.from({ length: 100 }, () => reader.get(id)));
    expect(new Set(sessions).size).toBe(1);
    expect((await calls("get")) - before).toBe(1);
  });
});
