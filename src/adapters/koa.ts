import { isSessionId, type Session } from "../session/session.js";
import { cloneDeep, type Snapshot } from "../session/snapshot.js";
import { isStoredAs } from "../session/stored-as.js";
import type { SessionStore } from "../stores/store.js";
import type { AdapterOptions } from "./owned-store.js";
import { flowOf, SessionBase, type SessionFlow, type SessionFormat } from "./session-flow.js";

/** Either the options of `ClusteredRedisStore`, or `{ store }` with a store of your own; and how sessions are saved. */
export type KoaSessionStoreOptions<T = unknown> = AdapterOptions<T>;

/** What koa-session says of a call. */
export interface KoaSessionCall {
  /** The request: what it was given is what its save is based on. */
  ctx?: { readonly session?: unknown; readonly sessionOptions?: { maxAge?: unknown } };
  /** Whether every response renews the session. */
  rolling?: boolean;
  /** Whether the session has changed. */
  changed?: boolean;
}

/** Data as koa-session hands it over, with its own two fields for times. */
interface KoaSession {
  /** When the cookie expires, in milliseconds since 1970. */
  _expire?: number;
  /** For how long the session lives after each renewal, in milliseconds; it has neither where its cookie ends with the browser. */
  _maxAge?: number;
  [key: string]: unknown;
}

/** By how much koa-session lets the store keep a session longer than the browser keeps the cookie, in milliseconds. */
const STORED_LONGER_MS = 10_000;

const FORMAT: SessionFormat<KoaSession> = {
  endOf: ({ _expire }) => (_expire === undefined ? undefined : _expire + STORED_LONGER_MS),
  isUnchanged: (stored, data) => isStoredAs(withoutEnd(stored), withoutEnd(data)),
  withTimesOf: ({ _expire }, stored) => (_expire === undefined ? stored : { ...stored, _expire }),
  withMergedEnd({ _expire, ...merged }, mine, wallNowMs) {
    const { _maxAge } = merged;
    if (_maxAge === mine._maxAge) return undefined;
    if (typeof _maxAge !== "number") return { data: merged, endMs: undefined };
    const data = { ...merged, _expire: wallNowMs + _maxAge };
    return { data, endMs: data._expire + STORED_LONGER_MS };
  },
};

/**
 * A store for koa-session 7.
 *
 * @example
 * app.use(session({ store: new KoaSessionStore({ client }) }, app));
 */
export class KoaSessionStore<T = unknown> {
  /** The store behind the adapter. */
  readonly store: SessionStore<T>;
  readonly #flow: SessionFlow<KoaSession>;
  /** What the sessions of each request are based on, by their ids. */
  readonly #bases = new WeakMap<object, Map<string, SessionBase<KoaSession>>>();
  /** What the session of each request was based on that `regenerate()` has ended. */
  readonly #ended = new WeakMap<object, SessionBase<KoaSession>>();

  constructor(options: KoaSessionStoreOptions<T>) {
    this.#flow = flowOf(options as KoaSessionStoreOptions<KoaSession>, FORMAT);
    this.store = this.#flow.store as SessionStore<never>;
  }

  /** The session's data, or `undefined`. `maxAge` is what koa-session is set to, and says nothing of this session. */
  // biome-ignore lint/suspicious/noExplicitAny: the application knows what its sessions hold
  async get(id: string, _maxAge?: unknown, { ctx }: KoaSessionCall = {}): Promise<any> {
    if (!isSessionId(id)) return undefined; // a cookie from before there was a store holds the session itself
    const found = await this.#flow.store.get(id);
    if (found === undefined) return undefined;
    this.#note(ctx, new SessionBase(id, found));
    return dataOf(found);
  }

  /** Stores the session for `maxAge` milliseconds, or for the store's TTL if that is no number. Unchanged, it costs what a touch costs. */
  async set(id: string, data: object, maxAge?: unknown, { ctx }: KoaSessionCall = {}): Promise<void> {
    const endMs = typeof maxAge === "number" ? Date.now() + maxAge : undefined;
    const base = ctx && (this.#bases.get(ctx)?.get(id) ?? this.#ended.get(ctx));
    const saved = await this.#flow.save(id, data as KoaSession, base, endMs);
    this.#note(ctx, saved);
    if (saved !== undefined) showLife(saved, (data as KoaSession)._maxAge, ctx?.sessionOptions);
  }

  /** Ends the session, on all nodes. No error if there is none. */
  async destroy(id: string, { ctx }: KoaSessionCall = {}): Promise<void> {
    const base = ctx && this.#bases.get(ctx)?.get(id);
    // koa-session sets the session to `null` for a logout, and leaves it there for a new id
    if (base === undefined || (ctx?.session ?? null) === null) return this.#flow.end(id);
    this.#ended.set(ctx as object, base);
    await this.#flow.endOrRotate(id);
  }

  #note(ctx: object | undefined, base: SessionBase<KoaSession> | undefined): void {
    if (ctx === undefined || base === undefined) return;
    const bases = this.#bases.get(ctx) ?? new Map();
    this.#bases.set(ctx, bases.set(base.id, base));
  }
}

/** If another request has decided for how long the session lives, that is for the cookie, too, which koa-session sets when the session is saved. */
function showLife(
  saved: SessionBase<KoaSession>,
  ownMs: number | undefined,
  options: { maxAge?: unknown } | undefined,
): void {
  const { _maxAge } = saved.known.data;
  if (options === undefined || _maxAge === ownMs) return;
  options.maxAge = _maxAge;
  const { _maxAge: _, ...seen } = saved.seen;
  saved.seen = _maxAge === undefined ? seen : { ...seen, _maxAge };
}

/** A copy for the request. A touch moves the session's end without its data being written, so `_expire` is filled in here. */
function dataOf({ data, expiresAtMs }: Session<KoaSession>): KoaSession {
  const copy = cloneDeep<KoaSession>(data);
  if (typeof copy._expire === "number" && Number.isFinite(expiresAtMs)) {
    copy._expire = expiresAtMs - STORED_LONGER_MS;
  }
  return copy;
}

function withoutEnd({ _expire, ...data }: Snapshot<KoaSession>): unknown {
  return data;
}
