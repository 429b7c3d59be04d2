import type {
  Command,
  RedisPort,
  Reply,
  Subscription,
  SubscriptionRequest,
  TrackedSubscription,
  TrackingRequest,
} from "../../redis/port.js";
import {
  BOTH_WAYS,
  Connection,
  type ConnectionKind,
  type ServerAddress,
  type Way,
  type WorldContext,
} from "./connection.js";
import type { Process } from "./scheduler.js";

/** How the client of a node behaves when its connection is lost. */
export interface ClientOptions {
  /** Whether it sends again what was not answered, as `ioredis` does by default; otherwise it rejects that, as `redis` does. */
  readonly resendsUnanswered: boolean;
}

/** The wait before the next attempt to connect, in milliseconds. */
const MIN_RECONNECT_MS = 10;
const MAX_RECONNECT_MS = 200;

interface PendingCommand {
  readonly command: Command;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** The client of one node: a connection for commands that comes back by itself, and one for each subscription. */
export class NodePort implements RedisPort {
  readonly #world: WorldContext;
  readonly #address: ServerAddress;
  readonly #process: Process;
  readonly #options: ClientOptions;
  readonly #connections = new Set<Connection>();
  /** Those that this node closed while they were stalled: the server will learn it when they are not any more. */
  #closing: Connection[] = [];
  /** How many faults stall each way at present, for connections that are yet to come too. */
  readonly #stalls: Record<ConnectionKind, Record<Way, number>> = {
    commands: { toServer: 0, toNode: 0 },
    subscription: { toServer: 0, toNode: 0 },
  };
  /** The connection for commands, while it stands. */
  #commands: Connection | undefined;
  /** Sent and not answered, the oldest first. */
  #unanswered: PendingCommand[] = [];
  /** To be sent as soon as there is a connection. */
  #waiting: PendingCommand[] = [];

  constructor(world: WorldContext, address: ServerAddress, process: Process, options: ClientOptions) {
    this.#world = world;
    this.#address = address;
    this.#process = process;
    this.#options = options;
    this.#connect();
  }

  send(command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => this.#transmit({ command, resolve, reject }));
  }

  async subscribe(request: SubscriptionRequest): Promise<Subscription> {
    const { close } = await this.#subscribe(request);
    return { close };
  }

  async track(request: TrackingRequest): Promise<TrackedSubscription> {
    const unanswered = new Set<PendingCommand>();
    let isLost = false;
    const lost = () => {
      isLost = true;
      for (const { reject } of unanswered) reject(new Error("Connection lost"));
      unanswered.clear();
    };
    const onClose = (reason: string) => {
      request.onClose(reason);
      lost();
    };
    const { connection, close } = await this.#subscribe({ ...request, onClose }, request.onInvalidated);
    const read = (command: Command) =>
      new Promise<Reply>((resolve, reject) => {
        const pending = { command, resolve, reject };
        unanswered.add(pending);
        connection.send(command, (reply) => {
          unanswered.delete(pending);
          if (reply instanceof Error) reject(reply);
          else resolve(reply);
        });
      });
    const send = async (command: Command) => {
      if (isLost) return this.send(command);
      return read(command).catch((error) => {
        if (isLost) return this.send(command);
        throw error;
      });
    };
    const closed = () => {
      close();
      lost();
    };
    return { send, close: closed };
  }

  #subscribe(
    { channels, onMessage, onClose, signal }: SubscriptionRequest,
    onInvalidated?: TrackingRequest["onInvalidated"],
  ): Promise<{ connection: Connection; close(): void }> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let isSubscribed = false;
      const lost = (reason: string) => {
        if (isSubscribed) onClose(reason);
        else reject(new Error(reason));
      };
      const connection = this.#open("subscription", {
        onOpen: () => {
          if (onInvalidated !== undefined) connection.track(onInvalidated);
          connection.subscribe(channels, onDone, onMessage);
        },
        onLost: lost,
      });
      const close = () => {
        if (!this.#connections.delete(connection)) return;
        if (this.#stalledWays("subscription").length > 0) this.#closing.push(connection);
        connection.close();
      };
      const onDone = () => {
        isSubscribed = true;
        resolve({ connection, close });
      };
      signal.addEventListener("abort", () => {
        if (!this.#connections.has(connection)) return; // it is over already
        close();
        lost((signal.reason as Error).message);
      });
    });
  }

  /** The connections that there are now, of this kind or of all. */
  connections(kind: ConnectionKind | "all"): Connection[] {
    return [...this.#connections].filter((connection) => kind === "all" || connection.kind === kind);
  }

  /** Nothing gets through on connections of this kind, new ones included, until as many calls of `release()`. */
  stall(kind: ConnectionKind, ways: readonly Way[]): void {
    for (const way of ways) this.#stalls[kind][way]++;
    for (const connection of this.connections(kind)) connection.stall(ways);
  }

  release(kind: ConnectionKind, ways: readonly Way[]): void {
    for (const way of ways) this.#stalls[kind][way]--;
    const free = ways.filter((way) => this.#stalls[kind][way] === 0);
    for (const connection of this.connections(kind)) connection.release(free);
    for (const connection of this.#closing) if (connection.kind === kind) connection.release(free);
    if (this.#stalledWays("subscription").length === 0) this.#closing = [];
  }

  #stalledWays(kind: ConnectionKind): Way[] {
    return BOTH_WAYS.filter((way) => this.#stalls[kind][way] > 0);
  }

  #open(
    kind: ConnectionKind,
    { onOpen, onLost }: { onOpen(): void; onLost(reason: string): void },
  ): Connection {
    const events = {
      onOpen,
      onLost: (reason: string) => {
        this.#connections.delete(connection);
        onLost(reason);
      },
    };
    const connection = new Connection(this.#world, this.#address, { kind, process: this.#process, events });
    this.#connections.add(connection);
    connection.stall(this.#stalledWays(kind));
    connection.open();
    return connection;
  }

  #connect(): void {
    const connection = this.#open("commands", {
      onOpen: () => {
        this.#commands = connection;
        for (const pending of this.#waiting.splice(0)) this.#transmit(pending);
      },
      onLost: (reason) => this.#disconnected(reason),
    });
  }

  #disconnected(reason: string): void {
    this.#commands = undefined;
    const unanswered = this.#unanswered.splice(0);
    if (this.#options.resendsUnanswered) this.#waiting.unshift(...unanswered);
    else for (const { reject } of unanswered) reject(new Error(`Connection lost: ${reason}`));
    const { scheduler, random } = this.#world;
    const waitMs = random.between(MIN_RECONNECT_MS, MAX_RECONNECT_MS);
    scheduler.timer(this.#process, scheduler.nowMs + waitMs, () => this.#connect());
  }

  #transmit(pending: PendingCommand): void {
    if (this.#commands === undefined) {
      this.#waiting.push(pending);
      return;
    }
    this.#unanswered.push(pending);
    this.#commands.send(pending.command, (reply) => {
      this.#unanswered.shift(); // replies come in the order of the commands
      if (reply instanceof Error) pending.reject(reply);
      else pending.resolve(reply);
    });
  }
}
