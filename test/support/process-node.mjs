// One node in a process of its own, told over IPC what to do. Started by process-node.ts.
import { createClient } from "redis";
import { ClusteredRedisStore } from "sessionmesh";

const { url, ...options } = JSON.parse(process.argv[2] ?? "{}");
const client = createClient({ url });
client.on("error", () => {});
await client.connect();
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
  stats: () => store.coordinator?.stats(),
  /** Blocks the event loop, then looks before any timer or message could be handled. */
  blockThenPeek: (id, ms) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return store.peek(id)?.data ?? null;
  },
};

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
