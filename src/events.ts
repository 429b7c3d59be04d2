import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";

/** Where this package reports what an operator should know. `console` fits, and so do pino and winston. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** The methods of a `Logger`, for a check of what was given as one. */
export const LOGGER_METHODS = ["debug", "info", "warn", "error"];

/**
 * The diagnostics channels, all held from the beginning: one that nobody holds is collected, and Node then may forget the one that was made in its
 * place, and who had subscribed to it.
 */
const CHANNELS = {
  flush: channel("sessionmesh:flush"),
  "lease-held": channel("sessionmesh:lease-held"),
  "lease-lost": channel("sessionmesh:lease-lost"),
  "breaker-opened": channel("sessionmesh:breaker-opened"),
  "breaker-closed": channel("sessionmesh:breaker-closed"),
};

/**
 * Typed events; those that name no session are also published on the diagnostics channel `sessionmesh:<event>` when somebody listens
 * there.
 *
 * `E` maps the name of an event to the tuple of what its listeners receive.
 */
export class Events<E extends Record<keyof E, unknown[]>> extends EventEmitter<E> {
  /**
   * Tells the listeners. An error that a listener throws is the application's, so it surfaces as an uncaught exception
   * like that of any listener, but it never unwinds the state machine that is telling, which has a step to finish.
   */
  protected announce<K extends keyof E & keyof typeof CHANNELS>(event: K, ...args: E[K]): void {
    const diagnostics = CHANNELS[event];
    if (diagnostics.hasSubscribers) diagnostics.publish(args);
    this.tell(event, ...args);
  }

  /** The same for the listeners alone: what names a session is for the application, not for whoever records diagnostics. */
  protected tell<K extends keyof E & string>(event: K, ...args: E[K]): void {
    try {
      (this as EventEmitter).emit(event, ...args);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
