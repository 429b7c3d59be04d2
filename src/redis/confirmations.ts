import type { Clock } from "../clock.js";
import {
  InvalidOptionError,
  StoreClosedError,
  StoreUnavailableError,
  UnsupportedClientError,
} from "../errors.js";
import { requireDelayMs, requireKnownOptions, requirePositiveInteger } from "../options.js";
import type { Connection, RedisPort } from "./port.js";
import { CONFIRM } from "./scripts/confirm.js";
import { evaluate } from "./scripts/script.js";

/** How many replicas must have a deletion before its caller is told that it is done. */
export interface DurabilityOptions {
  /** How many replicas. No default. */
  replicas: number;
  /** For how long they are waited for, in milliseconds; less than `commandTimeoutMs`. No default. */
  timeoutMs: number;
}

/** Checks them. `undefined` if replicas are not waited for. */
export function resolveDurability(
  durability: DurabilityOptions | undefined,
  commandTimeoutMs: number,
): Readonly<DurabilityOptions> | undefined {
  if (durability === undefined) return undefined;
  if (typeof durability !== "object" || durability === null) {
    throw new InvalidOptionError("durability", "an object with replicas and timeoutMs", durability);
  }
  requireKnownOptions("durability.", durability, ["replicas", "timeoutMs"]);
  const { replicas, timeoutMs } = durability;
  requirePositiveInteger("durability.replicas", replicas);
  requireDelayMs("durability.timeoutMs", timeoutMs);
  if (timeoutMs >= commandTimeoutMs) {
    const rule = `less than commandTimeoutMs (${commandTimeoutMs})`;
    throw new InvalidOptionError("durability.timeoutMs", rule, timeoutMs);
  }
  return Object.freeze({ replicas, timeoutMs });
}

export interface ConfirmationsOptions extends DurabilityOptions {
  readonly port: RedisPort;
  readonly clock: Clock;
  /** How long one round may take, connecting included. */
  readonly commandTimeoutMs: number;
  readonly maxPending: number;
}

/** A deletion that waits: what the script is asked, and who waits. */
interface Unconfirmed {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Waits until replicas have what was deleted: https://redis.io/docs/latest/commands/wait/.
 *
 * WAIT holds up its connection, so it has one of its own, and one round of it confirms all deletions that were there when it began; those
 * that come meanwhile wait for the next round. A deletion was made on another connection, maybe at a server that was replaced since. So each is
 * looked for at the server of this connection first, and the connection never becomes one to another server: it ends with its socket, or with the
 * first failure, and the next round opens a new one.
 */
export class Confirmations {
  readonly #options: ConfirmationsOptions;
  readonly #open: (signal: AbortSignal) => Promise<Connection>;
  readonly #closing = new AbortController();
  #connection: Connection | undefined;
  #waiting: Unconfirmed[] = [];
  #isRunning = false;

  /** Throws an `UnsupportedClientError` if the port cannot open such a connection. */
  constructor(options: ConfirmationsOptions) {
    const { port } = options;
    if (port.connect === undefined) {
      throw new UnsupportedClientError("`durability` needs the method `connect()` of a port");
    }
    this.#options = options;
    this.#open = port.connect.bind(port);
  }

  /** Resolves when enough replicas have a deletion that Redis acknowledged. Rejects with a `StoreUnavailableError`. */
  confirm(keys: readonly string[], args: readonly string[]): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.reject(new StoreClosedError());
    if (this.#waiting.length >= this.#options.maxPending) {
      const reason = `${this.#waiting.length} deletions wait for its replicas already`;
      return Promise.reject(new StoreUnavailableError(reason));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ keys, args, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Closes the connection. Whoever waits gets a `StoreClosedError`, those of the next round included: it would open another connection. */
  close(): void {
    this.#closing.abort(new StoreClosedError());
    for (const { reject } of this.#waiting.splice(0)) reject(new StoreClosedError());
    this.#drop();
  }

  /** One round after the other while somebody waits. Never rejects. */
  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      await this.#settle(round);
    }
    this.#isRunning = false;
  }

  async #settle(round: readonly Unconfirmed[]): Promise<void> {
    try {
      const failures = await this.#bounded((signal) => this.#ask(round, signal));
      for (const [n, { resolve, reject }] of round.entries()) {
        const failure = failures[n];
        if (failure === undefined) resolve();
        else reject(new StoreUnavailableError(failure, { cause: new Error(failure) }));
      }
    } catch (cause) {
      this.#drop();
      const { message } = cause as Error;
      const error = cause instanceof StoreClosedError ? cause : new StoreUnavailableError(message, { cause });
      for (const { reject } of round) reject(error);
    }
  }

  /** Why each deletion is not confirmed; `undefined` for those that are. */
  async #ask(round: readonly Unconfirmed[], signal: AbortSignal): Promise<(string | undefined)[]> {
    const { replicas, timeoutMs } = this.#options;
    const connection = this.#connection ?? (await this.#open(signal));
    if (signal.aborted) connection.close();
    signal.throwIfAborted();
    this.#connection = connection;
    const found = await Promise.all(round.map(({ keys, args }) => evaluate(connection, CONFIRM, keys, args)));
    const confirmed = Number(await connection.send(["WAIT", String(replicas), String(timeoutMs)]));
    return found.map((isThere) => {
      if (Number(isThere) !== 1) return "the server was replaced by one without the deletion";
      if (confirmed >= replicas) return undefined;
      return `${confirmed} of ${replicas} replicas confirmed the deletion within ${timeoutMs} ms`;
    });
  }

  /** Bounds a round by the time of a command, and by the end of the store. */
  #bounded<R>(ask: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { clock, commandTimeoutMs } = this.#options;
    const round = new AbortController();
    const closing = this.#closing.signal;
    return new Promise<R>((resolve, reject) => {
      const closed = () => round.abort(closing.reason);
      const tooLate = () => round.abort(new Error(`no reply within ${commandTimeoutMs} ms`));
      const timer = clock.schedule(tooLate, commandTimeoutMs);
      closing.addEventListener("abort", closed);
      round.signal.addEventListener("abort", () => reject(round.signal.reason));
      ask(round.signal)
        .then(resolve, reject)
        .finally(() => {
          timer.cancel();
          closing.removeEventListener("abort", closed);
        });
    });
  }

  #drop(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}
