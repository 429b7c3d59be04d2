import type { Clock } from "../clock.js";
import { SessionConflictError, SessionRevokedError } from "../errors.js";
import type { Session } from "../session/session.js";
import { retryOnConflict } from "./queries.js";
import type { Change, LifeOptions, SessionStore } from "./store.js";
import { Turns } from "./turns.js";

/** `update()` for every store, made of its `get` and `set`. */
export class Updates<T> {
  readonly #store: Pick<SessionStore<T>, "get" | "set">;
  readonly #clock: Clock;
  readonly #turns: Turns;

  constructor(store: Pick<SessionStore<T>, "get" | "set">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#turns = new Turns(clock);
  }

  /** See `SessionStore.update()`. */
  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined> {
    return this.#turns.take(id, () => changeByRevision(this.#store, this.#clock, { id, change, options }));
  }
}

/** A change of a session. */
export interface Changing<T> {
  readonly id: string;
  readonly change: Change<T>;
  readonly options?: LifeOptions | undefined;
  /** What the first attempt is based on: it then costs no read. Default: it is read. */
  readonly known?: Session<T> | undefined;
  /** Whether nothing is different if it is made twice. Default: it is not made again where it may have been already. */
  readonly isIdempotent?: boolean | undefined;
}

/** Changes a session if it is still what the change is based on; otherwise changes what it has become, at most 32 times. */
export function changeByRevision<T>(
  store: Pick<SessionStore<T>, "get" | "set">,
  clock: Clock,
  { id, change, options, known, isIdempotent = false }: Changing<T>,
): Promise<Session<T> | undefined> {
  let session = known;
  const mayRetry = ({ maybeApplied }: SessionConflictError) => isIdempotent || !maybeApplied;
  const attempt = async () => {
    session ??= await store.get(id, { consistency: "strong" });
    if (session === undefined) return undefined;
    const changed = change(session.data, session);
    const data = changed instanceof Promise ? await changed : changed; // without a wait, it is stored as it is now
    try {
      return await store.set(session.id, data, { ...options, ifRevision: session.revision });
    } catch (error) {
      if (error instanceof SessionRevokedError) return undefined; // it ended meanwhile
      session = error instanceof SessionConflictError ? (error.current as typeof session) : undefined;
      throw error;
    }
  };
  return retryOnConflict(clock, attempt, mayRetry);
}
