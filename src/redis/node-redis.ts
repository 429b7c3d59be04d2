import { SLOT_MOVED } from "./cluster-node.js";
import type {
  Command,
  Connection,
  PubSubMode,
  RedisPort,
  Reply,
  Subscription,
  SubscriptionRequest,
  TrackedSubscription,
  TrackingRequest,
} from "./port.js";
import { WhenReady } from "./when-ready.js";

/** What we call of a node-redis client (versions 5 and 6). */
export interface NodeRedisClient {
  sendCommand(args: string[], options?: object): Promise<unknown>;
  duplicate(overrides?: object): NodeRedisDuplicate;
  readonly isReady: boolean;
  readonly isOpen: boolean;
  readonly options?: { socket?: object; keyPrefix?: unknown; disableOfflineQueue?: unknown } | undefined;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

interface NodeRedisDuplicate {
  connect(): Promise<unknown>;
  sendCommand(args: string[], options?: object): Promise<unknown>;
  subscribe(channels: string[], listener: (message: string) => unknown): Promise<unknown>;
  sSubscribe(channels: string[], listener: (message: string) => unknown): Promise<unknown>;
  on(event: string, listener: (error?: Error) => void): unknown;
  on(event: "invalidate", listener: (key: Buffer | string | null) => void): unknown;
  destroy(): void;
}

/** Plain replies, whatever type mapping the application chose for its own use of the client. */
const PLAIN_REPLIES = { typeMapping: {} };
/**
 * Without the client's own timeout, for which version 6 makes an `AbortSignal` per command: it takes a command from the queue that was
 * not sent yet, so on a connection that stands it only costs, a third of the time of a SET (`bench/writes.mjs`).
 */
const SENT_AT_ONCE = { ...PLAIN_REPLIES, timeout: undefined };

/** RESP3, and CLIENT TRACKING in its default mode: in that with BCAST, what invalidates a key may come after a message that was published later. */
const TRACKED = { RESP: 3, emitInvalidate: true, clientSideCache: undefined };

/** A node-redis client as a `RedisPort`. */
export class NodeRedisPort implements RedisPort {
  readonly #client: NodeRedisClient;
  readonly #whenReady: WhenReady;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    this.#whenReady = new WhenReady(client);
  }

  ready(): Promise<void> | undefined {
    const { isReady, isOpen, options } = this.#client;
    if (isReady || !isOpen || options?.disableOfflineQueue === true) return undefined; // it would refuse at once
    return this.#whenReady.wait();
  }

  send(command: Command): Promise<Reply> {
    const options = this.#client.isReady ? SENT_AT_ONCE : PLAIN_REPLIES;
    return this.#client.sendCommand(command as unknown as string[], options) as Promise<Reply>;
  }

  async subscribe(request: SubscriptionRequest, mode: PubSubMode = "plain"): Promise<Subscription> {
    const { close } = await this.#subscribe(request, mode);
    return { close };
  }

  async track(request: TrackingRequest, mode: PubSubMode = "plain"): Promise<TrackedSubscription> {
    const { connection, isOpen, lost, close } = await this.#subscribe(
      request,
      mode,
      TRACKED,
      request.onInvalidated,
    );
    const send = async (command: Command): Promise<Reply> => {
      try {
        const reply = await connection.sendCommand(command as unknown as string[], SENT_AT_ONCE);
        // A slot that goes ends its channels by pushes that nobody asked for. While a command is under way, node-redis takes the second of
        // them for its reply, which it then gives to the next command, and so on. Those come after this one: they find it closed.
        if (reply === undefined) lost(SLOT_MOVED);
        if (isOpen()) return reply as Reply;
      } catch (error) {
        if (isOpen()) throw error;
      }
      return this.send(command);
    };
    return { send, close };
  }

  async #subscribe(
    { channels, onMessage, ...request }: SubscriptionRequest,
    mode: PubSubMode,
    overrides?: object,
    onInvalidated?: TrackingRequest["onInvalidated"],
  ) {
    const duplicate = this.#duplicate(request, overrides);
    const { connection, isOpen } = duplicate;
    connection.on("invalidate", (key) => {
      if (isOpen()) onInvalidated?.(key === null ? undefined : String(key));
    });
    await connection.connect();
    const heard = (message: string) => {
      if (isOpen()) onMessage(message);
    };
    if (mode === "sharded") await connection.sSubscribe([...channels], heard);
    else await connection.subscribe([...channels], heard);
    return duplicate;
  }

  async connect(signal: AbortSignal): Promise<Connection> {
    const { connection, close } = this.#duplicate({ signal, onClose: () => {} });
    await connection.connect();
    const send = (command: Command) =>
      connection.sendCommand(command as unknown as string[], SENT_AT_ONCE) as Promise<Reply>;
    return { send, close };
  }

  /** A client of its own that ends with its first connection. */
  #duplicate({ onClose, signal }: Pick<SubscriptionRequest, "onClose" | "signal">, overrides?: object) {
    signal.throwIfAborted();
    const connection = this.#client.duplicate({
      socket: { ...this.#client.options?.socket, reconnectStrategy: false },
      ...overrides,
      maintNotifications: "disabled", // a maintenance hand-over would swap the socket without telling us
    });
    let open = true;
    const close = () => {
      open = false;
      destroy(connection);
    };
    const lost = (reason: string) => {
      if (!open) return;
      close();
      onClose(reason);
    };
    // Without a listener for "error", node-redis ends the process when the socket breaks.
    connection.on("error", (error) => lost(error?.message ?? "connection error"));
    connection.on("end", () => lost("connection closed"));
    connection.on("sharded-channel-moved", () => lost(SLOT_MOVED));
    connection.on("ready", () => open || destroy(connection)); // closed while it was connecting
    signal.addEventListener("abort", () => lost(signal.reason.message), { once: true });
    return { connection, isOpen: () => open, lost, close };
  }
}

function destroy(connection: NodeRedisDuplicate): void {
  try {
    connection.destroy();
  } catch {
    // version 5 throws when it is closed already, which is what we want
  }
}
