import { systemClock } from "../clock.js";
import { InvalidOptionError, SessionRevokedError, StoreUnavailableError } from "../errors.js";
import { DEFAULT_ROTATION_GRACE_MS, requireGraceMs } from "../options.js";
import { mergeThreeWays, type ResolveConflict } from "../session/merge.js";
import { newTag } from "../session/record.js";
import type { Session } from "../session/session.js";
import type { Snapshot } from "../session/snapshot.js";
import type { LifeOptions, SessionStore } from "../stores/store.js";
import { Turns } from "../stores/turns.js";
import { changeByRevision } from "../stores/updates.js";
import { FreshDeletions } from "./fresh-deletions.js";
import { isShortened, lifeUntil } from "./life.js";
import { type AdapterOptions, type SavingOptions, startedStore } from "./owned-store.js";

/** What differs between the middlewares: how their data tells when a session ends. */
export interface SessionFormat<T> {
  /** When the session ends by what its data says, in milliseconds since 1970; `undefined` if it says nothing. */
  endOf(data: T): number | undefined;
  /** Whether `data` is what is stored already, apart from the times that move with every request. */
  isUnchanged(stored: Snapshot<T>, data: T): boolean;
  /** What is stored, with the times of `data`: that they differ is no conflict. */
  withTimesOf(data: T, stored: Snapshot<T>): Snapshot<T>;
}

/**
 * What a request's session is based on: it travels with the session that a middleware was given, where neither the application nor JSON sees
 * it, and comes back with the save.
 */
export class SessionBase<T> {
  /** The id under which the middleware asked for it: a save under another id is another session. */
  readonly id: string;
  /** What the request has been given, or has saved: what differs from it now is the request's own change. */
  seen: Snapshot<T>;
  /** The session of which this node knows that it came after that. */
  known: Session<T>;
  /** The save of the request that is under way: only when it is done is it known what the next one changes. */
  saving: Promise<unknown> | undefined;

  constructor(id: string, session: Session<T>) {
    this.id = id;
    this.seen = session.data;
    this.known = session;
  }
}

/** The flow of an adapter with these options, on a store that is started. */
export function flowOf<T extends object>(
  { onConflict, rotationGraceMs = DEFAULT_ROTATION_GRACE_MS, ...options }: AdapterOptions<T>,
  format: SessionFormat<T>,
): SessionFlow<T> {
  if (onConflict !== undefined && typeof onConflict !== "function") {
    throw new InvalidOptionError("onConflict", "a function", onConflict);
  }
  requireGraceMs("rotationGraceMs", rotationGraceMs);
  return new SessionFlow(startedStore<T>(options), format, {
    ...(onConflict && { onConflict }),
    rotationGraceMs,
  });
}

/**
 * What every adapter does with sessions, whatever its middleware calls it.
 *
 * A save is conditional on the revision that the request has loaded. If somebody was faster, both changes are merged field by field. If the session
 * is over, nothing is saved: the response is right as it is, and the store counts the attempt.
 */
export class SessionFlow<T extends object> {
  readonly store: SessionStore<T>;
  /** For how long the old id of a rotated session stands for the new one, in milliseconds. */
  readonly rotationGraceMs: number;
  readonly #format: SessionFormat<T>;
  readonly #onConflict: ResolveConflict | undefined;
  readonly #turns = new Turns(systemClock);
  readonly #deletions = new FreshDeletions();

  constructor(
    store: SessionStore<T>,
    format: SessionFormat<T>,
    { onConflict, rotationGraceMs = DEFAULT_ROTATION_GRACE_MS }: SavingOptions,
  ) {
    this.store = store;
    this.#format = format;
    this.#onConflict = onConflict;
    this.rotationGraceMs = rotationGraceMs;
  }

  /**
   * Saves what a request has made of its session, which lives until `endMs` or as long as the store's sessions do. What it is based on from then
   * on; `undefined` if it is over. A base of another id, under which a session has just ended by `endOrRotate()`, is what it was rotated from.
   */
  async save(
    id: string,
    data: T,
    base: SessionBase<T> | undefined,
    endMs = this.#format.endOf(data),
  ): Promise<SessionBase<T> | undefined> {
    const own = base?.id === id ? base : undefined;
    if (own?.saving !== undefined) return this.#saveAfter(own.saving, id, asStored(data), own, endMs);
    const deletion = base === undefined || own !== undefined ? undefined : this.#deletions.take(base.id);
    const isBusy = this.#turns.isBusy(id);
    // Without a base there is only what this node holds to compare with, which does not show a write that is under way.
    const prolonged = own === undefined && isBusy ? undefined : this.#prolong(id, data, own, endMs);
    if (prolonged !== undefined && (await prolonged)) return own;
    const mine = isBusy ? asStored(data) : data; // as it is now
    const saving = this.#turns.take(id, async () => {
      const life = lifeUntil(endMs, this.store.ttlMs, Date.now());
      if (life === undefined) return void (await this.end(id));
      if (own === undefined) return this.#insert(id, mine, life);
      return this.#change(mine, own, life);
    });
    if (base !== undefined && deletion !== undefined) {
      return saving.then((saved) => this.#redirect(base.id, saved, deletion));
    }
    if (own === undefined) return saving;
    own.saving = saving;
    return saving.finally(() => {
      own.saving = undefined;
    });
  }

  async #saveAfter(
    earlier: Promise<unknown>,
    id: string,
    data: T,
    base: SessionBase<T>,
    endMs: number | undefined,
  ): Promise<SessionBase<T> | undefined> {
    await earlier.catch(() => {}); // its caller was told
    return this.save(id, data, base, endMs);
  }

  /**
   * Begins a session in place of another one, under whose id it is found for the grace. It is stored at once, so that requests which are under
   * way under the old id find it. What it is based on from then on.
   */
  async rotate(oldId: string, id: string, data: T): Promise<SessionBase<T> | undefined> {
    const base = await this.save(id, data, undefined);
    // If another request has rotated it meanwhile, the old id is over, and that request's session is not this one's to end.
    await this.store.rotate(oldId, id, { graceMs: this.rotationGraceMs, follow: false });
    return base;
  }

  /** Ends the session, on all nodes. */
  async end(id: string): Promise<void> {
    await this.store.delete(id);
  }

  /**
   * Ends the session, on all nodes, for a middleware that does not say why: if it goes on to save what is based on that session under another
   * id, the old one stands for that from then on, for the grace.
   */
  async endOrRotate(id: string): Promise<void> {
    if (this.rotationGraceMs === 0) return this.end(id);
    const name = newTag();
    if (await this.store.delete(id, { name })) this.#deletions.add(id, name);
  }

  /** Lets the id of the session that was deleted stand for the one that was saved. */
  async #redirect(
    oldId: string,
    saved: SessionBase<T> | undefined,
    deletion: string,
  ): Promise<SessionBase<T> | undefined> {
    if (saved === undefined) return undefined;
    const { rotationGraceMs: graceMs, store } = this;
    // The old id is over as it should be, and the new session is stored: without a grace, if that fails.
    await store.rotate(oldId, saved.id, { graceMs, deletion }).catch(() => {});
    return saved;
  }

  /**
   * Does with a touch, if nothing has changed but when the session ends. Otherwise `undefined`, at once: what is to be stored must not change
   * meanwhile. `false` if the session is gone.
   */
  #prolong(
    id: string,
    data: T,
    base: SessionBase<T> | undefined,
    endMs: number | undefined,
  ): Promise<boolean> | undefined {
    const known = base?.known ?? this.store.peek(id);
    if (known === undefined || !this.#format.isUnchanged(base?.seen ?? known.data, data)) return undefined;
    const { ttlMs } = this.store;
    const wallNowMs = Date.now();
    const life = lifeUntil(endMs, ttlMs, wallNowMs);
    if (life === undefined || isShortened(known, endMs, ttlMs, wallNowMs)) return undefined;
    return this.#touch(known.id, life);
  }

  /** Where reads are answered in an outage, a session that is only read must not fail for its longer life: the next request asks for that too. */
  async #touch(id: string, life: LifeOptions): Promise<boolean> {
    try {
      return await this.store.touch(id, life);
    } catch (error) {
      const { onOutage } = this.store as { readonly onOutage?: unknown };
      if (error instanceof StoreUnavailableError && onOutage === "serve-cached") return true;
      throw error;
    }
  }

  /** Stores a session that is not based on another one. */
  async #insert(id: string, data: T, life: LifeOptions): Promise<SessionBase<T> | undefined> {
    try {
      return new SessionBase(id, await this.store.set(id, data, life));
    } catch (error) {
      if (error instanceof SessionRevokedError) return undefined;
      throw error;
    }
  }

  async #change(data: T, base: SessionBase<T>, life: LifeOptions): Promise<SessionBase<T> | undefined> {
    const { store } = this;
    const { id } = base.known;
    let mine: T | undefined;
    const change = (stored: Snapshot<T>, { revision }: Session<T>) => {
      if (revision === base.known.revision && base.seen === stored) return data;
      mine = asStored(data); // what is sent: the application may go on with its session before the reply
      return this.#merge(mine, base.seen, stored);
    };
    const latest = store.peek(id) ?? base.known;
    // what was merged already is the same when it is merged again
    const changing = { id, change, options: life, known: latest, isIdempotent: true };
    const written = await changeByRevision(store, systemClock, changing);
    if (written === undefined) return undefined;
    base.known = written;
    // The request does not see what others have added: the next save must not take that for its own deletion.
    base.seen = (mine as Snapshot<T> | undefined) ?? written.data;
    return base;
  }

  #merge(mine: T, seen: Snapshot<T>, stored: Snapshot<T>): T {
    const { withTimesOf } = this.#format;
    return mergeThreeWays(withTimesOf(mine, seen), mine, withTimesOf(mine, stored), this.#onConflict);
  }
}

/** The data as it comes back from the store. */
function asStored<T>(data: T): T {
  return JSON.parse(JSON.stringify(data));
}
