/**
 * Loaded before an example of the documentation that might start a server. Such an example would run for ever; here it gets a
 * free port, has to answer a visitor who comes back with the cookies of the first visit, and is ended.
 */
import { Server } from "node:net";

const { listen } = Server.prototype;

/** @this {Server} @param {unknown[]} args */
Server.prototype.listen = function (...args) {
  this.once("listening", visitTwice);
  const callback = args.findLast((argument) => typeof argument === "function");
  return listen.call(this, 0, /** @type {(() => void) | undefined} */ (callback));
};

/** @this {Server} */
async function visitTwice() {
  const { port } = /** @type {import("node:net").AddressInfo} */ (this.address());
  const url = `http://127.0.0.1:${port}/`;
  const first = await fetch(url);
  const cookie = first.headers.getSetCookie().map((line) => line.split(";")[0]);
  const second = await fetch(url, { headers: { cookie: cookie.join("; ") } });
  for (const { status } of [first, second]) if (status >= 500) throw new Error(`GET / answered ${status}`);
  process.exit();
}
