/** What a method of a store tells its callback. */
// biome-ignore lint/suspicious/noExplicitAny: as the middlewares type it
export type Callback<R = void> = (error?: any, result?: R) => void;

/**
 * Tells the callback, once, or hands over the promise if there is none. The callback runs outside of the promise's chain: an
 * error that it throws is not the store's, and must neither come back as a second call nor vanish in a rejection.
 */
export function answer<R>(
  outcome: Promise<R>,
  callback: Callback<NonNullable<R>> | undefined,
): Promise<R> | undefined {
  if (callback === undefined) return outcome;
  outcome.then(
    (result) => queueMicrotask(() => callback(null, result ?? undefined)),
    (error: unknown) => queueMicrotask(() => callback(error)),
  );
  return undefined;
}
