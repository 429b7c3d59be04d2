import { isDeepStrictEqual } from "node:util";
import { InvalidOptionError } from "../errors.js";
import type { Snapshot } from "./snapshot.js";

/** Two writers have changed the same field, each in another way. A value is `undefined` where there is no such field. */
export interface MergeConflict {
  /** The keys that lead to the field. */
  readonly path: readonly string[];
  /** What both started from. */
  readonly base: unknown;
  /** What the later writer makes of it: the one who asks. */
  readonly mine: unknown;
  /** What the earlier writer has made of it, and is stored. */
  readonly theirs: unknown;
}

/** Decides at once what a field becomes; `undefined` leaves it out. It may be asked more than once about the same field. */
export type ResolveConflict = (conflict: MergeConflict) => unknown;

/**
 * The later writer wins, as with a store that knows no revisions, but field by field. Only an object that the other one has deleted, and in which
 * the later one has merely changed something, is not brought back: who was logged out is not logged in by noting when he was seen.
 */
const lastWriterWins: ResolveConflict = ({ base, mine, theirs }) =>
  theirs === undefined && isPlainObject(base) && isPlainObject(mine) ? undefined : mine;

/**
 * Both changes of `base` in one: what only one of `mine` and `theirs` has changed, added or deleted is taken from that one. Plain objects are
 * merged field by field, however deep; arrays and all else are values. Only where both have changed the same value differently,
 * `resolve` is asked; an `InvalidOptionError` if it returns a promise.
 *
 * @example
 * mergeThreeWays({ a: 1, b: 1 }, { a: 2, b: 1 }, { a: 1, c: 3 }); // { a: 2, c: 3 }
 */
export function mergeThreeWays<T extends object>(
  base: Snapshot<T>,
  mine: T | Snapshot<T>,
  theirs: Snapshot<T>,
  resolve: ResolveConflict = lastWriterWins,
): T {
  return mergeFields(base as Fields, mine as Fields, theirs as Fields, resolve, []) as T;
}

type Fields = Readonly<Record<string, unknown>>;

function mergeFields(base: Fields, mine: Fields, theirs: Fields, resolve: ResolveConflict, path: string[]) {
  const merged: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    // Assigning to "__proto__" would set the prototype; as an own key it comes from JSON that somebody else wrote.
    if (key === "__proto__") continue;
    const value = mergeValues(own(base, key), own(mine, key), own(theirs, key), resolve, [...path, key]);
    if (value !== undefined) merged[key] = value;
  }
  return merged;
}

function mergeValues(
  base: unknown,
  mine: unknown,
  theirs: unknown,
  resolve: ResolveConflict,
  path: string[],
): unknown {
  if (isDeepStrictEqual(mine, base)) return theirs;
  if (isDeepStrictEqual(theirs, base) || isDeepStrictEqual(mine, theirs)) return mine;
  if (isPlainObject(mine) && isPlainObject(theirs)) {
    return mergeFields(isPlainObject(base) ? base : {}, mine, theirs, resolve, path);
  }
  return requireValue(resolve({ path, base, mine, theirs }));
}

/** A merge is done in one step, between what is stored and a write that expects it: nobody can be waited for, and a promise stored as data is lost data. */
function requireValue(resolved: unknown): unknown {
  if (typeof (resolved as PromiseLike<unknown> | null | undefined)?.then !== "function") return resolved;
  Promise.resolve(resolved).catch(() => {}); // nobody else would hear of its failure, and the process would end
  throw new InvalidOptionError("onConflict", "a function that returns the value itself, at once", resolved);
}

/** A field, but not what every object inherits. */
function own(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

function isPlainObject(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
