/** A command as Redis takes it: its name, then its arguments. */
export type Command = readonly [name: string, ...args: string[]];

/** A reply as both clients give it: RESP bulk strings as strings, integers as numbers, nil as null, arrays as arrays. */
export type Reply = string | number | null | readonly Reply[];

/** Whether the time of a command is over. */
export type IsOver = () => boolean;

/** What the store needs of a Redis client. Both adapters implement it; nothing else in this package knows a client. */
export interface RedisPort {
  /** How a message is published that the subscriptions of this port are to hear. Default: `PUBLISH`. */
  readonly publishCommand?: "PUBLISH" | "SPUBLISH";

  /**
   * Sends one command on the application's own connection. Commands leave, and replies come, in the order of the calls. Where it has to wait for a
   * server first, it is not sent once its time `isOver`: its caller was told by then that it failed.
   */
  send(command: Command, isOver?: IsOver): Promise<Reply>;

  /**
   * Opens one connection of its own and subscribes it to `channels`; resolves once Redis confirmed all of them.
   *
   * A subscription lives exactly as long as its socket and never reconnects by itself: whoever holds it must know that
   * messages may have been missed, so a lost one is reported by `onClose` (once, unless `close()` came first) and replaced by a new one.
   */
  subscribe(request: SubscriptionRequest): Promise<Subscription>;

  /**
   * The same, by a connection on which one may read as well: the server remembers each key that is read there, and tells once, in order with the
   * messages, when it is written, expires, is evicted or deleted. `invalidation: "tracking"` needs it, and of the clients, node-redis alone hands out
   * what RESP3 pushes for it.
   */
  track?(request: TrackingRequest): Promise<TrackedSubscription>;

  /**
   * Opens one connection of its own for commands, to the server that `send` reaches now. It lives as long as its socket, like a subscription:
   * what is sent after that is rejected. `durability` needs it. `signal`, while it is being opened: closes it.
   */
  connect?(signal: AbortSignal): Promise<Connection>;

  /**
   * A port of each master of a Redis Cluster, whose `SCAN` finds all keys that it has; by a name that is another one when the master has other slots.
   * Default: there is one server.
   */
  perMaster?(): Promise<ReadonlyMap<string, RedisPort>>;

  /**
   * Resolves when commands may be sent; `undefined` if they may be at once, as by default. What is sent before that, a client would keep and send
   * when nobody waits for it any more.
   */
  ready?(): Promise<void> | undefined;
}

export interface SubscriptionRequest {
  readonly channels: readonly string[];
  /** Messages, in the order in which Redis published them, across all channels. */
  readonly onMessage: (message: string) => void;
  readonly onClose: (reason: string) => void;
  /** Gives up a subscription that is being opened: its connection is closed. */
  readonly signal: AbortSignal;
}

export interface TrackingRequest extends SubscriptionRequest {
  /** What was read of a key may be outdated; without a key: of any. */
  readonly onInvalidated: (key: string | undefined) => void;
}

/** A connection for commands whose replies say something of one server alone. */
export interface Connection {
  /** Sends one command. Commands leave, and replies come, in the order of the calls. */
  send(command: Command): Promise<Reply>;
  /** Closes it at once. What is under way is rejected. */
  close(): void;
}

export interface Subscription {
  /** Closes the connection at once. Does not call `onClose`. */
  close(): void;
}

/** A subscription that also takes what reads. */
export interface TrackedSubscription extends Subscription {
  /** Sends a command that changes nothing. Once the connection is lost, which was told before, it may go another way. */
  send(command: Command): Promise<Reply>;
}

/** How messages are published and heard on a Redis Cluster: within the shard that owns the channel's slot (Redis 7), or by all nodes. */
export type PubSubMode = "sharded" | "plain";

/** What the store needs of a client of Redis Cluster. */
export interface RedisClusterPort {
  /**
   * A port for what shares a slot.
   *
   * `send`: a command with a key goes to the master of that key's slot, one without (SCAN, PING) to the master of this slot. The cursor
   * of a SCAN is opaque; a step fails with `SLOTMOVED` while the slot goes to another node, and after it has, and the scan begins anew.
   * `subscribe`: one connection of its own to the master of the slot, by SSUBSCRIBE or SUBSCRIBE according to `mode`. It is lost when its
   * socket goes, and also when the slot goes to another node, which a plain one finds out at the next `send`.
   */
  slot(slot: number, mode: PubSubMode): RedisPort;
}
