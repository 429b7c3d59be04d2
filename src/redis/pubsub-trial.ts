import type { Clock } from "../clock.js";
import { PubSubRefusedError, type StoreUnavailableError } from "../errors.js";
import { RedisCommands } from "./commands.js";
import { refusalOf } from "./failures.js";
import type { PubSubMode, RedisPort } from "./port.js";

export interface PubSubTrialOptions {
  readonly port: RedisPort;
  /** `undefined`: nothing is told, and nothing has to be tried. */
  readonly channel: string | undefined;
  readonly pubsub: PubSubMode;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/**
 * Whether one can publish and subscribe as this node is configured. A script publishes last: where that is refused, it has written already, and fails all
 * the same. What is tried is tried on a channel that nobody hears, one like those that each node has for itself.
 */
export class PubSubTrial {
  readonly #options: PubSubTrialOptions;
  readonly #commands: RedisCommands;
  #isPassed: boolean;
  #running: Promise<void> | undefined;

  constructor(options: PubSubTrialOptions) {
    this.#options = options;
    this.#commands = new RedisCommands({ ...options, maxPending: 1 });
    this.#isPassed = options.channel === undefined;
  }

  /** Whether publishing is known to be possible. */
  get isPassed(): boolean {
    return this.#isPassed;
  }

  /** Tries to publish, once. Rejects with a `PubSubRefusedError` if that is refused; not if it cannot be found out now. */
  publishing(): Promise<void> {
    if (this.#isPassed) return Promise.resolve();
    this.#running ??= this.#publish().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The same for subscribing, by a connection that is closed at once. */
  async subscribing(): Promise<void> {
    const { channel, port, clock, timeoutMs } = this.#options;
    if (channel === undefined) return;
    const abort = new AbortController();
    const timer = clock.schedule(() => abort.abort(new Error("it took too long")), timeoutMs);
    const request = {
      channels: [nobodys(channel)],
      onMessage: ignore,
      onClose: ignore,
      signal: abort.signal,
    };
    try {
      (await this.heard(port.subscribe(request))).close();
    } catch (error) {
      if (error instanceof PubSubRefusedError) throw error;
    } finally {
      timer.cancel();
    }
  }

  /** A subscription that is being opened; where that is refused, it rejects with a `PubSubRefusedError`. */
  async heard<S>(subscription: Promise<S>): Promise<S> {
    const command = this.#options.pubsub === "sharded" ? "SSUBSCRIBE" : "SUBSCRIBE";
    return subscription.catch((error) => {
      throw refusalOf(error) === undefined ? error : new PubSubRefusedError(command, { cause: error });
    });
  }

  async #publish(): Promise<void> {
    const { channel = "", port } = this.#options;
    try {
      await this.#commands.publish(nobodys(channel), "");
      this.#isPassed = true;
    } catch (error) {
      const { cause } = error as StoreUnavailableError;
      if (!(cause instanceof Error) || refusalOf(cause) === undefined) return;
      throw new PubSubRefusedError(port.publishCommand ?? "PUBLISH", { cause });
    }
  }
}

function nobodys(channel: string): string {
  return `${channel}:`; // a node's own has its id behind this, which is never empty
}

const ignore = () => {};
