import type { EventEmitter } from "node:events";
import { Cluster as IoRedisCluster6 } from "ioredis";
import { Cluster as IoRedisCluster5 } from "ioredis5";
import { createCluster as createCluster6 } from "redis";
import { createCluster as createCluster5 } from "redis5";
import type { ClientKind, TestClient } from "./clients.js";

type Ports = readonly number[];

// With the types that they have here: to compare them with those of any options takes the compiler very long.
const nodeRedis6 = (ports: Ports, options: object) =>
  connecting(createCluster6({ ...rootNodes(ports), ...options }));
const nodeRedis5 = (ports: Ports, options: object) =>
  connecting(createCluster5({ ...rootNodes(ports), ...options }));
type NodeRedisCluster = ReturnType<typeof nodeRedis6> | ReturnType<typeof nodeRedis5>;
export type ClusterClient = NodeRedisCluster | IoRedisCluster6 | IoRedisCluster5;

/** One of the clients of Redis Cluster that the library supports, in one of its supported versions. */
export interface ClusterClientKind {
  readonly name: string;
  /** A client that has begun to connect to the cluster of these nodes, with options of its package beside. */
  create(ports: Ports, options?: object): ClusterClient;
  /** Drops the connections without waiting for anything. */
  close(client: ClusterClient): Promise<void>;
}

/** All of them, for `describe.each(CLUSTER_CLIENT_KINDS)("on $name", …)`. */
export const CLUSTER_CLIENT_KINDS: readonly ClusterClientKind[] = [
  kindOf("node-redis 6", nodeRedis6),
  kindOf("node-redis 5", nodeRedis5),
  kindOf("ioredis 6", (ports, options) => new IoRedisCluster6([...ports], options)),
  kindOf("ioredis 5", (ports, options) => new IoRedisCluster5([...ports], options)),
];

/** The same for the nodes of a test: clients of one cluster, whatever port they are asked for. */
export function clusterClientKinds(ports: Ports): ClientKind[] {
  return CLUSTER_CLIENT_KINDS.map(({ name, create, close }) => {
    const createClient = () => create(ports) as unknown as TestClient; // what follows does not care
    return {
      name,
      create: createClient,
      connect: async () => createClient(),
      close: (client) => close(client as unknown as ClusterClient),
    };
  });
}

function kindOf(name: string, make: (ports: Ports, options: object) => ClusterClient): ClusterClientKind {
  const create = (ports: Ports, options = {}) => {
    const client = make(ports, options);
    const emitter: EventEmitter = client;
    emitter.on("error", () => {}); // without a listener, a lost connection ends the process
    return client;
  };
  const close = async (client: ClusterClient) => {
    if (!("destroy" in client)) client.disconnect();
    else if (client.isOpen) client.destroy();
  };
  return { name, create, close };
}

function rootNodes(ports: Ports): { rootNodes: { url: string }[] } {
  return { rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) };
}

/** Starts what ioredis starts by itself. */
function connecting<C extends { connect(): Promise<unknown> }>(cluster: C): C {
  cluster.connect().catch(() => {}); // rejects only when it is closed first
  return cluster;
}
