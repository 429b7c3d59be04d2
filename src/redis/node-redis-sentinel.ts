import { tooLate } from "./failures.js";
import { type NodeRedisClient, NodeRedisPort } from "./node-redis.js";
import type {
  Command,
  Connection,
  IsOver,
  RedisPort,
  Reply,
  Subscription,
  SubscriptionRequest,
  TrackedSubscription,
  TrackingRequest,
} from "./port.js";

/** What we call of a sentinel client of node-redis (versions 5 and 6), made by `createSentinel()`. */
export interface NodeRedisSentinelClient {
  /** Hands out the client of the master, as soon as there is one. Internal to node-redis, but typed and the same in both versions. */
  _execute<T>(isReadonly: boolean | undefined, use: (master: NodeRedisClient) => Promise<T>): Promise<T>;
  getSentinelNode(): unknown;
  readonly isOpen: boolean;
  readonly _keyPrefix?: unknown;
}

/**
 * A sentinel client of node-redis as a `RedisPort`: commands go through the client of the master that it holds, and a subscription is
 * a duplicate of that one, so it ends with its socket and tells so. The next one is opened at whatever is the master then.
 *
 * Not through the sentinel client's own `sendCommand()` and `subscribe()`: the former may let a command overtake another one, and sends it
 * again by itself when the connection breaks, which counts an increment twice; the latter subscribes again without telling.
 */
export class NodeRedisSentinelPort implements RedisPort {
  readonly #sentinel: NodeRedisSentinelClient;
  #master: Master | undefined;
  /** The search for a master that is ready: one for all who wait. */
  #search: Promise<Master> | undefined;

  constructor(sentinel: NodeRedisSentinelClient) {
    this.#sentinel = sentinel;
  }

  async send(command: Command, isOver?: IsOver): Promise<Reply> {
    const master = this.#readyMaster();
    if (master !== undefined) return master.port.send(command);
    const { port } = await this.#findMaster();
    if (isOver?.()) throw tooLate();
    return port.send(command);
  }

  async subscribe(request: SubscriptionRequest): Promise<Subscription> {
    const { port } = this.#readyMaster() ?? (await this.#findMaster());
    return port.subscribe(request);
  }

  async track(request: TrackingRequest): Promise<TrackedSubscription> {
    const { port } = this.#readyMaster() ?? (await this.#findMaster());
    return port.track(request);
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { port } = this.#readyMaster() ?? (await this.#findMaster());
    return port.connect(signal);
  }

  /** Whoever comes while others wait is behind them. */
  #readyMaster(): Master | undefined {
    return this.#search === undefined && this.#master?.client.isReady ? this.#master : undefined;
  }

  async #findMaster(): Promise<Master> {
    this.#search ??= this.#askSentinel();
    const search = this.#search;
    try {
      return await search;
    } finally {
      // those who wait go on one right after the other, so that nobody comes between them
      if (this.#search === search) this.#search = undefined;
    }
  }

  async #askSentinel(): Promise<Master> {
    const sentinel = this.#sentinel;
    const closed = () => new Error("The sentinel client is closed");
    if (!sentinel.isOpen) throw closed();
    try {
      const client = await sentinel._execute(false, async (master) => master);
      this.#master = { client, port: new NodeRedisPort(client) };
      return this.#master;
    } catch (error) {
      throw sentinel.isOpen ? error : closed(); // it would say that something of its own is undefined
    }
  }
}

interface Master {
  readonly client: NodeRedisClient;
  readonly port: NodeRedisPort;
}
