import { SessionRevokedError } from "../errors.js";
import { Moved } from "../redis/moved.js";
import type { DeleteRequest } from "../redis/session-table.js";
import type { DeleteOptions } from "./store.js";

/** How often an id that was rotated is followed to the next: a bound, since aliases may lead in a circle. */
export const MAX_HOPS = 4;

/** Ids that lead to a session: the one that was asked for, and those that it was rotated to, the newest last. */
export type Path = [id: string, ...newIds: string[]];

/**
 * Does something with the session that the last id of `path` stands for. Where that one was rotated, nothing was done, and it is tried
 * with the next, which joins the path. `lost` answers if that happens too often.
 */
export async function follow<R, L>(
  path: Path,
  attempt: (id: string, throughAlias: boolean) => Promise<R>,
  lost: (moved: Moved) => L,
): Promise<R | L> {
  for (;;) {
    try {
      return await attempt(path.at(-1) as string, path.length > 1);
    } catch (error) {
      if (!(error instanceof Moved)) throw error;
      if (path.length > MAX_HOPS) return lost(error);
      path.push(error.newId);
    }
  }
}

/** What is too far away is not there: for reads. */
export function nothing(): undefined {
  return undefined;
}

/** What is too far away is not written. */
export function refuse({ keyHash }: Moved): never {
  throw new SessionRevokedError(keyHash);
}

/**
 * Ends the session that `path` leads to, and after it each alias on the way: whoever fails in between still finds the session under the old
 * id, and can try again. What each step answered, the session's first.
 */
export async function endAlong<R>(
  path: Path,
  end: (id: string, evenAlias: boolean) => Promise<R>,
): Promise<R[]> {
  const outcomes = await follow(
    path,
    async (id) => [await end(id, false)],
    () => [],
  );
  return [...outcomes, ...(await endAliases(path, end))];
}

/** `delete()` for the session that an id leads to, and the aliases on the way. With a tag that is expected, nothing is done without it. */
export async function deleteAlong(
  id: string,
  { ifRevision: expectedTag, tombstone, name }: DeleteOptions,
  bury: (id: string, request: DeleteRequest) => Promise<{ deleted: boolean }>,
): Promise<boolean> {
  const path: Path = [id];
  const request: DeleteRequest = { expectedTag, reason: "deleted", tombstone, name };
  const outcome = await follow(path, (id) => bury(id, request), nothing);
  const deleted = outcome?.deleted === true;
  if (deleted || expectedTag === undefined) {
    await endAliases(path, (alias, evenAlias) => bury(alias, { evenAlias, reason: "deleted" }));
  }
  return deleted;
}

/** Ends all ids of a path but the last, the newest first. */
async function endAliases<R>(path: Path, end: (id: string, evenAlias: boolean) => Promise<R>): Promise<R[]> {
  const outcomes: R[] = [];
  for (const alias of path.slice(0, -1).reverse()) outcomes.push(await end(alias, true));
  return outcomes;
}
