import { type Clock, pause } from "../clock.js";
import { SessionMeshError, StoreUnavailableError } from "../errors.js";
import { Batches } from "./batches.js";
import { isMigrating, isRefusedForNow, mayPass, NotSentError, tooLate } from "./failures.js";
import type { Gate } from "./gate.js";
import type { Command, RedisPort, Reply, TrackedSubscription } from "./port.js";
import { evaluate, type Script, sharded } from "./scripts/script.js";

export interface RedisCommandsOptions {
  readonly port: RedisPort;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly maxPending: number;
  /** How many of those that go together may be on their way at a time. Default: all of them, each by itself. */
  readonly maxConcurrent?: number | undefined;
  /** Decides whether Redis is asked at all. Default: always. */
  readonly gate?: Gate | undefined;
}

export interface RunOptions {
  /** Whether it is sent again after a failure that may pass. Default: no. */
  readonly mayRepeat?: boolean | undefined;
}

/** What is asked of a script that does the same with each of its keys, and answers with an array. */
export interface KeyRequest extends RunOptions {
  readonly script: Script;
  /** What stands before the keys; the same whenever this script is run. */
  readonly commonKeys: readonly string[];
  /** What stands before the arguments; likewise. Default: nothing. */
  readonly commonArgs?: readonly string[] | undefined;
  readonly key: string;
  /** The arguments that go with the key; always as many. */
  readonly args: readonly string[];
  /** Whether it waits for its turn where `maxConcurrent` are on their way. Default: no. */
  readonly takesTurns?: boolean | undefined;
  /** Whether it goes without others. Default: no. */
  readonly goesAlone?: boolean | undefined;
  /** Told before it is sent again though it may have been carried out. */
  readonly onRepeat?: (() => void) | undefined;
  /** By which it is sent. Default: by the application's own connection. */
  readonly reader?: TrackedSubscription | undefined;
}

interface PendingKey {
  readonly request: KeyRequest;
  readonly askedAtMs: number;
  readonly isOver: () => boolean;
}

/**
 * How often a script is sent again at most, and the longest wait before the first time; it doubles from there, with jitter. What meets a slot on its
 * way to another master is sent again for as long as it has time.
 */
const MAX_REPETITIONS = 3;
const FIRST_BACKOFF_MS = 25;
/** How many keys a script has at most: Redis does nothing else meanwhile, some 0.1 ms for as many sessions of 1 KB. */
const MAX_TOGETHER = 32;
/** Which part of a command's time may pass before its turn comes: with less left, the reply would be too late for most. */
const MAX_WAIT = 0.5;

function mayGoTogether({ request: a }: PendingKey, { request: b }: PendingKey): boolean {
  return (
    a.script === b.script &&
    a.reader === b.reader &&
    a.mayRepeat === b.mayRepeat &&
    !a.goesAlone &&
    !b.goesAlone
  );
}

/** A client may also throw. */
function attempt(send: () => Promise<Reply>): Promise<Reply> {
  try {
    return send();
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * Sends commands and scripts so that each is over in bounded time: with its reply, or with a `StoreUnavailableError`.
 *
 * The bound is compared when the reply is handled, and not left to the timer alone: in a process that was paused the
 * timer is as late as the reply, and a value that old must not be served.
 */
export class RedisCommands {
  readonly #options: RedisCommandsOptions;
  readonly #port: RedisPort;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #maxPending: number;
  /** Those that take turns, and those that do not. */
  readonly #turns: Batches<PendingKey, Reply>;
  readonly #atOnce: Batches<PendingKey, Reply>;
  readonly #gate: Gate | undefined;
  /** Commands that the client still holds, those that we gave up included: only the client can drop them. */
  #pending = 0;
  #lateReplies = 0;
  #repetitions = 0;

  constructor(options: RedisCommandsOptions) {
    const { port, clock, timeoutMs, maxPending, maxConcurrent = maxPending, gate } = options;
    this.#options = options;
    this.#port = port;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#maxPending = maxPending;
    const batches = (maxRunning: number) =>
      new Batches<PendingKey, Reply>({
        maxRunning,
        maxSize: MAX_TOGETHER,
        isAlike: mayGoTogether,
        refuse: (request) => this.#waitedTooLong(request),
        send: (requests) => this.#sendTogether(requests as [PendingKey, ...PendingKey[]]),
      });
    this.#turns = batches(maxConcurrent);
    this.#atOnce = batches(maxPending);
    this.#gate = gate;
  }

  /** Replies that came after their time was over, and were not used. */
  get lateReplies(): number {
    return this.#lateReplies;
  }

  /** Scripts that were sent again after a failure. */
  get repetitions(): number {
    return this.#repetitions;
  }

  /** Sends one command. */
  send(command: Command): Promise<Reply> {
    this.#atOnce.flush();
    return this.#bounded((isOver) => this.#port.send(command, isOver));
  }

  /** Resolves when it is known that commands may be sent. Rejects if they must not; not if that cannot be found out now. */
  async ready(): Promise<void> {
    await this.#port.ready?.()?.catch((error: unknown) => {
      if (!(error instanceof StoreUnavailableError)) throw error;
    });
  }

  /** The same for each master of a Redis Cluster, by its name and slots; these, where there is one server. */
  async perMaster(): Promise<ReadonlyMap<string, RedisCommands>> {
    if (this.#port.perMaster === undefined) return new Map([["", this]]);
    const masters = await this.#port.perMaster();
    return new Map(
      Array.from(masters, ([name, port]) => [name, new RedisCommands({ ...this.#options, port })]),
    );
  }

  /** Sends a message to whoever listens on a channel. */
  publish(channel: string, message: string): Promise<Reply> {
    return this.send([this.#port.publishCommand ?? "PUBLISH", channel, message]);
  }

  /**
   * Runs a script by its digest, and by its text on a server that does not know it yet. One that may be repeated (the same tag makes
   * it the same write) is sent again after a failure that may pass; where `args` is a function, with the arguments that it gives then.
   */
  run(
    script: Script,
    keys: readonly string[],
    args: readonly string[] | (() => readonly string[]),
    { mayRepeat = false }: RunOptions = {},
  ): Promise<Reply> {
    this.#atOnce.flush(); // what was asked for first is sent first
    return this.#bounded((isOver) => {
      const send = () =>
        this.#evaluate(this.#port, script, keys, typeof args === "function" ? args() : args, isOver);
      return this.#persist(send, mayRepeat ? mayPass : isRefusedForNow, isOver);
    });
  }

  /**
   * The same of one key. Those that are asked for in one turn of the event loop's queue go together, at once; if they take turns, so do those that wait
   * until fewer than `maxConcurrent` are on their way: that is how they cost Redis and this node least when there are most of them. One whose turn comes when half
   * of its time is over is refused.
   */
  runForKey(request: KeyRequest): Promise<Reply> {
    const askedAtMs = this.#clock.now();
    const batches = request.takesTurns ? this.#turns : this.#atOnce;
    return this.#bounded((isOver) => batches.add({ request, askedAtMs, isOver }));
  }

  #sendTogether(pending: readonly [PendingKey, ...PendingKey[]]): Promise<readonly Reply[]> {
    const { script, commonKeys, commonArgs = [], reader = this.#port, mayRepeat } = pending[0].request;
    const keys = [...commonKeys];
    const args = [...commonArgs];
    for (const { request } of pending) {
      keys.push(request.key);
      args.push(...request.args);
    }
    const isOver = () => pending.every(({ isOver }) => isOver());
    const send = () => this.#evaluate(reader, script, keys, args, isOver);
    const onRepeat = () => {
      for (const { request } of pending) request.onRepeat?.();
    };
    const maySendAgain = mayRepeat ? mayPass : isRefusedForNow;
    return this.#persist(send, maySendAgain, isOver, onRepeat) as Promise<readonly Reply[]>;
  }

  /** What waited for too long is not sent: Redis would do it for nobody, and that is how an overload lasts. */
  #waitedTooLong({ askedAtMs }: PendingKey): Error | undefined {
    const waitedMs = this.#clock.now() - askedAtMs;
    if (waitedMs < this.#timeoutMs * MAX_WAIT) return undefined;
    return new NotSentError(`not sent: it waited ${Math.round(waitedMs)} ms for its turn`);
  }

  #evaluate(
    connection: Pick<RedisPort, "send">,
    script: Script,
    keys: readonly string[],
    args: readonly string[],
    isOver: () => boolean,
  ): Promise<Reply> {
    const sent = this.#port.publishCommand === "SPUBLISH" ? sharded(script) : script;
    return evaluate(connection, sent, keys, args, isOver);
  }

  async #persist(
    send: () => Promise<Reply>,
    maySendAgain: (error: Error) => boolean,
    isOver: () => boolean,
    onRepeat?: () => void,
  ): Promise<Reply> {
    for (let failures = 0; ; failures++) {
      try {
        if (failures > 0) await this.#port.ready?.();
        if (failures > 0 && isOver()) throw tooLate();
        return await send();
      } catch (cause) {
        const error = cause as Error;
        const isLast = failures >= MAX_REPETITIONS && !isMigrating(error);
        if (isLast || isOver() || !maySendAgain(error)) throw error;
        this.#repetitions++;
        const backoffMs = FIRST_BACKOFF_MS * 2 ** Math.min(failures, MAX_REPETITIONS);
        await this.pause(backoffMs * (0.5 + this.#clock.random() / 2));
        if (isOver()) throw error;
        if (!isRefusedForNow(error)) onRepeat?.();
      }
    }
  }

  /** Waits. */
  pause(delayMs: number): Promise<void> {
    return pause(this.#clock, delayMs);
  }

  /** Whether the time of a command is over that was sent then. */
  isTooLate(sentAtMs: number): boolean {
    return this.#clock.now() - sentAtMs >= this.#timeoutMs;
  }

  #whenReady(send: (isOver: () => boolean) => Promise<Reply>, isOver: () => boolean): Promise<Reply> {
    const ready = this.#port.ready?.();
    if (ready === undefined) return send(isOver);
    return ready.then(() => {
      if (isOver()) throw tooLate(); // its caller was told that it failed
      return send(isOver);
    });
  }

  #bounded(send: (isOver: () => boolean) => Promise<Reply>): Promise<Reply> {
    if (this.#pending >= this.#maxPending) {
      return Promise.reject(new StoreUnavailableError(`${this.#pending} commands wait for it already`));
    }
    const sentAtMs = this.#clock.now();
    const ticket = this.#gate?.enter(sentAtMs) ?? 0;
    if (typeof ticket !== "number") return Promise.reject(ticket);
    this.#pending++;
    const isOver = () => this.isTooLate(sentAtMs);
    return new Promise((resolve, reject) => {
      let gaveUp = false;
      const giveUp = () => {
        if (gaveUp) return;
        gaveUp = true;
        const cause = new Error(`no reply within ${this.#timeoutMs} ms`);
        this.#gate?.failed(ticket, cause);
        reject(new StoreUnavailableError(cause.message, { cause }));
      };
      const timer = this.#clock.schedule(giveUp, this.#timeoutMs);
      const settled = () => {
        this.#pending--;
        timer.cancel();
      };
      attempt(() => this.#whenReady(send, isOver)).then(
        (reply) => {
          settled();
          if (!isOver()) {
            this.#gate?.succeeded(ticket);
            return resolve(reply);
          }
          this.#lateReplies++;
          giveUp();
          this.#gate?.answered();
        },
        (cause: Error) => {
          settled();
          if (!gaveUp) this.#gate?.failed(ticket, cause);
          reject(
            cause instanceof SessionMeshError ? cause : new StoreUnavailableError(cause.message, { cause }),
          );
        },
      );
    });
  }
}
