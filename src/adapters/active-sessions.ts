import { AsyncLocalStorage } from "node:async_hooks";
import { systemClock } from "../clock.js";
import { SessionConflictError } from "../errors.js";
import type { Session } from "../session/session.js";
import { retryOnConflict } from "../stores/queries.js";
import type { KeyValueStore } from "../stores/store.js";
import { Turns } from "../stores/turns.js";

/** One session of a user, as better-auth lists it. */
interface Reference {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What a flow of control has read last. */
interface LastRead {
  readonly key: string;
  /** What it found, as soon as that is known. */
  base?: { readonly found: Session<string> | undefined };
}

/**
 * The lists of users' sessions that better-auth keeps: it reads one, changes it, and writes the whole of it, without asking whether it is still
 * the one that it read. So a login could take another that was under way off the list, and whoever ends the sessions on the list would
 * miss it.
 *
 * Here such a write is conditional on what the same flow of control read last. If another write came in between, what this one changed (what
 * it wrote beside what it read) is applied to the list as it is now.
 */
export class ActiveSessions {
  readonly #store: KeyValueStore<string>;
  readonly #lastRead = new AsyncLocalStorage<LastRead>();
  /** One write of a list at a time: then only other nodes can come in between. */
  readonly #turns = new Turns(systemClock);

  constructor(store: KeyValueStore<string>) {
    this.#store = store;
  }

  /** The list as Redis has it. Its caller is the flow of control that may write it next: nothing must be awaited before that is noted. */
  async read(key: string): Promise<Session<string> | undefined> {
    const read: LastRead = { key };
    this.#lastRead.enterWith(read);
    const found = await this.#store.get(key, { consistency: "strong" });
    read.base = { found };
    return found;
  }

  /** Stores a list. */
  async write(key: string, text: string, ttlMs: number): Promise<void> {
    const own = referencesIn(text);
    const isMerged = own !== undefined && (await this.#change(key, own, ttlMs));
    if (!isMerged) await this.#store.set(key, text, { ttlMs });
  }

  /** Deletes a list on which there is nobody left. */
  async delete(key: string): Promise<void> {
    const isMerged = await this.#change(key, [], 0);
    if (!isMerged) await this.#store.delete(key, { tombstone: false });
  }

  /** Makes of the list what this flow of control has made of the one that it read. `false` if it read none. */
  async #change(key: string, own: readonly Reference[], ttlMs: number): Promise<boolean> {
    const read = this.#lastRead.getStore();
    if (read?.key !== key || read.base === undefined) return false;
    const { found } = read.base;
    const base = parse(found);
    if (base === undefined) return false;
    read.base = { found: await this.#turns.take(key, () => this.#apply(key, base, own, found, ttlMs)) };
    return true;
  }

  /** Makes the change from `base` to `own` where `found` is there, or whatever replaced it. The list as it is then. */
  #apply(
    key: string,
    base: readonly Reference[],
    own: readonly Reference[],
    found: Session<string> | undefined,
    ttlMs: number,
  ): Promise<Session<string> | undefined> {
    let current = found;
    const attempt = async () => {
      try {
        return await this.#replace(key, current, merge(base, own, parse(current) ?? []), ttlMs);
      } catch (error) {
        if (error instanceof SessionConflictError) {
          current = await this.#store.get(key, { consistency: "strong" });
        }
        throw error;
      }
    };
    return retryOnConflict(systemClock, attempt);
  }

  async #replace(
    key: string,
    expected: Session<string> | undefined,
    list: readonly Reference[],
    ttlMs: number,
  ): Promise<Session<string> | undefined> {
    const lifeMs = Math.max(ttlMs, (list.at(-1)?.expiresAt ?? 0) - systemClock.wallNow());
    if (list.length === 0 || lifeMs <= 0) {
      if (expected !== undefined) {
        await this.#store.delete(key, { ifRevision: expected.revision, tombstone: false });
      }
      return undefined;
    }
    const text = JSON.stringify(list);
    const life = { ttlMs: Math.ceil(lifeMs) };
    if (expected === undefined) return this.#store.add(key, text, life);
    return this.#store.set(key, text, { ...life, ifRevision: expected.revision });
  }
}

/** What `own` made of `base`, made of `current`: what it added is added, what it removed is removed. That which ends first comes first. */
function merge(
  base: readonly Reference[],
  own: readonly Reference[],
  current: readonly Reference[],
): Reference[] {
  const before = new Set(base.map(({ token }) => token));
  const after = new Map(own.map((reference) => [reference.token, reference]));
  const kept = current
    .filter(({ token }) => after.has(token) || !before.has(token))
    .map((reference) => after.get(reference.token) ?? reference);
  const added = own.filter(({ token }) => !before.has(token) && !kept.some((other) => other.token === token));
  return [...kept, ...added].sort((a, b) => a.expiresAt - b.expiresAt);
}

/** The references of a list; none if there is no list, `undefined` if it is not one. */
function parse(found: Session<string> | undefined): readonly Reference[] | undefined {
  return found === undefined ? [] : referencesIn(found.data);
}

function referencesIn(text: string): readonly Reference[] | undefined {
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) && list.every(isReference) ? list : undefined;
  } catch {
    return undefined;
  }
}

function isReference(item: unknown): item is Reference {
  const { token, expiresAt } = (item ?? {}) as Partial<Reference>;
  return typeof token === "string" && typeof expiresAt === "number";
}
