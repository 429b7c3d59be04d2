import type { Timer } from "../../clock.js";
import type { SeededRandom } from "./random.js";

/** What happens to a process that is paused waits: its timers, and what arrives for it. */
type EventKind = "timer" | "delivery";

interface Event {
  dueMs: number;
  /** Of two that are due together, the one that was planned first comes first. */
  readonly order: number;
  readonly kind: EventKind;
  readonly process: Process | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

/** A process of the simulated world: a node, or the server. */
export class Process {
  readonly name: string;
  isDead = false;
  /** How many faults pause it at present. */
  pauses = 0;
  /** What came due while it was paused. */
  waiting: Event[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

/** Time in the simulated world, and all that is going to happen in it. */
export class Scheduler {
  readonly #random: SeededRandom;
  readonly #queue = new EventQueue();
  /** What must happen now, before anything else: what waited for a process that goes on. */
  #ready: Event[] = [];
  #nowMs = 0;
  #planned = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Plans what shall happen to nobody in particular. */
  at(dueMs: number, run: () => void): Timer {
    return this.#plan(dueMs, "timer", undefined, run);
  }

  /** Plans a timer of a process. */
  timer(process: Process, dueMs: number, run: () => void): Timer {
    return this.#plan(dueMs, "timer", process, run);
  }

  /** Plans that something arrives at a process. */
  delivery(process: Process, dueMs: number, run: () => void): Timer {
    return this.#plan(dueMs, "delivery", process, run);
  }

  /** Lets a process wait, until as many calls of `resume()`. */
  pause(process: Process): void {
    process.pauses++;
  }

  /**
   * Lets a process go on. What waited happens at once, each kind in its order; which kind comes first depends on where in its event
   * loop the process was.
   */
  resume(process: Process): void {
    if (--process.pauses > 0) return;
    const first: EventKind = this.#random.chance(0.5) ? "timer" : "delivery";
    const rank = (event: Event) => (event.kind === first ? 0 : 1);
    this.#ready.push(...process.waiting.toSorted((a, b) => rank(a) - rank(b) || before(a, b)));
    process.waiting = [];
  }

  /** Nothing happens to a process any more. */
  kill(process: Process): void {
    process.isDead = true;
    process.waiting = [];
  }

  /** Moves time on to the next thing that happens until then, and lets it happen; `false`, at that moment, if there is none. */
  step(untilMs: number): boolean {
    for (;;) {
      const event = this.#ready.shift() ?? this.#queue.takeUntil(untilMs);
      if (event === undefined) break;
      if (event.cancelled || event.process?.isDead) continue;
      this.#nowMs = Math.max(this.#nowMs, event.dueMs);
      if (event.process !== undefined && event.process.pauses > 0) {
        event.process.waiting.push(event);
        continue;
      }
      event.run();
      return true;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    return false;
  }

  #plan(dueMs: number, kind: EventKind, process: Process | undefined, run: () => void): Timer {
    const order = this.#planned++;
    const event: Event = { dueMs: Math.max(dueMs, this.#nowMs), order, kind, process, run, cancelled: false };
    this.#queue.add(event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }
}

function before(a: Event, b: Event): number {
  return a.dueMs - b.dueMs || a.order - b.order;
}

/** Events by the time at which they are due: a binary heap. */
class EventQueue {
  readonly #heap: Event[] = [];

  add(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Event;
      if (before(parent, event) <= 0) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  }

  /** The first one, if it is due until then. */
  takeUntil(untilMs: number): Event | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > untilMs) return undefined;
    const last = this.#heap.pop() as Event;
    if (last !== first) this.#sink(last);
    return first;
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      if (left === undefined) break;
      const isRight = right !== undefined && before(right, left) < 0;
      const child = isRight ? right : left;
      if (before(event, child) <= 0) break;
      heap[at] = child;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = event;
  }
}
