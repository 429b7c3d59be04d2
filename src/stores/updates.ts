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

  /** See `SessionStore.update()`. The first attempt is based on the session that is `known`, if any: it then costs no read. */
  update(
    id: string,
    change: Change<T>,
    options?: LifeOptions,
    known?: () => Session<T> | undefined,
  ): Promise<Session<T> | undefined> {
    return this.#turns.take(id, () => this.#update(id, change, options, known?.()));
  }

  #update(
    id: string,
    change: Change<T>,
    options: LifeOptions | undefined,
    known: Session<T> | undefined,
  ): Promise<Session<T> | undefined> {
    let session = known;
    return retryOnConflict(this.#clock, async () => {
      session ??= await this.#store.get(id, { consistency: "strong" });
      if (session === undefined) return undefined;
      const data = await change(session.data, session);
      try {
        return await this.#store.set(session.id, data, { ...options, ifRevision: session.revision });
      } catch (error) {
        if (error instanceof SessionRevokedError) return undefined; // it ended meanwhile
        session = error instanceof SessionConflictError ? (error.current as typeof session) : undefined;
        throw error;
      }
    });
  }

  /** Runs something else that changes the session when it is its turn. */
  take<R>(id: string, run: () => Promise<R>): Promise<R> {
    return this.#turns.take(id, run);
  }
}
