/**
 * Puts Redis servers further away, from a process of its own: for each `{ port, delayMs }` that it is sent, a proxy before that port, of which
 * it tells the port; with `{ proxyPort, delayMs }` that one holds back for longer or shorter. The delay is there and back. The TCP proxy
 * counts in whole milliseconds; here it is made to look many times in one.
 */
import { TcpProxy } from "../../dist/testing/index.js";

const LOOK_EVERY_MS = 0.02;
/** After so many looks for nothing, the process sleeps until something arrives. */
const IDLE_LOOKS = 500;
const IDLE_MS = 2;

/** @type {TcpProxy[]} */
const proxies = [];
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let idle = 0;

/** @typedef {{ port: number, delayMs: number } | { proxyPort: number, delayMs: number }} Order */

process.once("disconnect", () => process.exit());
process.on("message", async (/** @type {Order} */ order) => {
  const proxy =
    "port" in order ? await start(order.port) : proxies.find(({ port }) => port === order.proxyPort);
  if (proxy === undefined) throw new Error("there is no such proxy");
  proxy.delayMs = order.delayMs / 2; // each way
  process.send?.({ port: proxy.port });
});
process.send?.("ready");

/** @param {number} targetPort */
async function start(targetPort) {
  const proxy = await TcpProxy.start({ targetPort });
  if (proxies.push(proxy) === 1) look();
  return proxy;
}

function look() {
  for (const proxy of proxies) {
    if (proxy.heldBytes === 0) continue;
    idle = 0;
    proxy.resume(); // passes on what is due
  }
  if (idle++ > IDLE_LOOKS) {
    setTimeout(look, IDLE_MS);
    return;
  }
  Atomics.wait(sleeper, 0, 0, LOOK_EVERY_MS);
  setImmediate(look);
}
