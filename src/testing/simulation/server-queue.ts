import type { Process, Scheduler } from "./scheduler.js";

/** How long a server is busy with what it does, one thing after the other. With zeros it takes no time, and nothing ever waits. */
export interface ServiceTimes {
  /** With a command or a script, in milliseconds. */
  readonly commandMs: number;
  /** With each key of a script beyond the first three, which is as many as one has that is about one session. */
  readonly keyMs: number;
  /** With each message that it sends to one subscriber, in milliseconds. */
  readonly messageMs: number;
}

/** The commands that wait for a server, which has one thread. */
export class ServerQueue {
  readonly #scheduler: Scheduler;
  readonly #process: Process;
  readonly #times: ServiceTimes;
  readonly #waiting: (() => void)[] = [];
  /** Where in `#waiting` the next one is: to move all the others up each time would take long in a long queue. */
  #next = 0;
  #isBusy = false;
  #spentMs = 0;

  constructor(scheduler: Scheduler, process: Process, times: ServiceTimes) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#times = times;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length - this.#next;
  }

  /** How long the server has been busy with the present command. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Runs this when all that came before is done. */
  add(run: () => void): void {
    this.#waiting.push(run);
    if (!this.#isBusy) this.#work();
  }

  /** A command with so many keys. */
  spendCommand(keys: number): void {
    this.#spentMs += this.#times.commandMs + Math.max(0, keys - 3) * this.#times.keyMs;
  }

  spendMessage(): void {
    this.#spentMs += this.#times.messageMs;
  }

  #work(): void {
    while (!this.#isBusy && this.length > 0) {
      this.#spentMs = 0;
      this.#take()();
      if (this.#spentMs > 0) this.#rest();
    }
  }

  #rest(): void {
    this.#isBusy = true;
    this.#scheduler.delivery(this.#process, this.#scheduler.nowMs + this.#spentMs, () => {
      this.#isBusy = false;
      this.#work();
    });
  }

  #take(): () => void {
    const run = this.#waiting[this.#next++] as () => void;
    if (this.#next > this.length) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
    return run;
  }
}
