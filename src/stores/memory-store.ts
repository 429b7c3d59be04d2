import { CLOCK_METHODS, type Clock, systemClock } from "../clock.js";
import { SessionConflictError, SessionRevokedError, StoreClosedError } from "../errors.js";
import {
  DEFAULT_TOMBSTONE_TTL_MS,
  DEFAULT_TTL_MS,
  requireKnownOptions,
  requireMethods,
  requirePositiveInteger,
  requireTtlMs,
} from "../options.js";
import { CODEC_METHODS, type Codec, jsonCodec } from "../session/codec.js";
import { copyAsJson } from "../session/json-copy.js";
import { newTag } from "../session/record.js";
import { assertSessionId, hashForLog, newSessionId, type Session } from "../session/session.js";
import { freezeDeep, type Snapshot } from "../session/snapshot.js";
import {
  checkCreateOptions,
  checkDeleteOptions,
  checkLifeOptions,
  checkReadOptions,
  checkRevokeOptions,
  checkRotation,
  checkWriteOptions,
  requireUser,
  resolveLife,
} from "./call-options.js";
import { MemoryCounters } from "./memory-counters.js";
import { countMatching, deleteMatching, findMatching } from "./queries.js";
import type {
  Change,
  CreateOptions,
  DeleteOptions,
  KeyValueStore,
  LifeOptions,
  Predicate,
  ReadOptions,
  Revocation,
  RevokeOptions,
  RotateOptions,
  WriteOptions,
} from "./store.js";
import { type Rotation, Tombstones } from "./tombstones.js";
import { Updates } from "./updates.js";

/** How long a `MemoryStore` keeps sessions, and in which form. */
export interface MemoryStoreOptions<T> {
  /** Life of a session that says nothing else, in milliseconds. Default one day. */
  ttlMs?: number;
  /** How long a deletion is remembered, so that no write that comes too late brings the session back, in milliseconds. Default one hour. */
  tombstoneTtlMs?: number;
  /** How many sessions a user may have; one more ends the one that would end first. Default: as many as come. */
  maxSessionsPerUser?: number;
  /** How session data is kept; it is encoded and decoded as for Redis, so that what works here works there. Default JSON. */
  codec?: Codec<T>;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
}

interface Entry<T> {
  readonly session: Session<T>;
  readonly ttlMs: number;
  readonly endsAtMs: number;
  readonly absoluteEndMs: number;
}

/** How many entries a write looks at for some that have expired: so memory is reclaimed without a timer and without a scan. */
const SWEEP_PER_WRITE = 4;

/**
 * Sessions in the memory of this process: for development and for tests. They are lost when it ends, and no other process sees
 * them.
 */
export class MemoryStore<T = unknown> implements KeyValueStore<T> {
  readonly ttlMs: number;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #tombstones: Tombstones;
  readonly #maxSessionsPerUser: number;
  readonly #codec: Codec<T>;
  readonly #clock: Clock;
  readonly #updates: Updates<T>;
  readonly #counters: MemoryCounters;
  #sweep: MapIterator<string> | undefined;
  #closed = false;

  constructor(options: MemoryStoreOptions<T> = {}) {
    requireKnownOptions("", options, ["ttlMs", "tombstoneTtlMs", "maxSessionsPerUser", "codec", "clock"]);
    const {
      ttlMs = DEFAULT_TTL_MS,
      tombstoneTtlMs = DEFAULT_TOMBSTONE_TTL_MS,
      maxSessionsPerUser,
      codec = jsonCodec as Codec<T>,
      clock = systemClock,
    } = options;
    requireTtlMs("ttlMs", ttlMs);
    requireTtlMs("tombstoneTtlMs", tombstoneTtlMs);
    if (maxSessionsPerUser !== undefined) requirePositiveInteger("maxSessionsPerUser", maxSessionsPerUser);
    requireMethods("codec", codec, CODEC_METHODS);
    requireMethods("clock", clock, CLOCK_METHODS);
    this.ttlMs = ttlMs;
    this.#tombstones = new Tombstones(tombstoneTtlMs);
    this.#maxSessionsPerUser = maxSessionsPerUser ?? Number.POSITIVE_INFINITY;
    this.#codec = codec;
    this.#clock = clock;
    this.#updates = new Updates(this, clock);
    this.#counters = new MemoryCounters(clock);
  }

  async start(): Promise<void> {
    this.#assertOpen();
  }

  async get(id: string, options?: ReadOptions): Promise<Session<T> | undefined> {
    this.#assertUsable(id);
    checkReadOptions(options);
    return this.#reached(id)?.session;
  }

  peek(id: string): Session<T> | undefined {
    return this.#reached(id)?.session;
  }

  create(data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    return this.add(newSessionId(), data, options);
  }

  async add(id: string, data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    this.#assertUsable(id);
    checkCreateOptions(options);
    this.#assertNotBuried(id);
    if (this.#live(id) !== undefined) throw new SessionConflictError(hashForLog(id));
    const { user, absoluteTtlMs = Number.POSITIVE_INFINITY } = options;
    const session = this.#write(id, data, options, this.#clock.now() + absoluteTtlMs, user);
    this.#limit(session);
    return session;
  }

  async take(id: string): Promise<Session<T> | undefined> {
    this.#assertUsable(id);
    const { last } = this.#follow(id, this.#clock.now());
    const entry = this.#live(last);
    this.#entries.delete(last);
    return entry?.session;
  }

  async increment(id: string, ttlMs: number): Promise<number> {
    this.#assertUsable(id);
    requireTtlMs("ttlMs", ttlMs);
    return this.#counters.increment(id, ttlMs);
  }

  async set(id: string, data: T | Snapshot<T>, options: WriteOptions = {}): Promise<Session<T>> {
    this.#assertUsable(id);
    checkWriteOptions(options);
    const nowMs = this.#clock.now();
    const { last, throughAlias } = this.#follow(id, nowMs);
    const entry = this.#live(last);
    const isOver = this.#tombstones.has(last, nowMs) || (throughAlias && entry === undefined);
    if (isOver) throw new SessionRevokedError(hashForLog(id));
    const { ifRevision, user = entry?.session.user } = options;
    if (ifRevision !== undefined && ifRevision !== entry?.session.revision)
      throw new SessionConflictError(hashForLog(id), entry?.session);
    const absoluteEndMs = entry?.absoluteEndMs ?? Number.POSITIVE_INFINITY;
    const session = this.#write(last, data, options, absoluteEndMs, user, entry);
    if (options.user !== undefined) this.#limit(session);
    return session;
  }

  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined> {
    return this.#updates.update(id, change, options);
  }

  async touch(id: string, options?: LifeOptions): Promise<boolean> {
    this.#assertUsable(id);
    checkLifeOptions(options);
    const entry = this.#reached(id);
    if (entry === undefined) return false;
    const life = this.#life(options, entry.ttlMs, entry.absoluteEndMs);
    if (life.endsAtMs > entry.endsAtMs) {
      const session = Object.freeze({ ...entry.session, expiresAtMs: life.expiresAtMs });
      this.#entries.set(session.id, { ...entry, session, endsAtMs: life.endsAtMs });
    }
    return true;
  }

  async delete(id: string, options?: DeleteOptions): Promise<boolean> {
    this.#assertUsable(id);
    checkDeleteOptions(options);
    const { path, last } = this.#follow(id, this.#clock.now());
    const entry = this.#live(last);
    const expected = options?.ifRevision;
    if (entry !== undefined && expected !== undefined && expected !== entry.session.revision) {
      throw new SessionConflictError(hashForLog(id));
    }
    if (entry === undefined && expected !== undefined) return false;
    if (options?.tombstone === false) return this.#entries.delete(last);
    for (const each of path) this.#bury(each);
    if (entry !== undefined) this.#tombstones.add(last, this.#clock.now(), undefined, options?.name);
    return entry !== undefined;
  }

  async rotate(id: string, newId: string, options: RotateOptions): Promise<boolean> {
    this.#assertUsable(id);
    checkRotation(id, newId, options);
    const nowMs = this.#clock.now();
    const { path, last, throughAlias } = this.#follow(id, nowMs);
    if (path.includes(newId)) return true;
    const { graceMs, deletion } = options;
    if (deletion !== undefined) {
      const isOver = this.#tombstones.isOverBy(deletion, id, nowMs);
      if (isOver) this.#bury(id, { newId, graceMs });
      return isOver;
    }
    if (throughAlias && options.follow === false) return false;
    const isThere = this.#live(last) !== undefined;
    if (this.#tombstones.has(last, nowMs) || (throughAlias && !isThere)) return false;
    this.#bury(last, isThere ? { newId, graceMs } : undefined);
    return isThere;
  }

  /** There is no other node that could answer with it. */
  async revoke(id: string, options: RevokeOptions = {}): Promise<Revocation> {
    checkRevokeOptions(options);
    options.signal?.throwIfAborted();
    await this.delete(id);
    return { acknowledged: true, waitedMs: 0, nodes: 0 };
  }

  async revokeUser(user: string, options: RevokeOptions = {}): Promise<Revocation> {
    this.#assertOpen();
    checkRevokeOptions(options);
    requireUser(user);
    options.signal?.throwIfAborted();
    for (const { id } of this.#sessionsOf(user)) this.#bury(id);
    return { acknowledged: true, waitedMs: 0, nodes: 0 };
  }

  async *sessionsOf(user: string): AsyncGenerator<Session<T>> {
    this.#assertOpen();
    requireUser(user);
    yield* this.#sessionsOf(user);
  }

  async clear(): Promise<number> {
    const size = await this.size();
    this.#entries.clear();
    this.#tombstones.clearAliases(this.#clock.now());
    return size;
  }

  size(): Promise<number> {
    return this.count(() => true);
  }

  async *ids(): AsyncGenerator<string> {
    for await (const session of this.all()) yield session.id;
  }

  async *all(): AsyncGenerator<Session<T>> {
    this.#assertOpen();
    for (const id of [...this.#entries.keys()]) {
      const entry = this.#live(id);
      if (entry !== undefined) yield entry.session;
    }
  }

  find(predicate: Predicate<T>): Promise<Session<T>[]> {
    return findMatching(this.all(), predicate);
  }

  count(predicate: Predicate<T>): Promise<number> {
    return countMatching(this.all(), predicate);
  }

  deleteWhere(predicate: Predicate<T>): Promise<number> {
    return deleteMatching(this, this.#clock, predicate);
  }

  async healthy(): Promise<boolean> {
    return !this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#entries.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The sessions of a user, the one that ends first first. */
  #sessionsOf(user: string): Session<T>[] {
    const live = [...this.#entries.keys()].map((id) => this.#live(id)).filter((entry) => entry !== undefined);
    const own = live.filter(({ session }) => session.user === user);
    return own.sort((a, b) => a.endsAtMs - b.endsAtMs).map(({ session }) => session);
  }

  /** Ends the sessions of a user that are too many; never the one that was just written. */
  #limit({ id, user }: Session<T>): void {
    if (user === undefined || this.#maxSessionsPerUser === Number.POSITIVE_INFINITY) return;
    const others = this.#sessionsOf(user).filter((session) => session.id !== id);
    const tooMany = others.slice(0, Math.max(0, others.length + 1 - this.#maxSessionsPerUser));
    for (const session of tooMany) this.#bury(session.id);
  }

  /** Ends a session and remembers that, and what its id stands for from now on, if for anything. */
  #bury(id: string, rotation?: Rotation): void {
    this.#tombstones.add(id, this.#clock.now(), rotation);
    this.#entries.delete(id);
  }

  /** Where an id leads; `last` is the id that counts. */
  #follow(id: string, nowMs: number) {
    const path = this.#tombstones.pathOf(id, nowMs);
    return { path, last: path.at(-1) ?? id, throughAlias: path.length > 1 };
  }

  /** The session that is reached under an id. */
  #reached(id: string): Entry<T> | undefined {
    return this.#live(id) ?? this.#live(this.#follow(id, this.#clock.now()).last);
  }

  #live(id: string): Entry<T> | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#clock.now() < entry.endsAtMs) return entry;
    this.#entries.delete(id);
    return undefined;
  }

  #write(
    id: string,
    data: T | Snapshot<T>,
    options: LifeOptions,
    absoluteEndMs: number,
    user: string | undefined,
    previous?: Entry<T>,
  ): Session<T> {
    const ttlMs = resolveLife(options, this.#clock.wallNow()).ttlMs ?? previous?.ttlMs ?? this.ttlMs;
    const { endsAtMs, expiresAtMs } = this.#life(options, ttlMs, absoluteEndMs);
    const session: Session<T> = Object.freeze({
      id,
      data: this.#snapshot(data as T),
      revision: newTag(),
      createdAtMs: previous?.session.createdAtMs ?? this.#clock.wallNow(),
      expiresAtMs,
      ...(user !== undefined && { user }),
    });
    this.#sweepSome();
    this.#entries.set(id, { session, ttlMs, endsAtMs, absoluteEndMs });
    return session;
  }

  /** The data as the codec would give them back. */
  #snapshot(data: T): Snapshot<T> {
    const copy = this.#codec === jsonCodec ? copyAsJson(data) : undefined;
    return copy ?? freezeDeep(this.#codec.decode(this.#codec.encode(data)));
  }

  /** When a session ends that is written or touched now: by the monotonic clock, and by the wall clock for people. */
  #life(options: LifeOptions | undefined, ownTtlMs: number, absoluteEndMs: number) {
    const nowMs = this.#clock.now();
    const wallNowMs = this.#clock.wallNow();
    const ttlMs = resolveLife(options, wallNowMs).ttlMs ?? ownTtlMs;
    const endsAtMs = Math.min(nowMs + ttlMs, absoluteEndMs);
    return { endsAtMs, expiresAtMs: Math.round(wallNowMs + endsAtMs - nowMs) };
  }

  #sweepSome(): void {
    this.#sweep ??= this.#entries.keys();
    for (let i = 0; i < SWEEP_PER_WRITE; i++) {
      const { value: id, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return;
      }
      this.#live(id);
    }
  }

  #assertNotBuried(id: string): void {
    if (this.#tombstones.has(id, this.#clock.now())) throw new SessionRevokedError(hashForLog(id));
  }

  #assertUsable(id: string): void {
    this.#assertOpen();
    assertSessionId(id);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }
}
