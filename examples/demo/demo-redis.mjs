import { randomUUID } from "node:crypto";
import { createClient } from "redis";
import { TcpProxy } from "sessionmesh/testing";

const RECONNECT_MS = 100;

/** @typedef {Awaited<ReturnType<typeof import("../../scripts/with-redis.mjs").provideRedis>>} ProvidedRedis */

/** The demo's Redis: a server of its own, or the one that `REDIS_URL` names; with faults on demand. */
export class DemoRedis {
  /** Begins the names of all keys and channels of the demo, since the server may have other users. */
  namespace = `sessionmesh-demo:${randomUUID().slice(0, 8)}:`;
  #provided;
  #admin;
  #commands;
  /** How often INFO was asked for. */
  #questions = 0;

  /** @param {ProvidedRedis} provided */
  static async open(provided) {
    const { protocol, hostname, port } = new URL(provided.url);
    if (protocol !== "redis:") throw new Error(`The demo needs a REDIS_URL with redis:, not ${protocol}`);
    const target = { targetHost: hostname, targetPort: Number(port || 6379) };
    const admin = await connectAdmin(provided.url);
    return new DemoRedis(provided, admin, await TcpProxy.start(target), await TcpProxy.start(target));
  }

  /**
   * @param {ProvidedRedis} provided
   * @param {Awaited<ReturnType<typeof connectAdmin>>} admin
   * @param {TcpProxy} commands
   * @param {TcpProxy} subscription
   */
  constructor(provided, admin, commands, subscription) {
    this.#provided = provided;
    this.#admin = admin;
    this.#commands = commands;
    /** A way to Redis of its own, for one subscription, to be stalled alone. */
    this.subscription = subscription;
  }

  /** Whether the server was started for the demo, so that it may be killed. */
  get isOurs() {
    return this.#provided.server !== undefined;
  }

  /** The way without a detour, for measurements. */
  get directUrl() {
    return this.#provided.url;
  }

  /** The way of the nodes in the story. */
  get url() {
    const url = new URL(this.#provided.url);
    url.hostname = "127.0.0.1";
    url.port = `${this.#commands.port}`;
    return url.href;
  }

  /** Name, version and address of the server. */
  async describe() {
    const info = await this.#admin.info("server");
    const [, version] = info.match(/^redis_version:(\S+)/m) ?? [];
    return `Redis ${version} at ${new URL(this.directUrl).host}`;
  }

  /** Kills the server, or cuts it off if it is not ours. */
  async fail() {
    if (this.#provided.server) return this.#provided.server.kill();
    for (const way of [this.#commands, this.subscription]) {
      way.refuse();
      way.cut();
    }
  }

  /** Brings it back: empty if it was killed. */
  async recover() {
    if (this.#provided.server) return this.#provided.server.restart();
    for (const way of [this.#commands, this.subscription]) way.accept();
  }

  /**
   * How often Redis has run each command, inside scripts as well, but for the questions asked here.
   *
   * @returns {Promise<Map<string, number>>}
   */
  async commandCalls() {
    const info = await this.#admin.info("commandstats");
    const calls = new Map();
    for (const [, command, count] of info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm))
      calls.set(command, Number(count));
    calls.set("info", (calls.get("info") ?? 0) - this.#questions++);
    return calls;
  }

  /** Removes what the demo wrote, and closes the connections. */
  async close() {
    if (!this.isOurs && this.#admin.isReady) {
      for await (const keys of this.#admin.scanIterator({ MATCH: `*${this.namespace}*`, COUNT: 1_000 })) {
        if (keys.length > 0) await this.#admin.unlink(keys);
      }
    }
    this.#admin.destroy();
    await Promise.all([this.#commands.close(), this.subscription.close()]);
  }
}

/** @param {string} url */
function connectAdmin(url) {
  let wasConnected = false;
  const client = createClient({ url, socket: { reconnectStrategy: () => wasConnected && RECONNECT_MS } });
  client.on("error", () => {}); // an outage is part of the story
  client.on("ready", () => {
    wasConnected = true;
  });
  return client.connect();
}
