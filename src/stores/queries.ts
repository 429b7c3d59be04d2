import { type Clock, pause } from "../clock.js";
import { SessionConflictError } from "../errors.js";
import type { Session } from "../session/session.js";
import type { Predicate, SessionStore } from "./store.js";

/** How often a conditional write is tried before its conflict becomes the caller's. */
const MAX_ATTEMPTS = 32;
/**
 * The longest wait before the third attempt, in milliseconds; it doubles up to the longest of all, each with full jitter. The longest is many round
 * trips also where they take long, on a busy machine: else dozens of writers would go on to meet each other until some have no attempt left.
 */
const FIRST_BACKOFF_MS = 1;
const MAX_BACKOFF_MS = 250;
/** How many sessions a bulk operation has on the way to Redis at a time. */
export const BATCH_SIZE = 100;

/**
 * Runs a conditional write until it meets no conflict, at most 32 times: so often that it comes through among several nodes that each have a
 * queue of writes of the same session. The second attempt follows at once, since whoever waits longest loses most often.
 */
export async function retryOnConflict<R>(
  clock: Clock,
  attempt: () => Promise<R>,
  mayRetry: (conflict: SessionConflictError) => boolean = () => true,
): Promise<R> {
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof SessionConflictError) || n === MAX_ATTEMPTS || !mayRetry(error)) throw error;
      if (n === 1) continue;
      const backoffMs = clock.random() * Math.min(FIRST_BACKOFF_MS * 2 ** (n - 2), MAX_BACKOFF_MS);
      await pause(clock, backoffMs);
    }
  }
}

/** All sessions that match. */
export async function findMatching<T>(sessions: AsyncIterable<Session<T>>, predicate: Predicate<T>) {
  const matching: Session<T>[] = [];
  for await (const session of sessions) if (predicate(session)) matching.push(session);
  return matching;
}

/** How many sessions match. */
export async function countMatching<T>(sessions: AsyncIterable<Session<T>>, predicate: Predicate<T>) {
  let count = 0;
  for await (const session of sessions) if (predicate(session)) count++;
  return count;
}

/** Deletes all sessions that match; one that changed since it was listed only if it still matches. */
export async function deleteMatching<T>(
  store: Pick<SessionStore<T>, "all" | "get" | "delete">,
  clock: Clock,
  predicate: Predicate<T>,
): Promise<number> {
  const deleteIfMatching = (listed: Session<T>) => {
    let session: Session<T> | undefined = listed;
    return retryOnConflict(clock, async () => {
      session ??= await store.get(listed.id, { consistency: "strong" });
      if (session === undefined || !predicate(session)) return false;
      const { revision } = session;
      session = undefined; // a conflict makes this one outdated
      return store.delete(listed.id, { ifRevision: revision });
    });
  };
  let deleted = 0;
  for await (const sessions of inBatches(store.all(), BATCH_SIZE)) {
    const outcomes = await Promise.all(sessions.map(deleteIfMatching));
    deleted += outcomes.filter(Boolean).length;
  }
  return deleted;
}

/** The items in arrays of up to `size`. */
export async function* inBatches<I>(items: AsyncIterable<I>, size: number): AsyncGenerator<I[]> {
  let batch: I[] = [];
  for await (const item of items) {
    if (batch.push(item) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
