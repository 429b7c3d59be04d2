// One node in a process of its own, told over IPC what to do. Started by process-node.ts.
import { Redis } from "ioredis";
import { createClient } from "redis";
import { ClusteredRedisStore } from "sessionmesh";

const { client: name, port, subscribePort = port, ...options } = JSON.parse(process.argv[2] ?? "{}");
const client = name === "ioredis" ? new Redis({ port }) : createClient({ socket: { port } });
client.on("error", () => {});
subscribeThrough(client, subscribePort);
if (!(client instanceof Redis)) await client.connect();
/** @type {ClusteredRedisStore<{ n: number }>} */
const store = new ClusteredRedisStore({ client, ...options });
await store.start();

/** @type {Record<string, (...args: any[]) => unknown>} */
const commands = {
  get: async (id) => (await store.get(id))?.data ?? null,
  peek: (id) => store.peek(id)?.data ?? null,
  create: async (data) => (await store.create(data)).id,
  set: async (id, data) => void (await store.set(id, data)),
  update: async (id) => (await store.update(id, ({ n }) => ({ n: n + 1 })))?.data,
  delete: (id) => store.delete(id),
  revoke: (id) => store.revoke(id),
  stats: () => store.coordinator?.stats(),
  leaseHeld: () => store.coordinator?.lease.held === true,
  /** Blocks the event loop, then looks before any timer or message could be handled. */
  blockThenPeek: (id, ms) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return store.peek(id)?.data ?? null;
  },
};

/**
 * The store subscribes through a duplicate of its client: it takes another way.
 *
 * @param {any} client
 * @param {number} port
 */
function subscribeThrough(client, port) {
  const duplicate = client.duplicate.bind(client);
  client.duplicate = (/** @type {{ socket?: object }} */ overrides = {}) =>
    duplicate({ ...overrides, port, socket: { ...overrides.socket, port } });
}

process.on("message", async (/** @type {{ call: number, command: string, args: unknown[] }} */ message) => {
  const { call, command, args } = message;
  try {
    process.send?.({ call, result: await commands[command]?.(...args) });
  } catch (error) {
    process.send?.({ call, error: String(error) });
  }
});
process.on("disconnect", () => process.exit());
process.send?.({ call: 0 });
