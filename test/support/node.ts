import { randomUUID } from "node:crypto";
import { expect, onTestFinished } from "vitest";
import { ClusteredRedisStore, type ClusteredRedisStoreOptions } from "../../src/index.js";
import type { RedisClient } from "../../src/redis/detect.js";
import { CLIENT_KINDS, type ClientKind, type TestClient } from "./clients.js";
import { eventually } from "./eventually.js";

/** What the tests store. */
export interface TestData {
  n: number;
}

export type TestStore = ClusteredRedisStore<TestData>;

export interface NodeOptions extends Partial<Omit<ClusteredRedisStoreOptions<TestData>, "client">> {
  /** Port for commands. */
  port: number;
  /** Port for the subscription, if that shall take another way. */
  subscribePort?: number;
  /** Default: the first kind. */
  kind?: ClientKind;
  /** Whether to wait for the first lease. Default: `true`. */
  start?: boolean;
}

/** The current majors of both clients: for tests of what does not depend on the client's version. */
export const CURRENT_CLIENT_KINDS = CLIENT_KINDS.filter(({ name }) => name.endsWith("6"));

/** Names for one test's cluster, so that tests can share a server. */
export function clusterNames() {
  const name = randomUUID();
  return { prefix: `${name}:`, cluster: { channel: `channel:${name}` } };
}

/** One node of a cluster in this process, closed when the test is over. */
export async function startNode({
  port,
  subscribePort,
  kind = CLIENT_KINDS[0],
  start = true,
  ...options
}: NodeOptions) {
  if (kind === undefined) throw new Error("no client kind");
  const client = kind.create(port);
  if (subscribePort !== undefined) subscribeThrough(client, subscribePort);
  const store: TestStore = new ClusteredRedisStore<TestData>({ client: client as RedisClient, ...options });
  onTestFinished(async () => {
    await store.close();
    await kind.close(client);
  });
  if (start) await store.start();
  return store;
}

/** Lets a client's duplicates connect to another port: the store subscribes through a duplicate. */
function subscribeThrough(client: TestClient, port: number): void {
  const routed = client as { duplicate(overrides?: { socket?: object }): unknown };
  const duplicate = routed.duplicate.bind(client);
  routed.duplicate = (overrides = {}) => {
    const socket = { ...overrides.socket, port };
    return duplicate({ ...overrides, port, socket, url: undefined } as object);
  };
}

/** Waits until memory may answer. */
export function leaseHeld(store: TestStore): Promise<unknown> {
  return eventually(() => store.coordinator?.lease.held === true);
}

/** Waits until this node holds a copy of the session. */
export async function cached(store: TestStore, id: string): Promise<void> {
  await eventually(async () => {
    await store.get(id);
    return store.peek(id) !== undefined;
  });
}

/** A session of the first node that all of them hold in memory. */
export async function sharedBy(nodes: readonly TestStore[], user?: string): Promise<string> {
  const [first] = nodes;
  if (first === undefined) throw new Error("no node");
  const { id } = await first.create({ n: 1 }, user === undefined ? {} : { user });
  for (const node of nodes) await cached(node, id);
  return id;
}

/** No node answers with a session of these ids, neither from memory nor from Redis. Looks at all the memories before anything can happen. */
export async function expectGone(nodes: readonly TestStore[], ids: readonly string[]): Promise<void> {
  for (const node of nodes) for (const id of ids) expect(node.peek(id)).toBeUndefined();
  for (const node of nodes) {
    for (const id of ids) {
      expect(await node.get(id)).toBeUndefined();
      expect(await node.get(id, { consistency: "strong" })).toBeUndefined();
    }
  }
}
