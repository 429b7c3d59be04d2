import { MAX_TTL_MS } from "../options.js";
import type { Session } from "../session/session.js";
import type { LifeOptions } from "../stores/store.js";

/** An end nearer than this, in milliseconds, is given to the store as a duration: longer than any command may take. */
const NEAR_MS = 10_000;

/**
 * How long a session shall live from now on: until `endMs`, by the wall clock, or for the store's TTL if that is `undefined`. `undefined`: it
 * is over.
 */
export function lifeUntil(
  endMs: number | undefined,
  ttlMs: number,
  wallNowMs: number,
): LifeOptions | undefined {
  const lifeMs = lifeMsUntil(endMs, ttlMs, wallNowMs);
  if (lifeMs <= 0) return undefined;
  // An end so near might pass on the way to the store, which takes no past one; a duration is the same to some milliseconds.
  return endMs === undefined || lifeMs < NEAR_MS ? { ttlMs: lifeMs } : { expiresAtMs: wallNowMs + lifeMs };
}

/**
 * Whether a session shall end sooner than it would by itself: then a touch, which only ever lengthens a life, will not do. Less than
 * the tenth by which touched sessions outlive their ends does not count; simultaneous requests differ by some milliseconds.
 */
export function isShortened(
  { expiresAtMs }: Session<unknown>,
  endMs: number | undefined,
  ttlMs: number,
  wallNowMs: number,
): boolean {
  return Number.isFinite(expiresAtMs) && expiresAtMs > wallNowMs + 1.1 * lifeMsUntil(endMs, ttlMs, wallNowMs);
}

function lifeMsUntil(endMs: number | undefined, ttlMs: number, wallNowMs: number): number {
  return endMs === undefined ? ttlMs : Math.min(endMs - wallNowMs, MAX_TTL_MS);
}
