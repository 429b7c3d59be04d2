import { EventEmitter, once } from "node:events";
import { MIDDLEWARES } from "./middlewares.mjs";
import { connectNodeRedis, PREFIX } from "./redis.mjs";
import { Visitor } from "./visitor.mjs";

const REQUESTS = 100;
const ACTIONS = /** @type {const} */ (["read", "save", "change"]);
const STORES = /** @type {const} */ (["before", "after"]);

/**
 * How many commands does a node send to Redis for a request, with each session middleware?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, quick }) {
  const requests = quick ? 2 : REQUESTS;
  const monitor = await Monitor.open(redisUrl);
  const rows = [];
  for (const middleware of MIDDLEWARES) {
    /** @type {Record<string, number>} */
    const values = {};
    for (const store of STORES) {
      const client = await connectNodeRedis(redisUrl);
      const site = await middleware[store](client);
      await site.store?.start();
      const address = await addressOf(client);
      const visitor = new Visitor();
      const visit = (/** @type {string} */ path) => visitor.visit(`http://127.0.0.1:${site.port}/${path}`);
      await visit("change"); // makes the session
      for (const action of ACTIONS) {
        await visit("save"); // sends the touch that follows a write
        const before = await monitor.sentBy(address);
        for (let n = 0; n < requests; n++) await visit(action);
        values[`${action} ${store}`] = ((await monitor.sentBy(address)) - before) / requests;
      }
      site.stop();
      await site.store?.clear();
      await site.store?.close();
      await client.ping(); // comes after what a middleware sends and does not wait for
      client.destroy();
    }
    rows.push({ name: middleware.name, values });
  }
  await monitor.clear();
  monitor.close();
  const columns = ACTIONS.flatMap((action) =>
    STORES.map((store) => ({
      key: `${action} ${store}`,
      label: `${action}, ${store}`,
      unit: /** @type {const} */ ("count"),
    })),
  );
  const note =
    `Sent by one node, counted at the server over ${requests} requests of one session, one after the other; "save": nothing was changed. Before: ` +
    "connect-redis for express-session and @fastify/session, for the others JSON with GET and SET. After: sessionmesh; the next touch is due in a tenth " +
    "of the session's life, or after a change.";
  return [{ title: "Redis commands per request", columns, rows, note }];
}

/**
 * The client's address, as the server knows it.
 *
 * @param {Awaited<ReturnType<typeof connectNodeRedis>>} client
 */
async function addressOf(client) {
  const line = String(await client.sendCommand(["CLIENT", "INFO"]));
  return / addr=(\S+)/.exec(line)?.[1] ?? "";
}

/** Counts what clients send, by MONITOR: what scripts do inside of the server is not theirs. */
class Monitor {
  /** @type {Map<string, number>} */
  #counts = new Map();
  #echoes = new EventEmitter();
  #echoed = 0;
  #watching;
  #asking;

  /** @param {string} redisUrl */
  static async open(redisUrl) {
    const monitor = new Monitor(await connectNodeRedis(redisUrl), await connectNodeRedis(redisUrl));
    await monitor.#watching.monitor((line) => monitor.#note(String(line)));
    return monitor;
  }

  /**
   * @param {Awaited<ReturnType<typeof connectNodeRedis>>} watching
   * @param {Awaited<ReturnType<typeof connectNodeRedis>>} asking
   */
  constructor(watching, asking) {
    this.#watching = watching;
    this.#asking = asking;
  }

  /**
   * How many commands a client has sent since this began.
   *
   * @param {string} address
   */
  async sentBy(address) {
    const token = `${PREFIX}${this.#echoed++}`;
    const seen = once(this.#echoes, token); // after all that came before it
    await this.#asking.echo(token);
    await seen;
    return this.#counts.get(address) ?? 0;
  }

  /** Removes what plain stores have left. */
  async clear() {
    for await (const keys of this.#asking.scanIterator({ MATCH: `${PREFIX}plain:*` })) {
      if (keys.length > 0) await this.#asking.del(keys);
    }
  }

  close() {
    this.#watching.destroy();
    this.#asking.destroy();
  }

  /** @param {string} line such as `1339518083.107412 [0 127.0.0.1:60866] "get" "key"` */
  #note(line) {
    const [, source = "", command = "", argument = ""] =
      /^\S+ \[\d+ (\S+)\] "(\w+)"(?: "([^"]*)")?/.exec(line) ?? [];
    this.#counts.set(source, (this.#counts.get(source) ?? 0) + 1);
    if (command.toLowerCase() === "echo") this.#echoes.emit(argument);
  }
}
