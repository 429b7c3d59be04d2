import type { Command, RedisPort, Reply, Subscription, SubscriptionRequest } from "./port.js";

/** What we call of an ioredis client (versions 5 and 6). */
export interface IoredisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate(overrides?: object): IoredisSubscriber;
  readonly status: string;
  readonly options?: { keyPrefix?: unknown };
}

interface IoredisSubscriber {
  connect(): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: each event has a listener type of its own
  on(event: string, listener: (...args: any[]) => void): unknown;
  disconnect(): void;
}

/** An ioredis client as a `RedisPort`. */
export class IoredisPort implements RedisPort {
  readonly #client: IoredisClient;

  constructor(client: IoredisClient) {
    this.#client = client;
  }

  /** ioredis hangs the command on the error, arguments included: an id and data that would end in somebody's log. */
  send([name, ...args]: Command): Promise<Reply> {
    const withoutCommand = (error: { command?: unknown }) => {
      error.command = undefined;
      throw error;
    };
    return (this.#client.call(name, ...args) as Promise<Reply>).catch(withoutCommand);
  }

  async subscribe({ channels, onMessage, onClose, signal }: SubscriptionRequest): Promise<Subscription> {
    signal.throwIfAborted();
    const connection = this.#client.duplicate({
      lazyConnect: true,
      autoResubscribe: false,
      retryStrategy: () => null,
    });
    let open = true;
    const close = () => {
      open = false;
      connection.disconnect();
    };
    const lost = (reason: string) => {
      if (!open) return;
      close();
      onClose(reason);
    };
    connection.on("error", (error: Error) => lost(error.message));
    connection.on("close", () => lost("connection closed"));
    connection.on("message", (_channel: string, message: string) => {
      if (open) onMessage(message);
    });
    signal.addEventListener("abort", () => lost(signal.reason.message), { once: true });
    await connection.connect();
    await connection.subscribe(...channels);
    return { close };
  }
}
