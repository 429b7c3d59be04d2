import { SLOT_MOVED } from "./cluster-node.js";
import type {
  Command,
  Connection,
  PubSubMode,
  RedisPort,
  Reply,
  Subscription,
  SubscriptionRequest,
} from "./port.js";
import { isScript } from "./scripts/script.js";
import { WhenReady } from "./when-ready.js";

/** What we call of an ioredis client (versions 5 and 6). */
export interface IoredisClient {
  call(command: string, ...args: string[]): Promise<unknown>;
  duplicate(overrides?: object): IoredisDuplicate;
  connect(): Promise<unknown>;
  readonly status: string;
  readonly options?: { keyPrefix?: unknown; enableOfflineQueue?: unknown };
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

interface IoredisDuplicate {
  connect(): Promise<unknown>;
  call(command: string, ...args: string[]): Promise<unknown>;
  subscribe(...channels: string[]): Promise<unknown>;
  ssubscribe(...channels: string[]): Promise<unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: each event has a listener type of its own
  on(event: string, listener: (...args: any[]) => void): unknown;
  disconnect(): void;
}

/** An ioredis client as a `RedisPort`. */
export class IoredisPort implements RedisPort {
  readonly #client: IoredisClient;
  readonly #whenReady: WhenReady;

  constructor(client: IoredisClient) {
    this.#client = client;
    this.#whenReady = new WhenReady(client);
    keepFromResending(client);
  }

  ready(): Promise<void> | undefined {
    const { status, options } = this.#client;
    if (status === "ready" || status === "end" || options?.enableOfflineQueue === false) return undefined;
    if (status === "wait") this.#client.connect().catch(() => {}); // as its first command would; whoever waits is told by the timeout
    return this.#whenReady.wait();
  }

  send(command: Command): Promise<Reply> {
    return call(this.#client, command);
  }

  async subscribe(
    { channels, onMessage, ...request }: SubscriptionRequest,
    mode: PubSubMode = "plain",
  ): Promise<Subscription> {
    const { connection, isOpen, close } = this.#duplicate(request);
    const heard = (_channel: string, message: string) => {
      if (isOpen()) onMessage(message);
    };
    connection.on(mode === "sharded" ? "smessage" : "message", heard);
    await connection.connect();
    await (mode === "sharded" ? connection.ssubscribe(...channels) : connection.subscribe(...channels));
    return { close };
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { connection, close } = this.#duplicate({ signal, onClose: () => {} });
    await connection.connect();
    return { send: (command) => call(connection, command), close };
  }

  /** A client of its own that ends with its first connection. */
  #duplicate({ onClose, signal }: Pick<SubscriptionRequest, "onClose" | "signal">) {
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
    // version 5 takes it for a reply that nobody asked for when the server ends a subscription because the slot moved
    const isMoved = ({ message }: Error) => message.includes("Last reply: sunsubscribe");
    connection.on("error", (error: Error) => lost(isMoved(error) ? SLOT_MOVED : error.message));
    connection.on("moved", () => lost(SLOT_MOVED));
    connection.on("close", () => lost("connection closed"));
    signal.addEventListener("abort", () => lost(signal.reason.message), { once: true });
    return { connection, isOpen: () => open, close };
  }
}

const KEPT_FROM_RESENDING = new WeakSet<object>();

/**
 * What was under way when its connection broke, ioredis sends again by itself (`autoResendUnfulfilledCommands`): an increment would count twice, and a
 * write without a condition would undo what others have written since. Of our scripts, whether they may be carried out twice is for `RedisCommands` to
 * decide: they fail instead, as with node-redis. What else the application has under way is left alone.
 */
function keepFromResending(client: IoredisClient): void {
  if (KEPT_FROM_RESENDING.has(client)) return;
  KEPT_FROM_RESENDING.add(client);
  client.on("close", () => {
    const { prevCommandQueue: queue } = client as { prevCommandQueue?: Unfulfilled | null };
    const lost = new Error("Connection is closed.");
    for (let n = queue?.length ?? 0; n > 0; n--) {
      const item = queue?.shift();
      if (item === undefined) return;
      if (isScript(String(item.command.args[0]))) item.command.reject(lost);
      else queue?.push(item);
    }
  });
}

/** What ioredis has to send again. */
interface Unfulfilled {
  readonly length: number;
  shift(): UnfulfilledItem | undefined;
  push(item: UnfulfilledItem): unknown;
}

interface UnfulfilledItem {
  readonly command: { readonly args: readonly unknown[]; reject(error: Error): void };
}

/** ioredis hangs the command on the error, arguments included: an id and data that would end in somebody's log. */
function call(client: Pick<IoredisClient, "call">, [name, ...args]: Command): Promise<Reply> {
  const withoutCommand = (error: { command?: unknown }) => {
    error.command = undefined;
    throw error;
  };
  return (client.call(name, ...args) as Promise<Reply>).catch(withoutCommand);
}
