import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import { provideRedis } from "../../scripts/with-redis.mjs";
import { Cluster } from "./cluster.mjs";
import { DemoRedis } from "./demo-redis.mjs";

/** Starts what the story needs, and stops all of it however the story ends. */
export class Stage {
  #secret = randomUUID();
  /** @type {(() => Promise<void>)[]} */
  #stops = [];
  /** @type {Promise<void> | undefined} */
  #stopped;

  async startRedis() {
    const provided = await provideRedis();
    this.#stops.push(provided.stop);
    const redis = await DemoRedis.open(provided);
    this.#stops.push(() => redis.close());
    return redis;
  }

  /**
   * Processes in the way of the story, where Redis can fail; B, the one with ioredis, subscribes on a way of its own.
   *
   * @param {DemoRedis} redis
   */
  startCluster(redis) {
    return this.#start({
      store: "sessionmesh",
      clients: ["node-redis", "ioredis", "node-redis"],
      redisUrl: redis.url,
      subscriptionPort: redis.subscription.port,
      namespace: redis.namespace,
    });
  }

  /**
   * Processes with a straight way to Redis, and with equal clients.
   *
   * @param {DemoRedis} redis
   * @param {import("./node.mjs").NodeOptions["store"]} store
   */
  startPlainCluster(redis, store) {
    return this.#start({
      store,
      clients: ["node-redis", "node-redis", "node-redis"],
      redisUrl: redis.directUrl,
      namespace: `${redis.namespace}${store}:`,
    });
  }

  /** Stops everything, the latest first. May be called again. */
  stop() {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  /**
   * Ends the process when a signal asks for it, after everything is stopped; with the exit code that is set by then, if one is.
   *
   * @param {() => void} onSignal is called at once
   */
  stopOnSignals(onSignal) {
    for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
      process.once(signal, async () => {
        const exitCode = process.exitCode ?? 128 + constants.signals[signal];
        onSignal();
        await this.stop();
        process.exit(exitCode);
      });
    }
  }

  /** @param {Omit<ConstructorParameters<typeof Cluster>[0], "secret">} options */
  async #start(options) {
    const cluster = new Cluster({ ...options, secret: this.#secret });
    this.#stops.push(() => cluster.stop()); // before it is ready: it may never be
    await cluster.ready();
    return cluster;
  }

  async #stopAll() {
    for (const stop of this.#stops.reverse()) {
      await stop().catch((/** @type {Error} */ error) => console.error(error.message)); // and on to the next
    }
  }
}
