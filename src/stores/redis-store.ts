import { randomUUID } from "node:crypto";
import { CLOCK_METHODS, type Clock, pause, systemClock } from "../clock.js";
import { outlastingMs } from "../cluster/lease.js";
import type { Invalidation } from "../cluster/membership.js";
import {
  InvalidSessionDataError,
  SessionConflictError,
  SessionCorruptError,
  StoreClosedError,
} from "../errors.js";
import { Events } from "../events.js";
import {
  DEFAULT_CHANNEL,
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_INVALIDATION,
  DEFAULT_MAX_CONCURRENT_LOADS,
  DEFAULT_MAX_PENDING_COMMANDS,
  DEFAULT_MAX_STALENESS_MS,
  DEFAULT_PARTITIONS,
  DEFAULT_PREFIX,
  DEFAULT_PUBSUB,
  DEFAULT_TOMBSTONE_TTL_MS,
  DEFAULT_TTL_MS,
  requireDelayMs,
  requireInvalidation,
  requireKnownOptions,
  requireMethods,
  requireName,
  requirePartitions,
  requirePositiveInteger,
  requirePubSub,
  requireTtlMs,
} from "../options.js";
import type { BreakerState } from "../redis/breaker.js";
import { RedisCommands } from "../redis/commands.js";
import { Confirmations, type DurabilityOptions, resolveDurability } from "../redis/confirmations.js";
import type { RedisClient } from "../redis/detect.js";
import { type BreakerEvents, type BreakerOptions, type Gate, gateOf } from "../redis/gate.js";
import { MigratingTable } from "../redis/migrating-table.js";
import { Moved } from "../redis/moved.js";
import { PartitionedTable } from "../redis/partitioned-table.js";
import {
  type Partition,
  type Partitioned,
  type PartitionOptions,
  partitionsOf,
} from "../redis/partitions.js";
import type { TrackedSubscription } from "../redis/port.js";
import {
  type AcknowledgementRequest,
  type DeleteRequest,
  type Extension,
  NOBODY,
  type PutRequest,
  type Registry,
  type RotateRequest,
  type Row,
  SessionTable,
  type SessionTableOptions,
  TagConflict,
} from "../redis/session-table.js";
import { CODEC_METHODS, type Codec, jsonCodec } from "../session/codec.js";
import { copyAsJson } from "../session/json-copy.js";
import type { SessionRecord } from "../session/record.js";
import { assertSessionId, newSessionId, type Session } from "../session/session.js";
import { freezeDeep, type Snapshot } from "../session/snapshot.js";
import { deleteAlong, endAlong, follow, nothing, type Path, refuse } from "./aliases.js";
import {
  checkCreateOptions,
  checkDeleteOptions,
  checkLifeOptions,
  checkReadOptions,
  checkRotation,
  checkWriteOptions,
  requireUser,
  resolveLife,
} from "./call-options.js";
import { type Legacy, type LegacyOptions, resolveLegacy } from "./legacy-options.js";
import { BATCH_SIZE, countMatching, deleteMatching, findMatching, inBatches } from "./queries.js";
import { type RevocationSteps, revoke } from "./revoking.js";
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
import { Updates } from "./updates.js";

/** Where a `RedisStore` keeps its sessions, for how long, and whom it tells. */
export interface RedisStoreOptions<T> extends PartitionOptions {
  /** A client of `redis` or `ioredis`, connected or connecting. It stays the application's: the store never closes it. */
  client: RedisClient;
  /** What stands before an id in its Redis key. Default `"sess:"`. */
  prefix?: string;
  /** Life of a session that says nothing else, in milliseconds. Default one day. */
  ttlMs?: number;
  /** How session data becomes text. Default JSON. */
  codec?: Codec<T>;
  /** The sessions that another store left, so that they go on. Default: plain JSON under the same prefix. */
  legacy?: LegacyOptions<T>;
  /** How long a command may take, in milliseconds. Default 1,000. */
  commandTimeoutMs?: number;
  /** How many commands may wait for Redis at a time. Default 10,000. */
  maxPendingCommands?: number;
  /**
   * How many commands that read may be on their way to Redis at a time. Reads that come meanwhile wait, for half of `commandTimeoutMs` at most, and go
   * together. Default 8.
   */
  maxConcurrentLoads?: number;
  /** When Redis is taken for gone, so that commands are refused at once instead of after `commandTimeoutMs`. Default: see there. */
  breaker?: BreakerOptions;
  /** How long a deletion is remembered, so that no write that comes too late brings the session back, in milliseconds. Default one hour. */
  tombstoneTtlMs?: number;
  /**
   * How many replicas must have a deletion before its caller is told that it is done, and how long they are waited for: `delete()`, `revoke()`,
   * `revokeUser()`, `rotate()` and `deleteWhere()`. Default: none are waited for.
   */
  durability?: DurabilityOptions;
  /**
   * How many sessions a user may have; one more ends the one that would end first. Of logins at the same time, those stay that fit. Default: as many
   * as come.
   */
  maxSessionsPerUser?: number;
  /** The bound on staleness of the caching nodes, in milliseconds: `revoke()` waits for it. Default 2,000. */
  maxStalenessMs?: number;
  /** The channel on which caching nodes are told of this store's writes; `null` for none. Default `"session:cluster:invalidate"`. */
  channel?: string | null;
  /**
   * `"tracking"`: its writes are told only while a caching node relies on that, since the others use `invalidation: "tracking"`. Default
   * `"broadcast"`: always.
   */
  invalidation?: Invalidation;
  /** Names this store in what it tells. Default a random UUID. */
  nodeId?: string;
  /** Where the time comes from. Default: the machine. */
  clock?: Clock;
}

const OPTIONS = (
  "client prefix ttlMs codec legacy commandTimeoutMs maxPendingCommands maxConcurrentLoads breaker tombstoneTtlMs durability maxSessionsPerUser " +
  "maxStalenessMs channel nodeId partitions pubsub invalidation clock"
).split(" ");

/** How many commands it takes from the writing of a session to the limit on those of its user. */
const LIMIT_COMMANDS = 4;

/** What a `RedisStore` tells. */
export interface RedisStoreEvents extends BreakerEvents {
  /**
   * A session was written, and those that its user has too many could not be ended: `maxSessionsPerUser`. The session stands, and the next login of
   * the user tries again.
   */
  "limit-failed": [user: string, error: unknown];
}

/** A session with what a cache needs to know of it. Frozen. */
export interface Loaded<T> {
  readonly session: Session<T>;
  /** The generation of its user when it became theirs. */
  readonly generation: number;
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
export class RedisStore<T = unknown> extends Events<RedisStoreEvents> implements KeyValueStore<T> {
  readonly ttlMs: number;
  /** Where each partition of the sessions is: one on a single server. */
  readonly partitions: Partitioned<Partition>;
  /** Whether deletions wait for replicas. */
  readonly isDurable: boolean;
  readonly #table: PartitionedTable;
  readonly #lanes: Partitioned<Lane>;
  readonly #maxSessionsPerUser: number | undefined;
  readonly #limitMemoryMs: number;
  readonly #maxStalenessMs: number;
  readonly #codec: Codec<T>;
  readonly #legacy: Legacy<T> | undefined;
  readonly #clock: Clock;
  readonly #updates: Updates<T>;
  #closed = false;

  constructor(options: RedisStoreOptions<T>) {
    super();
    requireKnownOptions("", options, OPTIONS);
    const {
      client,
      prefix = DEFAULT_PREFIX,
      ttlMs = DEFAULT_TTL_MS,
      codec = jsonCodec as Codec<T>,
      legacy,
      commandTimeoutMs = DEFAULT_COMMAND_TIMEOUT_MS,
      maxPendingCommands = DEFAULT_MAX_PENDING_COMMANDS,
      maxConcurrentLoads = DEFAULT_MAX_CONCURRENT_LOADS,
      breaker = {},
      tombstoneTtlMs = DEFAULT_TOMBSTONE_TTL_MS,
      durability,
      maxSessionsPerUser,
      maxStalenessMs = DEFAULT_MAX_STALENESS_MS,
      channel = DEFAULT_CHANNEL,
      nodeId = randomUUID(),
      partitions = DEFAULT_PARTITIONS,
      pubsub = DEFAULT_PUBSUB,
      invalidation = DEFAULT_INVALIDATION,
      clock = systemClock,
    } = options;
    requireName("prefix", prefix);
    requireTtlMs("ttlMs", ttlMs);
    requireDelayMs("commandTimeoutMs", commandTimeoutMs);
    requirePositiveInteger("maxPendingCommands", maxPendingCommands);
    requirePositiveInteger("maxConcurrentLoads", maxConcurrentLoads);
    requireTtlMs("tombstoneTtlMs", tombstoneTtlMs);
    if (maxSessionsPerUser !== undefined) requirePositiveInteger("maxSessionsPerUser", maxSessionsPerUser);
    requireDelayMs("maxStalenessMs", maxStalenessMs);
    if (channel !== null) requireName("channel", channel);
    requireName("nodeId", nodeId);
    requirePartitions("partitions", partitions);
    requirePubSub("pubsub", pubsub);
    requireInvalidation("invalidation", invalidation);
    requireMethods("codec", codec, CODEC_METHODS);
    requireMethods("clock", clock, CLOCK_METHODS);
    this.#legacy = legacy === undefined ? undefined : resolveLegacy(legacy, prefix);
    this.#maxSessionsPerUser = maxSessionsPerUser;
    this.#limitMemoryMs = LIMIT_COMMANDS * commandTimeoutMs;
    this.#maxStalenessMs = maxStalenessMs;
    const confirmed = resolveDurability(durability, commandTimeoutMs);
    this.isDurable = confirmed !== undefined;
    const layout = { partitions, pubsub, clock, timeoutMs: commandTimeoutMs };
    this.partitions = partitionsOf({ ...layout, client, prefix, channel: channel ?? undefined });
    this.#lanes = this.partitions.map(({ port, prefix, commonPrefix, channel }) => {
      const gate = gateOf({
        clock,
        breaker,
        onOpened: (reason) => this.announce("breaker-opened", reason),
        onClosed: () => this.announce("breaker-closed"),
      });
      const bounds = {
        timeoutMs: commandTimeoutMs,
        maxPending: maxPendingCommands,
        maxConcurrent: maxConcurrentLoads,
      };
      const commands = new RedisCommands({ port, clock, gate, ...bounds });
      const keys = { prefix, channel, defaultTtlMs: ttlMs, tombstoneTtlMs, nodeId };
      const limits = { commandTimeoutMs, maxPending: maxPendingCommands };
      const confirmations = confirmed && new Confirmations({ ...confirmed, port, clock, ...limits });
      const table = sessionTable(codec, this.#legacy, commonPrefix, {
        commands,
        clock,
        confirmations,
        tellsListenersOnly: invalidation === "tracking",
        ...keys,
      });
      return { gate, commands, confirmations, table };
    });
    this.#table = new PartitionedTable(this.#lanes.map(({ table }) => table));
    this.#codec = codec;
    this.#clock = clock;
    this.#updates = new Updates(this, clock);
    this.ttlMs = ttlMs;
  }

  /** How often a record was met that could not be read. */
  get corruptRecords(): number {
    return this.#table.corruptRecords;
  }

  /** Replies that came after their time was over, and were not used. */
  get lateReplies(): number {
    return this.#lanes.sum(({ commands }) => commands.lateReplies);
  }

  /** Scripts that were sent again after a failure that might pass. */
  get repetitions(): number {
    return this.#lanes.sum(({ commands }) => commands.repetitions);
  }

  /** How the circuit breaker stands; closed if there is none. Each partition of a Redis Cluster has its own: how the worst one stands. */
  get breaker(): BreakerState["kind"] {
    const states = this.#lanes.all.map(({ gate }) => gate?.state ?? "closed");
    return (["open", "half-open"] as const).find((state) => states.includes(state)) ?? "closed";
  }

  /** How often it has opened, after a trial that failed included. */
  get breakerOpened(): number {
    return this.#lanes.sum(({ gate }) => gate?.opened ?? 0);
  }

  /**
   * There is nothing to start: a `RedisStore` holds no connection of its own. On a Redis Cluster it finds out whether all nodes split the
   * sessions alike, and rejects with a `PartitionMismatchError` if not; where Redis cannot be asked now, the first command finds out.
   */
  async start(): Promise<void> {
    this.#assertOpen();
    await this.#lanes.of("").commands.ready();
  }

  async get(id: string, options?: ReadOptions): Promise<Session<T> | undefined> {
    checkReadOptions(options);
    const loaded = await follow([id], (id) => this.load(id), nothing);
    return loaded?.session;
  }

  /** Nothing is here without asking Redis. */
  peek(_id: string): undefined {
    return undefined;
  }

  async create(data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    return this.add(newSessionId(), data, options);
  }

  async set(id: string, data: T | Snapshot<T>, options: WriteOptions = {}): Promise<Session<T>> {
    const save = (id: string, throughAlias: boolean) => this.save(id, data, options, throughAlias);
    const { session } = await follow([id], save, refuse);
    await this.#limit(session, options);
    return session;
  }

  update(id: string, change: Change<T>, options?: LifeOptions): Promise<Session<T> | undefined> {
    return this.#updates.update(id, change, options);
  }

  async touch(id: string, options?: LifeOptions): Promise<boolean> {
    const extension = await follow([id], (id) => this.extend(id, options), nothing);
    return extension !== undefined;
  }

  async delete(id: string, options: DeleteOptions = {}): Promise<boolean> {
    checkDeleteOptions(options);
    return deleteAlong(id, options, async (id, request) => {
      const buried = await this.bury(id, request);
      if (isRemembered(buried, request)) await this.confirm(id);
      return buried;
    });
  }

  async add(id: string, data: T | Snapshot<T>, options: CreateOptions = {}): Promise<Session<T>> {
    const { session } = await this.insert(id, data, options);
    await this.#limit(session, options);
    return session;
  }

  async take(id: string): Promise<Session<T> | undefined> {
    this.#assertUsable(id);
    const take = async (id: string) => {
      const row = await this.#table.take(id);
      return row && this.#decode(id, row).session;
    };
    return follow([id], take, nothing);
  }

  async increment(id: string, ttlMs: number): Promise<number> {
    this.#assertUsable(id);
    requireTtlMs("ttlMs", ttlMs);
    return this.#table.increment(id, ttlMs);
  }

  async rotate(id: string, newId: string, options: RotateOptions): Promise<boolean> {
    this.#assertUsable(id);
    checkRotation(id, newId, options);
    const { graceMs, follow: follows = true, deletion } = options;
    const rotate = async (id: string, throughAlias: boolean) => {
      const rotated =
        (follows || !throughAlias) && (await this.supersede({ id, newId, graceMs, throughAlias, deletion }));
      if (rotated) await this.confirm(id);
      return rotated;
    };
    return (await follow([id], rotate, nothing)) === true;
  }

  revoke(id: string, options: RevokeOptions = {}): Promise<Revocation> {
    return this.revokeAlong([id], options);
  }

  /** `revoke()`, with the ids that lead to the session: those that are found on the way join them. */
  async revokeAlong(path: Path, options: RevokeOptions): Promise<Revocation> {
    this.#assertUsable(path[0]);
    const bury = () =>
      endAlong(path, (id, evenAlias) => this.bury(id, { reason: "revoked", acknowledge: NOBODY, evenAlias }));
    return this.#revoke(options, bury, {
      wasBack: async () => (await this.reassert(path)) > 0,
      confirm: () => this.confirmAll(path),
    });
  }

  async revokeUser(user: string, options: RevokeOptions = {}): Promise<Revocation> {
    requireUser(user);
    const floors: number[] = [];
    const bury = (partition: number) => this.buryUser(partition, user, NOBODY, floors[partition]);
    const buryAll = async () => {
      const buried = await Promise.all(this.#lanes.all.map((_, partition) => bury(partition)));
      for (const [partition, { generation }] of buried.entries()) floors[partition] = generation;
      return buried;
    };
    const wasBack = async () => (await buryAll()).some(({ deleted }) => deleted);
    return this.#revoke(options, buryAll, { wasBack, confirm: () => this.confirmUser(user, floors) });
  }

  async *sessionsOf(user: string): AsyncGenerator<Session<T>> {
    for await (const { session } of this.loadOf(user)) yield session;
  }

  /** `sessionsOf()` with what a cache needs to know. */
  async *loadOf(user: string): AsyncGenerator<Loaded<T>> {
    this.#assertOpen();
    requireUser(user);
    for (const id of await this.#table.idsOf(user)) {
      const loaded = await this.load(id).catch(passOver);
      if (loaded?.session.user === user) yield loaded;
    }
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
    for await (const { session } of this.loadAll()) yield session;
  }

  /** `all()` with what a cache needs to know. */
  async *loadAll(): AsyncGenerator<Loaded<T>> {
    this.#assertOpen();
    for await (const ids of inBatches(flat(this.#table.candidates()), BATCH_SIZE)) {
      const sessions = await Promise.all(ids.map((id) => this.load(id).catch(passOver)));
      for (const loaded of sessions) if (loaded !== undefined) yield loaded;
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
    if (this.#closed) return false;
    return this.#table.ping().then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { confirmations } of this.#lanes.all) confirmations?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // What follows is for `ClusteredRedisStore`. Nothing of it follows aliases: where one is, it rejects with a `Moved`.

  /**
   * `get()` with what a cache needs to know; what is `known` of it already need not be sent again. By `reader`, where the server shall tell when
   * it changes.
   */
  async load(id: string, known?: Loaded<T>, reader?: TrackedSubscription): Promise<Loaded<T> | undefined> {
    this.#assertUsable(id);
    const row = await this.#table.read(id, known?.session.revision, reader);
    return row && this.#decode(id, row, known);
  }

  /** Lets through what `ClusteredRedisStore` asks Redis of a session's partition by another way, unless the circuit breaker is open. */
  async guard<R>(id: string, run: () => Promise<R>): Promise<R> {
    this.#assertOpen();
    const { gate } = this.#lanes.of(id);
    return gate === undefined ? run() : gate.guard(run);
  }

  /** Redis is known to answer again: the circuit breaker of a partition need not wait with its next trial. */
  answered(partition: number): void {
    this.#lanes.at(partition).gate?.answered();
  }

  /** `delete()` with what a revocation needs to know. */
  async bury(id: string, request: DeleteRequest): Promise<{ deleted: boolean; registry: Registry }> {
    this.#assertUsable(id);
    return this.#table.delete(id, request);
  }

  /** `rotate()`. */
  async supersede(request: RotateRequest): Promise<boolean> {
    this.#assertUsable(request.id);
    return this.#table.rotate(request);
  }

  /** `revokeUser()` in one partition, without the waiting; `floor` repeats what a server may have lost. */
  async buryUser(partition: number, user: string, acknowledge?: AcknowledgementRequest, floor?: number) {
    this.#assertOpen();
    return this.#table.revokeUser(partition, user, acknowledge, floor);
  }

  /** Deletes again what a server may have lost; how many sessions had come back. */
  async reassert(ids: readonly string[]): Promise<number> {
    this.#assertOpen();
    return this.#table.reassert(ids);
  }

  /** Resolves when enough replicas know that a session was deleted or rotated; `undefined` if they are not waited for. */
  confirm(id: string): Promise<void> | undefined {
    return this.#table.confirm(id);
  }

  /** The same of several. */
  confirmAll(ids: readonly string[]): Promise<unknown> | undefined {
    return this.isDurable ? Promise.all(ids.map((id) => this.confirm(id))) : undefined;
  }

  /** The same of the sessions that a user had before these generations, one of each partition. */
  confirmUser(user: string, generations: readonly number[]): Promise<unknown> | undefined {
    if (!this.isDurable) return undefined;
    return Promise.all(generations.map((generation, n) => this.#table.confirmUser(n, user, generation)));
  }

  /** `create()` under a given id, with what a cache needs to know. */
  async insert(id: string, data: T | Snapshot<T>, options: CreateOptions): Promise<Loaded<T>> {
    checkCreateOptions(options);
    const { absoluteTtlMs, user } = options;
    const inserted = this.#put(id, data, options, { mode: "create", absoluteTtlMs, user });
    return inserted.catch((error: unknown) => {
      if (error instanceof Moved) refuse(error); // an id that was rotated is over
      throw error;
    });
  }

  /** `set()` with what a cache needs to know. Through an alias, only a session that is there is written. */
  async save(
    id: string,
    data: T | Snapshot<T>,
    options: WriteOptions,
    throughAlias: boolean,
  ): Promise<Loaded<T>> {
    checkWriteOptions(options);
    const { ifRevision, user } = options;
    const mode = ifRevision === undefined ? "set" : "update";
    return this.#put(id, data, options, { mode, expectedTag: ifRevision, user, throughAlias });
  }

  /**
   * Ends the sessions that a user has too many, after one was written as theirs; never that one, but by a login at the same time. `bury` ends one.
   */
  async limit(
    { id }: Session<T>,
    { user }: { user?: string },
    bury: (id: string) => Promise<unknown>,
  ): Promise<void> {
    if (this.#maxSessionsPerUser === undefined || user === undefined) return;
    const others = (await this.#table.idsOf(user)).filter((other) => other !== id);
    const tooMany = others.slice(0, Math.max(0, others.length + 1 - this.#maxSessionsPerUser));
    if (tooMany.length === 0 || !(await this.#table.mayLimit(user, id, others, this.#limitMemoryMs))) return;
    await Promise.all(tooMany.map((id) => bury(id).catch(passOver)));
  }

  /** `touch()` with what a cache needs to know. */
  async extend(id: string, options?: LifeOptions): Promise<Extension | undefined> {
    this.#assertUsable(id);
    checkLifeOptions(options);
    return this.#table.touch(id, resolveLife(options, this.#clock.wallNow()));
  }

  /** The session was written, whatever becomes of the others. */
  async #limit(written: Session<T>, options: { user?: string }): Promise<void> {
    const limited = this.limit(written, options, (id) => this.bury(id, { reason: "limit" }));
    await limited.catch((error) => this.tell("limit-failed", String(options.user), error));
  }

  async #put(id: string, data: T | Snapshot<T>, life: LifeOptions, how: Omit<PutRequest, "id" | "payload">) {
    this.#assertUsable(id);
    const copy = this.#codec === jsonCodec ? copyAsJson(data as T) : undefined;
    const payload = this.#codec.encode((copy ?? data) as T);
    if (typeof payload !== "string") throw new InvalidSessionDataError("the codec made no string of it");
    const request = { ...how, ...resolveLife(life, this.#clock.wallNow()), id, payload };
    const row = await this.#table.put(request).catch((error: Error) => {
      if (!(error instanceof TagConflict)) throw error;
      const { keyHash, current, maybeApplied } = error;
      throw new SessionConflictError(keyHash, this.#decode(id, current).session, maybeApplied);
    });
    return this.#decode(id, row, undefined, copy);
  }

  /** Without a subscription, nobody can say that it went sooner: this waits until no lease can be left. */
  #revoke(
    options: RevokeOptions,
    bury: () => Promise<readonly { registry: Registry }[]>,
    after: Pick<RevocationSteps, "wasBack" | "confirm">,
  ): Promise<Revocation> {
    return revoke(options, this.#clock, {
      attempt: async (limit, deleted) => {
        const buried = await limit.bound(bury(), { deleted });
        await limit.bound(pause(this.#clock, outlastingMs(this.#maxStalenessMs)), { deleted: true });
        return { acknowledged: false, nodes: Math.max(...buried.map(({ registry }) => registry.size)) };
      },
      ...after,
    });
  }

  /** `copy`: its data, if they need not be decoded. */
  #decode(
    id: string,
    { record, aliveUntilMs }: Row,
    known?: Loaded<T>,
    copy?: Snapshot<T> | undefined,
  ): Loaded<T> {
    const { tag, createdAtMs, expiresAtMs, user, generation } = record;
    const isKnown = known !== undefined && known.session.revision === tag && tag !== "";
    const data = isKnown ? known.session.data : (copy ?? this.#decodeData(id, record));
    const session: Session<T> = Object.freeze({
      id,
      data,
      revision: tag,
      createdAtMs,
      expiresAtMs,
      ...(user !== undefined && { user }),
    });
    return Object.freeze({
      session,
      generation,
      answer: Promise.resolve(session),
      ttlMs: record.ttlMs ?? this.ttlMs,
      aliveUntilMs,
      isFinal: false,
      encodedLength: isKnown ? known.encodedLength : record.payload.length,
    });
  }

  #decodeData(id: string, { tag, payload }: SessionRecord): Snapshot<T> {
    const format = tag === "" ? (this.#legacy ?? this.#codec) : this.#codec;
    try {
      return freezeDeep(format.decode(payload));
    } catch (error) {
      throw this.#table.undecodable(id, error as Error);
    }
  }

  #assertUsable(id: string): void {
    this.#assertOpen();
    assertSessionId(id);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreClosedError();
  }
}

/** How one partition is asked. */
interface Lane {
  readonly gate: Gate | undefined;
  readonly commands: RedisCommands;
  readonly confirmations: Confirmations | undefined;
  readonly table: SessionTable;
}

/** Whether a deletion has left something that names it, so that it can be confirmed. */
export function isRemembered(
  { deleted }: { deleted: boolean },
  { tombstone = true, expectedTag }: DeleteRequest,
): boolean {
  return tombstone && (deleted || expectedTag === undefined);
}

/** The table that reads what another store left, where there is such a store. */
function sessionTable<T>(
  codec: Codec<T>,
  legacy: Legacy<T> | undefined,
  ownPrefix: string,
  options: SessionTableOptions,
): SessionTable {
  if (legacy === undefined) return new SessionTable(options);
  const { prefix, isForeign } = legacy;
  const recode = (text: string) => codec.encode(legacy.decode(text));
  return new MigratingTable({ ...options, isForeign, ownPrefix, legacyPrefix: prefix, recode });
}

async function* flat<I>(batches: AsyncIterable<I[]>): AsyncGenerator<I> {
  for await (const batch of batches) yield* batch;
}

/** What is no session any more, or none that can be read. */
function passOver(error: unknown): undefined {
  if (!(error instanceof SessionCorruptError) && !(error instanceof Moved)) throw error;
}
