import { isSessionId, type Session } from "../session/session.js";
import { cloneDeep, type Snapshot } from "../session/snapshot.js";
import { isStoredAs } from "../session/stored-as.js";
import type { SessionStore } from "../stores/store.js";
import type { AdapterOptions } from "./owned-store.js";
import { flowOf, SessionBase, SessionFlow, type SessionFormat } from "./session-flow.js";

/** Either the options of `ClusteredRedisStore`, or `{ store }` with a store of your own; and how sessions are saved. */
export type HonoSessionStoreOptions<T = unknown> = AdapterOptions<T>;

type Data = Record<string, unknown>;

/** What @hono/session hands over is the application's data and nothing else. */
const PLAIN: SessionFormat<Data> = {
  endOf: () => undefined,
  isUnchanged: isStoredAs,
  withTimesOf: (_data, stored) => stored,
};

/** What hono-sessions hands over: the application's data beside fields of its own. */
interface Envelope extends Data {
  /** When the session ends, as an ISO date. */
  _expire?: string | null | undefined;
  /** When it was used last, likewise: what moves with every request is no change. */
  _accessed?: string | null | undefined;
  /** Its id, which the middleware adds to what it was given. */
  _id?: string | undefined;
}

const ENVELOPE: SessionFormat<Envelope> = {
  endOf: ({ _expire }) => (typeof _expire === "string" ? Date.parse(_expire) || undefined : undefined),
  isUnchanged: (stored, data) =>
    typeof stored._expire === typeof data._expire && isStoredAs(withoutTimes(stored), withoutTimes(data)),
  withTimesOf: ({ _expire, _accessed, _id }, stored) => ({ ...stored, _expire, _accessed, _id }),
};

/**
 * A store for the two session middlewares of Hono.
 *
 * - hono-sessions: `sessionMiddleware({ store: new HonoSessionStore({ client }) })`
 * - @hono/session: `app.use(sessions.storage)` in front of `useSession()`, in place of `useSessionStorage()`
 *
 * @example
 * const sessions = new HonoSessionStore({ client });
 * app.use(sessions.storage);
 * app.use(useSession({ secret }));
 */
export class HonoSessionStore<T = unknown> {
  /** The store behind the adapter. */
  readonly store: SessionStore<T>;
  readonly #envelopes: SessionFlow<Envelope>;
  readonly #plain: SessionFlow<Data>;
  /** What the data is based on that hono-sessions was given; it hands over the same object. */
  readonly #bases = new WeakMap<object, SessionBase<Envelope>>();

  constructor(options: HonoSessionStoreOptions<T>) {
    this.#envelopes = flowOf(options as HonoSessionStoreOptions<Envelope>, ENVELOPE);
    const { store } = this.#envelopes;
    this.#plain = new SessionFlow<Data>(store, PLAIN, options);
    this.store = store as SessionStore<never>;
  }

  /** For hono-sessions: the session's data, or `undefined`. */
  // biome-ignore lint/suspicious/noExplicitAny: hono-sessions declares the type of the envelope, which is the store's opaque data
  async getSessionById(id?: string): Promise<any> {
    if (!isSessionId(id)) return undefined; // whatever a visitor has in that cookie
    const found = await this.#envelopes.store.get(id).catch(unreadable);
    if (found === undefined || !("data" in found)) return found;
    const copy = envelopeOf(found);
    this.#bases.set(copy, new SessionBase(id, found));
    return copy;
  }

  /** For hono-sessions: stores a new session until its end, or for the store's TTL. */
  async createSession(id: string, data: object): Promise<void> {
    await this.persistSessionData(id, data);
  }

  /** For hono-sessions: stores the session until its end. If nothing but that has changed, it costs what a touch costs. */
  async persistSessionData(id: string, data: object): Promise<void> {
    const base = await this.#envelopes.save(id, data as Envelope, this.#bases.get(data));
    if (base !== undefined) this.#bases.set(data, base);
  }

  /** For hono-sessions: ends the session, on all nodes. No error if there is none. */
  async deleteSession(id: string): Promise<void> {
    await this.#envelopes.endOrRotate(id);
  }

  /**
   * For @hono/session: a middleware to run before `useSession()`. It gives each request a storage of its own, which knows what the request has
   * loaded, and holds the response back until what the request has stored is stored; if that fails, Hono's error handler is told.
   */
  readonly storage = async (
    context: { set(key: "sessionStorage", storage: HonoRequestStorage): void },
    next: () => Promise<void>,
  ): Promise<void> => {
    const storage = new RequestStorage(this.#plain);
    context.set("sessionStorage", storage);
    await next();
    await storage.stored();
  };
}

/** The storage that @hono/session works with: it awaits what it reads, and not what it writes. */
export interface HonoRequestStorage {
  /** The session's data, or `null`. */
  // biome-ignore lint/suspicious/noExplicitAny: the application knows what its sessions hold
  get(id: string): Promise<any>;
  /** Stores the session. */
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  set(id: string, data: any): void;
  /** Ends the session. */
  delete(id: string): void;
}

/** The storage of one request. */
class RequestStorage implements HonoRequestStorage {
  readonly #flow: SessionFlow<Data>;
  readonly #underWay: Promise<unknown>[] = [];
  #base: SessionBase<Data> | undefined;

  constructor(flow: SessionFlow<Data>) {
    this.#flow = flow;
  }

  /**
   * A read lets the session live on, since the middleware says nothing of a session that is only read. The touch is throttled as always, and one
   * that fails is no matter: most of the session's life is left.
   */
  async get(id: string): Promise<Data | null> {
    const { store } = this.#flow;
    const found = await store.get(id);
    if (found === undefined) return null;
    this.#base = new SessionBase(id, found);
    store.touch(id).catch(() => {});
    return cloneDeep<Data>(found.data);
  }

  set(id: string, data: Data): void {
    this.#note(
      this.#flow.save(id, data, this.#base).then((base) => {
        if (base !== undefined) this.#base = base;
      }),
    );
  }

  delete(id: string): void {
    this.#note(this.#flow.end(id));
  }

  /** Resolves when all is stored, or rejects with what went wrong first. */
  async stored(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Nobody may wait for it, and then its failure must not end the process. */
  #note(outcome: Promise<unknown>): void {
    outcome.catch(() => {});
    this.#underWay.push(outcome);
  }
}

/** A copy for the request. A touch moves the session's end without its data being written, so `_expire` is filled in here. */
function envelopeOf({ data, expiresAtMs }: Session<Envelope>): Envelope {
  const copy = cloneDeep<Envelope>(data);
  if (typeof copy._expire === "string" && Number.isFinite(expiresAtMs)) {
    copy._expire = new Date(expiresAtMs).toISOString();
  }
  return copy;
}

/**
 * What hono-sessions gets of a session that could not be read. It takes a rejection for no session at all, and would log the user out with a
 * new cookie; so it is told when it looks at what it got, and the error comes to the application.
 */
function unreadable(error: unknown): { readonly _data: never } {
  return {
    get _data(): never {
      throw error;
    },
  };
}

function withoutTimes({ _expire, _accessed, _id, ...data }: Snapshot<Envelope>): unknown {
  return data;
}
