import { type EventEmitter, once } from "node:events";
import { Redis as IoRedis6 } from "ioredis";
import { Redis as IoRedis5 } from "ioredis5";
import { createClient as createNodeRedis6 } from "redis";
import { createClient as createNodeRedis5 } from "redis5";

// With the types that they have here: to compare them with those of any options takes the compiler very long.
const nodeRedis6 = (url: string) => connecting(createNodeRedis6({ url }));
const nodeRedis5 = (url: string) => connecting(createNodeRedis5({ url }));
type NodeRedis = ReturnType<typeof nodeRedis6> | ReturnType<typeof nodeRedis5>;
type IoRedis = IoRedis6 | IoRedis5;
export type TestClient = NodeRedis | IoRedis;

/** One of the client packages that the library supports, in one of its supported versions. */
export interface ClientKind {
  readonly name: string;
  /** A client that has begun to connect, and goes on trying for as long as there is no server. */
  create(port: number): TestClient;
  /** A client that is ready. Rejects when there is no server. */
  connect(port: number): Promise<TestClient>;
  /** Drops the connection without waiting for anything, whatever state the client is in. */
  close(client: TestClient): Promise<void>;
}

/** All of them, for `describe.each(CLIENT_KINDS)("on $name", …)`. */
export const CLIENT_KINDS: readonly ClientKind[] = [
  clientKind("node-redis 6", nodeRedis6),
  clientKind("node-redis 5", nodeRedis5),
  clientKind("ioredis 6", (url) => new IoRedis6(url)),
  clientKind("ioredis 5", (url) => new IoRedis5(url)),
];

function clientKind(name: string, createFor: (url: string) => TestClient): ClientKind {
  const create = (port: number) => {
    const client = createFor(`redis://127.0.0.1:${port}`);
    const emitter: EventEmitter = client; // the four types of `on` have no call in common
    emitter.on("error", () => {}); // without a listener, a lost connection ends the process
    return client;
  };
  const connect = async (port: number) => {
    const client = create(port);
    try {
      await once(client, "ready");
    } catch (error) {
      await close(client);
      throw error;
    }
    return client;
  };
  return { name, create, connect, close };
}

/** Starts what ioredis starts by itself. */
function connecting<C extends { connect(): Promise<unknown> }>(client: C): C {
  client.connect().catch(() => {}); // rejects only when the client is closed first
  return client;
}

async function close(client: TestClient): Promise<void> {
  if (!("destroy" in client)) client.disconnect();
  else if (client.isOpen) client.destroy();
}
