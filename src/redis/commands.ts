import type { Clock } from "../clock.js";
import { StoreUnavailableError } from "../errors.js";
import type { Command, RedisPort, Reply } from "./port.js";
import type { Script } from "./scripts/script.js";

export interface RedisCommandsOptions {
  readonly port: RedisPort;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxPending: number;
}

/**
 * Sends commands and scripts so that each is over in bounded time: with its reply, or with a `StoreUnavailableError`.
 *
 * The bound is compared when the reply is handled, and not left to the timer alone: in a process that was paused the
 * timer is as late as the reply, and a value that old must not be served.
 */
export class RedisCommands {
  readonly #port: RedisPort;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #maxPending: number;
  /** Commands that the client still holds, those that we gave up included: only the client can drop them. */
  #pending = 0;

  constructor({ port, clock, timeoutMs, maxPending }: RedisCommandsOptions) {
    this.#port = port;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#maxPending = maxPending;
  }

  /** Sends one command. */
  send(command: Command): Promise<Reply> {
    return this.#bounded(() => this.#port.send(command));
  }

  /** Runs a script by its digest, and by its text on a server that does not know it yet. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<Reply> {
    const rest = [String(keys.length), ...keys, ...args];
    return this.#bounded((isOver) =>
      this.#port.send(["EVALSHA", script.sha1, ...rest]).catch((error: Error) => {
        // A caller who was told that the command failed must not have it carried out after that.
        if (isOver() || !error.message.startsWith("NOSCRIPT")) throw error;
        return this.#port.send(["EVAL", script.lua, ...rest]);
      }),
    );
  }

  #bounded(send: (isOver: () => boolean) => Promise<Reply>): Promise<Reply> {
    if (this.#pending >= this.#maxPending) {
      return Promise.reject(new StoreUnavailableError(`${this.#pending} commands wait for it already`));
    }
    this.#pending++;
    const sentAtMs = this.#clock.now();
    const isOver = () => this.#clock.now() - sentAtMs >= this.#timeoutMs;
    return new Promise((resolve, reject) => {
      const tooLate = () => reject(new StoreUnavailableError(`no reply within ${this.#timeoutMs} ms`));
      const timer = this.#clock.schedule(tooLate, this.#timeoutMs);
      const settled = () => {
        this.#pending--;
        timer.cancel();
      };
      send(isOver).then(
        (reply) => {
          settled();
          if (isOver()) tooLate();
          else resolve(reply);
        },
        (cause: Error) => {
          settled();
          reject(new StoreUnavailableError(cause.message, { cause }));
        },
      );
    });
  }
}
