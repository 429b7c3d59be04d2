import { randomUUID } from "node:crypto";
import { CLOCK_METHODS, type Clock, systemClock } from "../clock.js";
import { SessionCorruptError, StoreClosedError } from "../errors.js";
import {
  DEFAULT_CHANNEL,
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_MAX_PENDING_COMMANDS,
  DEFAULT_PREFIX,
  DEFAULT_TTL_MS,
  requireDelayMs,
  requireKnownOptions,
  requireMethods,
  requireName,
  requirePositiveInteger,
  requireTtlMs,
} from "../options.js";
import { RedisCommands } from "../redis/commands.js";
import { portOf, type RedisClient } from "../redis/detect.js";
import { type Extension, type PutRequest, type Row, SessionTable } from "../redis/session-table.js";
import { CODEC_METHODS, type Codec, jsonCodec } from "../session/codec.js";
import { assertSessionId, newSessionId, type Session } from "../session/session.js";
import { freezeDeep, type Snapshot } from "../session/snapshot.js";
import {
  checkCreateOptions,
  checkDeleteOptions,
  checkLifeOptions,
  checkReadOptions,
  checkWriteOptions,
  resolveLife,
} from "./call-options.js";
import {
  BATCH_SIZE,
  countMatching,
  deleteMatching,
  findMatching,
  inBatches,
  updateByRevision,
} from "./queries.js";
import type {
  Change,
  CreateOptions,
  DeleteOptions,
  LifeOptions,
  Predicate,
  ReadOptions,
  SessionStore,
  WriteOptions,
} from "./store.js";

/** Where a `RedisStore` keeps its sessions, for how long, and whom it tells. */
export interface RedisStoreOptions<T> {
  /** A client of `redis` or `ioredis`, connected or connecting. It stays the application's: the store never closes it. */
  client: RedisClient;
  /** What stands before an id in its Redis key. Default `"sess:"`. */
  prefix?: string;
  /** Life of a session that says nothing else, in milliseconds. Default one day. */
  ttlMs?: number;
  /** How session data becomes text. Default JSON. */
  codec?: Codec<T>;
  /** How long a command may take, in milliseconds. Default 1,000. */
  commandTimeoutMs?: number;
  /** How many commands may wait for Redis at a time. Default 10,000. */
  maxPendingCommands?: number;
  /** The channel on which caching nodes are told of this store's writes; `null` for none. Default `"session:cluster:invalidate"`. */
  channel?: string | null;
  /** Names this store in what it tells. Default a random UUID. */
  nodeId?: string;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
}

const OPTIONS = "client prefix ttlMs codec commandTimeoutMs maxPendingCommands channel nodeId clock".split(
  " ",
);

/** A session with what a cache needs to know of it. Frozen. */
export interface Loaded<T> {
  readonly session: Session<T>;
  /** The session as `get()` answers with it: made once, so that a cached read makes no promise. */
  readonly answer: Promise<Session<T>>;
  /** What a touch grants, in milliseconds. */
  readonly ttlMs: number;
  /** Until when Redis keeps it, by the monotonic clock; rather too early than too late. */
  readonly aliveUntilMs: number;
  /** Whether no touch can extend that any more. */
  readonly isFinal: boolean;
  /** The length of its encoded data. */
  readonly encodedLength: number;
}

/**
 * Sessions in Redis, without a cache: every read goes there. Its writes tell caching nodes (`ClusteredRedisStore`) on the same channel,
 * so that a script or a job may use it beside them.
 *
 * @example
 * const store = new RedisStore<{ userId: number }>({ client });
 * const session = await store.create({ userId: 42 });
 */
export class RedisStore<T = unknown> implements SessionStore<T> {
  readonly ttlMs: number;
  readonly #table: SessionTable;
  readonly #codec: Codec<T>;
  readonly #clock: Clock;
  #closed = false;

  constructor(options: RedisStoreOptions<T>) {
    requireKnownOptions("", options, OPTIONS);
    const {
      client,
      prefix = DEFAULT_PREFIX,
      ttlMs = DEFAULT_TTL_MS,
      codec = jsonCodec as Codec<T>,
      commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS,
      maxPendingCommands = DEFAULT_MAX_PENDING_COMMANDS,
      channel = DEFAULT_CHANNEL,
      nodeId = randomUUID(),
      clock = systemClock,
    } = options;
    requireName("prefix", prefix);
    requireTtlMs("ttlMs", ttlMs);
    requireDelayMs("commandTimeoutMs", commandTimeoutMs);
    requirePositiveInteger("maxPendingCommands", maxPendingCommands);
    if (channel !== null) requireName("channel", channel);
    requireName("nodeId", nodeId);
    requireMethods("codec", codec, CODEC_METHODS);
    requireMethods("clock", clock, CLOCK_METHODS);
    const commands = new RedisCommands({
      port: portOf(client),
      clock,
      timeoutMs: commandTimeoutMs,
      maxPending: maxPendingCommands,
    });
    this.#table = new SessionTable({
      commands,
      clock,
      prefix,
      defaultTtlMs: ttlMs,
      channel: channel ?? undefined,
      nodeId,
    });
    this.#codec = codec;
    this.#clock = clock;
    this.ttlMs = ttlMs;
  }

  /** How often a record was met that could not be read. */
  get corruptRecords(): number {
    return this.#table.corruptRecords;
  }

  /** There is nothing to start: a `RedisStore` holds no connection of its own. */
  async start(): Promise<void> {
    this.#assertOpen();
  }

  async get(id: string, options?: ReadOptions): Promise<Session<T> | undefined> {
    checkReadOptions(options);
    return (await this.load(id))?.session;
  }

  /** Nothing is here without asking Redis. */
  peek(_id: string): undefined {
    return undefined;
  }

  async create(data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    return (await this.insert(newSessionId(), data, options)).session;
  }

  async set(id: string, data: T | Snapshot<T>, options: WriteOptions = {}): Promise<Session<T>> {
    return (await this.save(id, data, options)).session;
  }

  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined> {
    return updateByRevision(this, id, change, options);
  }

  async touch(id: string, options?: LifeOptions): Promise<boolean> {
    return (await this.extend(id, options)) !== undefined;
  }

  async delete(id: string, options?: DeleteOptions): Promise<boolean> {
    this.#assertUsable(id);
    checkDeleteOptions(options);
    return this.#table.delete(id, options?.ifRevision);
  }

  async clear(): Promise<number> {
    this.#assertOpen();
    return this.#table.clear();
  }

  async size(): Promise<number> {
    this.#assertOpen();
    let size = 0;
    for await (const ids of this.#table.ids()) size += ids.length;
    return size;
  }

  async *ids(): AsyncGenerator<string> {
    this.#assertOpen();
    for await (const ids of this.#table.ids()) yield* ids;
  }

  async *all(): AsyncGenerator<Session<T>> {
    for await (const ids of inBatches(this.ids(), BATCH_SIZE)) {
      const sessions = await Promise.all(ids.map((id) => this.get(id).catch(passOverCorrupt)));
      for (const session of sessions) if (session !== undefined) yield session;
    }
  }

  find(predicate: Predicate<T>): Promise<Session<T>[]> {
    return findMatching(this.all(), predicate);
  }

  count(predicate: Predicate<T>): Promise<number> {
    return countMatching(this.all(), predicate);
  }

  deleteWhere(predicate: Predicate<T>): Promise<number> {
    return deleteMatching(this, predicate);
  }

  async healthy(): Promise<boolean> {
    if (this.#closed) return false;
    return this.#table.ping().then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `get()` with what a cache needs to know. */
  async load(id: string): Promise<Loaded<T> | undefined> {
    this.#assertUsable(id);
    const row = await this.#table.read(id);
    return row && this.#decode(id, row);
  }

  /** `create()` under a given id, with what a cache needs to know. */
  async insert(id: string, data: T | Snapshot<T>, options: CreateOptions): Promise<Loaded<T>> {
    checkCreateOptions(options);
    const { absoluteTtlMs, user } = options;
    return this.#put(id, data, options, { mode: "create", absoluteTtlMs, user });
  }

  /** `set()` with what a cache needs to know. */
  async save(id: string, data: T | Snapshot<T>, options: WriteOptions): Promise<Loaded<T>> {
    checkWriteOptions(options);
    const { ifRevision } = options;
    const mode = ifRevision === undefined ? "set" : "update";
    return this.#put(id, data, options, { mode, expectedTag: ifRevision });
  }

  /** `touch()` with what a cache needs to know. */
  async extend(id: string, options?: LifeOptions): Promise<Extension | undefined> {
    this.#assertUsable(id);
    checkLifeOptions(options);
    return this.#table.touch(id, resolveLife(options, this.#clock.wallNow()));
  }

  async #put(id: string, data: T | Snapshot<T>, life: LifeOptions, how: Omit<PutRequest, "id" | "payload">) {
    this.#assertUsable(id);
    const payload = this.#codec.encode(data as T);
    const row = await this.#table.put({ ...how, ...resolveLife(life, this.#clock.wallNow()), id, payload });
    return this.#decode(id, row);
  }

  #decode(id: string, { record, aliveUntilMs }: Row): Loaded<T> {
    const { tag, payload, createdAtMs, expiresAtMs, user } = record;
    let data: T;
    try {
      data = this.#codec.decode(payload);
    } catch (error) {
      throw this.#table.undecodable(id, error as Error);
    }
    const session: Session<T> = Object.freeze({
      id,
      data: freezeDeep(data),
      revision: tag,
      createdAtMs,
      expiresAtMs,
      ...(user !== undefined && { user }),
    });
    return Object.freeze({
      session,
      answer: Promise.resolve(session),
      ttlMs: record.ttlMs ?? this.ttlMs,
      aliveUntilMs,
      isFinal: false,
      encodedLength: payload.length,
    });
  }

  #assertUsable(id: string): void {
    this.#assertOpen();
    assertSessionId(id);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }
}

function passOverCorrupt(error: unknown): undefined {
  if (!(error instanceof SessionCorruptError)) throw error;
}
