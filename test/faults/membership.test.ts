import { describe, expect, test } from "vitest";
import type { ClientKind } from "../support/clients.js";
import { eventually } from "../support/eventually.js";
import { CURRENT_CLIENT_KINDS, cached, startNode } from "../support/node.js";
import { ProcessNode } from "../support/process-node.js";
import { redisCommand } from "../support/redis-command.js";
import { useRedis } from "../support/redis-server.js";
import {
  BOUND_MS,
  proxyTo,
  Questioner,
  registeredNodes,
  shortCluster,
  trusted,
} from "../support/short-bound.js";

/** A cluster's options, and its registry. */
function cluster(port: number, client: { kind?: ClientKind } = {}) {
  const names = shortCluster();
  const { channel } = names.cluster;
  return {
    options: { ...client, port, ...names },
    registered: () => registeredNodes(port, channel),
    register: (...fields: string[]) => redisCommand(port, "HSET", `sessionmesh:meta:${channel}`, ...fields),
  };
}

describe.each(CURRENT_CLIENT_KINDS)("the nodes that a revocation waits for, on $name,", (kind) => {
  const redis = useRedis();

  test("do not include one that was closed", async () => {
    const { options, registered } = cluster(redis.port, { kind });
    const revoker = await startNode(options);
    const leaver = await startNode(options);
    await trusted(revoker);
    const { id } = await revoker.create({ n: 1 });
    await cached(leaver, id);
    await leaver.close();
    expect(await registered()).toEqual([revoker.coordinator?.nodeId]);
    const revocation = await revoker.revoke(id);
    expect(revocation).toMatchObject({ acknowledged: true, nodes: 0 });
    expect(revocation.waitedMs).toBeLessThan(BOUND_MS);
    expect(leaver.peek(id)).toBeUndefined();
  });

  test("include one that has said nothing for the whole wait, as long as it beats", async () => {
    const { options, registered } = cluster(redis.port, { kind });
    const subscription = await proxyTo(redis.port);
    const revoker = await startNode(options);
    const deaf = await startNode({ ...options, subscribePort: subscription.port });
    subscription.stall();
    const reads = new Questioner(deaf, "any"); // only with Redis, so it stays registered
    expect(await revoker.revoke("first")).toMatchObject({ acknowledged: false, nodes: 1 });
    expect(await revoker.revoke("second")).toMatchObject({ acknowledged: false, nodes: 1 });
    expect(await registered()).toContain(deaf.coordinator?.nodeId);
    expect(reads.answers).toBeGreaterThan(0);
  });

  test("include those of another deployment on the same channel, whose sessions stay", async () => {
    const { options } = cluster(redis.port, { kind });
    const revoker = await startNode(options);
    const stranger = await startNode({ ...options, prefix: `other-${options.prefix}` });
    await trusted(revoker);
    const { id } = await revoker.create({ n: 1 }, { user: "ada" });
    await stranger.set(id, { n: 2 }, { user: "ada" });
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: true, nodes: 1 });
    expect(await revoker.revokeUser("ada")).toMatchObject({ acknowledged: true, nodes: 1 });
    expect(await revoker.get(id)).toBeUndefined();
    expect(stranger.peek(id)?.data).toEqual({ n: 2 });
    expect((await stranger.get(id, { consistency: "strong" }))?.data).toEqual({ n: 2 });
    expect(stranger.coordinator?.stats()).toMatchObject({ chainBreaks: 0, flushes: 1 });
  });
});

describe.each(CURRENT_CLIENT_KINDS)("the nodes that a revocation waits for, with $name,", (kind) => {
  const redis = useRedis();

  test("include dead ones once, however many they are", async () => {
    const { options, registered, register } = cluster(redis.port, { kind });
    const revoker = await startNode(options);
    const node = await startNode(options);
    await trusted(revoker);
    await register(...Array.from({ length: 1_000 }, (_, n) => [`n:dead-${n}`, "7"]).flat());
    const first = await revoker.revoke("first");
    expect(first).toMatchObject({ acknowledged: false, nodes: 1_001 });
    expect(first.waitedMs).toBeGreaterThan(BOUND_MS);
    const alive = [revoker, node].map(({ coordinator }) => coordinator?.nodeId).sort();
    await eventually(async () => expect(await registered()).toEqual(alive));
    const second = await revoker.revoke("second");
    expect(second).toMatchObject({ acknowledged: true, nodes: 1 });
    expect(second.waitedMs).toBeLessThan(BOUND_MS);
  });

  test("do not include those on another channel, and they are told nothing", async () => {
    const { options } = cluster(redis.port, { kind });
    const revoker = await startNode(options);
    const stranger = await startNode({ ...cluster(redis.port, { kind }).options });
    await trusted(revoker);
    const { id } = await revoker.create({ n: 1 });
    await stranger.set(id, { n: 2 });
    await revoker.clear();
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: true, nodes: 0 });
    expect(stranger.peek(id)?.data).toEqual({ n: 2 });
    expect(stranger.coordinator?.stats()).toMatchObject({ changesReceived: 0, acknowledgementsSent: 0 });
  });

  test("cannot tell two of the same id apart: then the bound on staleness is what holds", async () => {
    const { options, registered } = cluster(redis.port, { kind });
    const subscription = await proxyTo(redis.port);
    const twins = { ...options, cluster: { ...options.cluster, nodeId: "twin" } };
    const first = await startNode(twins);
    const second = await startNode({ ...twins, subscribePort: subscription.port });
    const { id } = await first.create({ n: 1 });
    await cached(second, id);
    const asked = new Questioner(second, id);
    subscription.stall();
    await first.revoke(id);
    const revokedAtMs = performance.now();
    await eventually(() => performance.now() > revokedAtMs + 1.2 * BOUND_MS);
    expect(asked.lastServedAtMs).toBeLessThan(revokedAtMs + BOUND_MS);
    subscription.resume();
    await first.close(); // takes its namesake out of the registry,
    await eventually(async () => expect(await registered()).toEqual(["twin"])); // whose next beat brings it back
  });

  test("include a process that was killed once", async () => {
    const names = shortCluster();
    const revoker = await startNode({ kind, port: redis.port, ...names });
    const options = { kind, port: redis.port, ...names, cluster: { ...names.cluster, nodeId: "victim" } };
    const victim = await ProcessNode.start(options);
    const id = (await victim.call("create", { n: 1 })) as string;
    await trusted(revoker);
    victim.kill();
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: false, nodes: 1 });
    const { channel } = names.cluster;
    await eventually(async () => expect(await registeredNodes(redis.port, channel)).not.toContain("victim"));
    expect(await revoker.revoke(id)).toMatchObject({ acknowledged: true, nodes: 0 });
  });
});
