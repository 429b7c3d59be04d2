/** The node in the other process of `latency.mjs`: takes values into memory when it is told to, and says when it hears that one is over. */
import { LATENCY_PEERS } from "./peers.mjs";

const [, , name = "", port, ttlMs] = process.argv;
const peer = /** @type {import("./peers.mjs").Peer} */ (LATENCY_PEERS[name]);
const node = await peer.open({ commands: Number(port), feed: Number(port) }, Number(ttlMs));
let waits = false;
node.onInvalidated((id) => {
  if (!waits || !id.startsWith("latency-")) return;
  waits = false;
  process.send?.({ at: process.hrtime.bigint() });
});
process.on("message", async (/** @type {string} */ id) => {
  await node.get(id);
  waits = true;
  process.send?.("held");
});
process.once("disconnect", () => process.exit());
process.send?.("connected");
