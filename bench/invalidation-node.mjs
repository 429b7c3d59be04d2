/**
 * The other node of `invalidation.mjs`, a process of its own: caches the sessions that it is told to, and reports when each goes.
 *
 * @typedef {{ event: "held" | "evicted", id: string, at: bigint }} Report
 */
import { ClusteredRedisStore } from "sessionmesh";
import { connectNodeRedis, PREFIX, WIDE_BOUNDS } from "./redis.mjs";

const [, , redisUrl = ""] = process.argv;
const client = await connectNodeRedis(redisUrl);
const store = new ClusteredRedisStore({ client, prefix: PREFIX, ...WIDE_BOUNDS });

const evict = store.localCache.delete.bind(store.localCache);
store.localCache.delete = (id) => {
  const evicted = evict(id);
  if (evicted) report("evicted", id);
  return evicted;
};

process.on("message", async (/** @type {string} */ id) => {
  await store.start();
  await store.get(id);
  if (store.peek(id) === undefined) throw new Error("the session is not cached");
  report("held", id);
});
process.once("disconnect", async () => {
  await store.close();
  client.destroy();
});

/**
 * @param {Report["event"]} event
 * @param {string} id
 */
function report(event, id) {
  process.send?.({ event, id, at: process.hrtime.bigint() });
}
