/** Another node of `revocation.mjs`, a process of its own: caches the sessions that it is told to, and says when. */
import { ClusteredRedisStore } from "sessionmesh";
import { connectNodeRedis } from "./redis.mjs";

const [, , redisUrl = "", options = "{}"] = process.argv;
const client = await connectNodeRedis(redisUrl);
const store = new ClusteredRedisStore({ client, ...JSON.parse(options) });
await store.start();
process.on("message", async (/** @type {string} */ id) => {
  await store.get(id);
  if (store.peek(id) === undefined) throw new Error("the session is not cached");
  process.send?.("held");
});
process.once("disconnect", async () => {
  await store.close();
  client.destroy();
});
process.send?.("started");
