/** What the cache needs of time: a monotonic clock. */
export interface MonotonicClock {
  /** Milliseconds since an arbitrary moment, never going back, whatever happens to the wall clock. */
  now(): number;
}

/** A pending timer. */
export interface Timer {
  cancel(): void;
}

/** All that this package knows of time. Injected, so that tests move it by hand. */
export interface Clock extends MonotonicClock {
  /** Milliseconds since 1970 by the wall clock: for times that people and cookies see, never for a decision of safety. */
  wallNow(): number;
  /** Calls `callback` once, `delayMs` from now at the earliest. Never keeps the process alive. */
  schedule(callback: () => void, delayMs: number): Timer;
  /** A number from 0 to 1, without it: by which waits vary, so that nodes do not act in step. */
  random(): number;
}

/** The methods of a `Clock`, for a check of what was given as one. */
export const CLOCK_METHODS = ["now", "wallNow", "schedule", "random"];

/** Waits. */
export function pause(clock: Pick<Clock, "schedule">, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(resolve, delayMs);
  });
}

/** In a constant of its own: the global is an accessor, which costs as much again as reading the clock. */
const { performance } = globalThis;

/** The clock of the machine. `performance.now()` is the cheapest monotonic clock that Node has. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  schedule(callback, delayMs) {
    const timer = setTimeout(callback, delayMs).unref();
    return { cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
};
