import type { EventEmitter } from "node:events";
import { Redis as IoRedis6 } from "ioredis";
import { Redis as IoRedis5 } from "ioredis5";
import { createSentinel as createSentinel6 } from "redis";
import { createSentinel as createSentinel5 } from "redis5";
import type { ClientKind, TestClient } from "./clients.js";
import type { SentinelTopology } from "./sentinel.js";

/** What is used of a sentinel client of node-redis: to compare its whole type with another one takes the compiler half a minute. */
interface NodeRedisSentinel extends EventEmitter {
  connect(): Promise<unknown>;
}

/** The clients that ask sentinels where the master is, for the nodes of a test. */
export function sentinelClientKinds({ name, addresses }: SentinelTopology): ClientKind[] {
  const nodeRedis = { name, sentinelRootNodes: addresses };
  const ioredis = { name, sentinels: addresses, failoverDetector: true };
  return [
    kindOf("node-redis 6", () => connecting(createSentinel6(nodeRedis))),
    kindOf("node-redis 5", () => connecting(createSentinel5(nodeRedis))),
    kindOf("ioredis 6", () => new IoRedis6(ioredis)),
    kindOf("ioredis 5", () => new IoRedis5(ioredis)),
  ];
}

function kindOf(name: string, make: () => EventEmitter): ClientKind {
  const create = () => {
    const client = make();
    client.on("error", () => {}); // without a listener, a lost connection ends the process
    return client as TestClient; // what follows does not care
  };
  const close = async (client: TestClient) => {
    if (!("destroy" in client)) client.disconnect();
    else if (client.isOpen) await client.destroy();
  };
  return { name, create, connect: async () => create(), close };
}

/** Starts what ioredis starts by itself. */
function connecting(sentinel: NodeRedisSentinel): EventEmitter {
  sentinel.connect().catch(() => {}); // rejects only when it is closed first
  return sentinel;
}
