/** A command as Redis takes it: its name, then its arguments. */
export type Command = readonly [name: string, ...args: string[]];

/** A reply as both clients give it: RESP bulk strings as strings, integers as numbers, nil as null, arrays as arrays. */
export type Reply = string | number | null | readonly Reply[];

/** What the store needs of a Redis client. Both adapters implement it; nothing else in this package knows a client. */
export interface RedisPort {
  /** Sends one command on the application's own connection. Commands leave, and replies come, in the order of the calls. */
  send(command: Command): Promise<Reply>;

  /**
   * Opens one connection of its own and subscribes it to `channels`; resolves once Redis confirmed all of them.
   *
   * A subscription lives exactly as long as its socket and never reconnects by itself: whoever holds it must know that
   * messages may have been missed, so a lost one is reported by `onClose` (once, unless `close()` came first) and replaced by a new one.
   */
  subscribe(request: SubscriptionRequest): Promise<Subscription>;
}

export interface SubscriptionRequest {
  readonly channels: readonly string[];
  /** Messages, in the order in which Redis published them, across all channels. */
  readonly onMessage: (message: string) => void;
  readonly onClose: (reason: string) => void;
  /** Gives up a subscription that is being opened: its connection is closed. */
  readonly signal: AbortSignal;
}

export interface Subscription {
  /** Closes the connection at once. Does not call `onClose`. */
  close(): void;
}
