import type { Clock } from "../clock.js";
import {
  SessionConflictError,
  SessionCorruptError,
  SessionRevokedError,
  type StoreUnavailableError,
} from "../errors.js";
import {
  decodeAlias,
  decodeHeader,
  decodeRecord,
  encodeUser,
  newTag,
  RecordError,
  type SessionRecord,
} from "../session/record.js";
import { hashForLog, isSessionId } from "../session/session.js";
import type { RedisCommands, RunOptions } from "./commands.js";
import type { Confirmations } from "./confirmations.js";
import { Moved } from "./moved.js";
import type { Reply, TrackedSubscription } from "./port.js";
import { scanAll } from "./scan.js";
import { CLEAR } from "./scripts/clear.js";
import { DELETE } from "./scripts/delete.js";
import { INCREMENT } from "./scripts/increment.js";
import { LIMIT } from "./scripts/limit.js";
import { LIST } from "./scripts/list.js";
import { PUT } from "./scripts/put.js";
import { READ } from "./scripts/read.js";
import { REASSERT } from "./scripts/reassert.js";
import { REVOKE_USER } from "./scripts/revoke-user.js";
import { ROTATE } from "./scripts/rotate.js";
import type { Script } from "./scripts/script.js";
import { TAKE } from "./scripts/take.js";
import { TOUCH } from "./scripts/touch.js";
import { USER_SESSIONS } from "./scripts/user-sessions.js";

export interface SessionTableOptions {
  readonly commands: RedisCommands;
  readonly clock: Clock;
  readonly prefix: string;
  readonly defaultTtlMs: number;
  /** How long a deletion is remembered. */
  readonly tombstoneTtlMs: number;
  /** The channel on which writes are told to the nodes; `undefined` if there are none. */
  readonly channel: string | undefined;
  readonly nodeId: string;
  /** Whether changes are told only if a node relies on that. Default: always. */
  readonly tellsListenersOnly?: boolean | undefined;
  /** Recognises a record that another store wrote. Default: it begins with `{`. */
  readonly isForeign?: ((text: string) => boolean) | undefined;
  /** Waits for replicas. Default: nothing does. */
  readonly confirmations?: Confirmations | undefined;
}

/** A record as it was found or written. */
export interface Row {
  readonly record: SessionRecord;
  /** Until when it lives in Redis, by this node's monotonic clock; rather too early than too late. */
  readonly aliveUntilMs: number;
}

/** What a touch has made of a session's life. */
export interface Extension {
  /** Until when it lives in Redis, by this node's monotonic clock; rather too early than too late. */
  readonly aliveUntilMs: number;
  /** The end that people are told, by the wall clock. */
  readonly expiresAtMs: number;
  /** Whether its absolute end has cut its life short, so that no further touch can extend it. */
  readonly isFinal: boolean;
}

/** How long a session shall live: a duration for Redis, and its end for people, where the caller named one. */
export interface Life {
  readonly ttlMs?: number | undefined;
  readonly expiresAtMs?: number | undefined;
}

export interface PutRequest extends Life {
  readonly id: string;
  readonly payload: string;
  /** `create`: there must be none. `set`: whatever there is. `update`: the one there must have `expectedTag`. */
  readonly mode: "create" | "set" | "update";
  readonly expectedTag?: string | undefined;
  readonly absoluteTtlMs?: number | undefined;
  readonly user?: string | undefined;
  /** Whether an alias led here: then a session that is not there is one that is over. Default: no. */
  readonly throughAlias?: boolean | undefined;
}

/** Why a session was deleted, as nodes are told. */
export type DeletionReason = "deleted" | "revoked" | "limit" | "rotated";

/** How nodes acknowledge that a session is over. */
export interface AcknowledgementRequest {
  readonly request: string;
  readonly replyChannel: string;
}

/** Asks who is registered, and nobody to acknowledge. */
export const NOBODY: AcknowledgementRequest = { request: "-", replyChannel: "" };

export interface DeleteRequest {
  readonly expectedTag?: string | undefined;
  /** Whether an alias is deleted, too, instead of followed. Default: no. */
  readonly evenAlias?: boolean | undefined;
  readonly reason: DeletionReason;
  readonly acknowledge?: AcknowledgementRequest | undefined;
  /** `false`: leaves no tombstone. */
  readonly tombstone?: boolean | undefined;
  /** Names the deletion. Default: a new name. */
  readonly name?: string | undefined;
}

export interface RotateRequest {
  readonly id: string;
  readonly newId: string;
  readonly graceMs: number;
  /** Whether an alias led here: then the session that is not there is yet to be written, and nothing is done. */
  readonly throughAlias: boolean;
  /** The name of the deletion that becomes a rotation. Default: a session is rotated. */
  readonly deletion?: string | undefined;
}

/** The nodes that may hold a lease, each with the number of its beats. */
export type Registry = ReadonlyMap<string, string>;

/** What a touch makes of a record that another store wrote without an end: nothing. */
export const ENDLESS: Extension = {
  aliveUntilMs: Number.POSITIVE_INFINITY,
  expiresAtMs: Number.POSITIVE_INFINITY,
  isFinal: true,
};

/** From how many characters on a session is written by itself: Redis does nothing else while a script runs. */
const MAX_LENGTH_TOGETHER = 16_384;
/** How many keys one SCAN looks at, and one CLEAR deletes. */
const SCAN_COUNT = 1_000;

/**
 * The sessions as Redis holds them: keys, scripts and their replies. One round trip per operation. What is to be done with one session rejects
 * with a `Moved` where an alias is.
 */
export class SessionTable {
  readonly #commands: RedisCommands;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #defaultTtl: string;
  readonly #tombstoneTtl: string;
  readonly #channel: string;
  readonly #meta: string;
  readonly #generations: string;
  readonly #userIndex: string;
  readonly #counters: string;
  readonly #nodeId: string;
  readonly #metaAndGenerations: readonly string[];
  /** What `PUT` is told of this table whatever is written. */
  readonly #putArgs: readonly string[];
  readonly #isForeign: ((text: string) => boolean) | undefined;
  readonly #confirmations: Confirmations | undefined;
  #corruptRecords = 0;

  constructor(options: SessionTableOptions) {
    const { commands, clock, prefix, defaultTtlMs, tombstoneTtlMs, channel, nodeId } = options;
    this.#commands = commands;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#defaultTtl = time(defaultTtlMs);
    this.#tombstoneTtl = String(tombstoneTtlMs);
    this.#channel = channel ?? "";
    this.#meta = metaKey(this.#channel);
    this.#generations = generationsKey(prefix);
    this.#userIndex = `sessionmesh:user:${prefix}`;
    this.#counters = `sessionmesh:counter:${prefix}`;
    this.#nodeId = nodeId;
    this.#metaAndGenerations = [this.#meta, this.#generations];
    const toListenersOnly = options.tellsListenersOnly ? "1" : "";
    this.#putArgs = [this.#channel, nodeId, this.#userIndex, toListenersOnly, this.#defaultTtl];
    this.#isForeign = options.isForeign;
    this.#confirmations = options.confirmations;
  }

  /** How often a record was met that could not be read. */
  get corruptRecords(): number {
    return this.#corruptRecords;
  }

  /** The session; without its payload if it still has the tag that the caller knows. By `reader`, where the server shall tell when it changes. */
  async read(id: string, knownTag = "", reader?: TrackedSubscription): Promise<Row | undefined> {
    const found = await this.find(id, knownTag, reader);
    return found === "gone" ? undefined : found;
  }

  /** The same, which also says of a session that is none whether it is over: deleted, or its user revoked. */
  async find(id: string, knownTag = "", reader?: TrackedSubscription): Promise<Row | "gone" | undefined> {
    const sentAtMs = this.#now();
    const reply = await this.#commands.runForKey({
      script: READ,
      commonKeys: [this.#generations],
      key: this.#key(id),
      args: [knownTag],
      mayRepeat: true,
      takesTurns: true,
      reader,
    });
    if (reply === null) return undefined;
    if (reply === "gone") return reply;
    if (reply === "wrongtype") throw this.#wrongType(id);
    const [record, lifeMs] = reply as [string, number];
    const newId = decodeAlias(record);
    if (newId !== undefined) throw this.#moved(id, newId);
    return this.#row(id, record, Number(lifeMs), sentAtMs, knownTag);
  }

  /** Writes a session. Those that are written in one turn of the event loop's queue go together. */
  async put(request: PutRequest): Promise<Row> {
    const { id, payload, mode, expectedTag = "", user, throughAlias = false } = request;
    const condition =
      mode === "update" ? `=${expectedTag}` : throughAlias && mode === "set" ? "replace" : mode;
    const life = [time(request.ttlMs), time(request.expiresAtMs), text(request.absoluteTtlMs)];
    const sentAtMs = this.#now();
    let repeated = false;
    const reply = await this.#commands.runForKey({
      script: PUT,
      commonKeys: this.#metaAndGenerations,
      commonArgs: this.#putArgs,
      key: this.#key(id),
      args: [condition, newTag(), time(this.#clock.wallNow()), ...life, encodeUser(user), payload],
      mayRepeat: mode !== "set", // a repetition of an unconditional write could undo what others wrote in between
      goesAlone: payload.length > MAX_LENGTH_TOGETHER,
      onRepeat: () => {
        repeated = true;
      },
    });
    const [outcome, ...rest] = (Array.isArray(reply) ? reply : [reply]) as [string | number, ...Reply[]];
    switch (outcome) {
      case "moved":
        throw this.#moved(id, rest[0] as string);
      case "absent":
        if (!throughAlias) break;
        throw new SessionRevokedError(this.#keyHash(id));
      case "gone":
        throw new SessionRevokedError(this.#keyHash(id));
      case "corrupt":
        throw this.#corrupt(id, "it is not of a format that may be overwritten");
      case "wrongtype":
        throw this.#wrongType(id);
      case "conflict":
        if (rest.length === 0) break;
        throw new TagConflict(
          this.#keyHash(id),
          this.#row(id, rest[0] as string, Number(rest[1]), sentAtMs),
          repeated,
        );
      case "expired":
        break;
      default:
        return { record: decodeHeader(rest[0] as string, payload), aliveUntilMs: sentAtMs + Number(outcome) };
    }
    throw new SessionConflictError(this.#keyHash(id), undefined, repeated); // none any more, or past its absolute end
  }

  /** Extends a session's life. `undefined` if there is none. */
  async touch(id: string, { ttlMs, expiresAtMs }: Life): Promise<Extension | undefined> {
    const args = [
      text(this.#clock.wallNow()),
      text(ttlMs),
      this.#defaultTtl,
      text(expiresAtMs),
      this.#userIndex,
    ];
    const sentAtMs = this.#now();
    const reply = await this.#run(id, TOUCH, [this.#key(id), this.#generations], args);
    if (reply === null) return undefined;
    const [life, endMs, isFinal] = reply as [number, string, number];
    const lifeMs = Number(life);
    if (lifeMs === -3) throw this.#moved(id, endMs);
    if (lifeMs === -2) throw this.#corrupt(id, "its header cannot be read");
    if (lifeMs === -1) return ENDLESS;
    return { aliveUntilMs: sentAtMs + lifeMs, expiresAtMs: Number(endMs), isFinal: Number(isFinal) === 1 };
  }

  /** Deletes a session, if it has `expectedTag` where one is given. With the registry, if nodes are to acknowledge it. */
  async delete(
    id: string,
    { expectedTag, evenAlias = false, reason, acknowledge, tombstone = true, name }: DeleteRequest,
  ): Promise<{ deleted: boolean; registry: Registry }> {
    const anything = evenAlias ? "*" : "";
    const condition = expectedTag === undefined ? anything : `=${expectedTag}`;
    const deletion = name ?? newTag(); // names it, however often it is sent; a link of the chain is never used twice
    const args = () => {
      const tombstoneTtl = tombstone ? this.#tombstoneTtl : "";
      const all = [condition, newTag(), tombstoneTtl, this.#channel, this.#nodeId, reason];
      all.push(...acknowledgementArgs(acknowledge), newTag(), deletion);
      return all;
    };
    const keys = [this.#key(id), this.#meta, this.#generations];
    // without a tombstone that names it, a repetition could undo what others wrote in between
    const reply = await this.#run(id, DELETE, keys, args, { mayRepeat: tombstone });
    const [outcome, rest] = reply as [number, (string | Reply[])?];
    if (Number(outcome) === -1) throw new SessionConflictError(this.#keyHash(id));
    if (Number(outcome) === 2) throw this.#moved(id, rest as string);
    return { deleted: Number(outcome) === 1, registry: registryOf(rest as Reply[] | undefined) };
  }

  /** Ends a session and lets its id stand for the new one. `false` if there was none. */
  async rotate({ id, newId, graceMs, throughAlias, deletion = "" }: RotateRequest): Promise<boolean> {
    const rotation = newTag(); // names it, however often it is sent
    const args = () => {
      const told = [newTag(), this.#channel, this.#nodeId];
      const what = [rotation, throughAlias ? "1" : "", deletion];
      return [newId, text(graceMs), this.#tombstoneTtl, ...told, ...what];
    };
    const reply = await this.#run(id, ROTATE, [this.#key(id), this.#meta, this.#generations], args);
    const [outcome, target] = reply as [number, string?];
    if (Number(outcome) === 2) throw this.#moved(id, target as string);
    return Number(outcome) === 1;
  }

  /** Reads a session and deletes it: of all who try, one gets it. Not repeated: whoever lost the reply would find nothing. */
  async take(id: string): Promise<Row | undefined> {
    const keys = [this.#key(id), this.#meta, this.#generations];
    const sentAtMs = this.#now();
    const reply = await this.#run(id, TAKE, keys, [newTag(), this.#channel, this.#nodeId], {
      mayRepeat: false,
    });
    if (reply === null) return undefined;
    const [record, lifeMs] = reply as [string, number];
    const newId = decodeAlias(record);
    if (newId !== undefined) throw this.#moved(id, newId);
    return this.#row(id, record, Number(lifeMs), sentAtMs);
  }

  /** Counts one more under an id of a counter; `ttlMs` is the life of a new one. Not repeated: it would count twice. */
  async increment(id: string, ttlMs: number): Promise<number> {
    return Number(await this.#commands.run(INCREMENT, [this.#counters + id], [String(ttlMs)]));
  }

  /** Ends all sessions that a user has; `floor` repeats what a server may have lost. `deleted`: it was not so before. */
  async revokeUser(
    user: string,
    acknowledge?: AcknowledgementRequest,
    floor?: number,
  ): Promise<{ generation: number; registry: Registry; deleted: boolean }> {
    const args = [
      newTag(),
      newTag(),
      text(floor),
      this.#channel,
      this.#nodeId,
      this.#prefix,
      encodeUser(user),
    ];
    args.push(...acknowledgementArgs(acknowledge));
    // not repeated: it would end what began since the first time, and use a link of the chain twice
    const reply = await this.#commands.run(REVOKE_USER, [this.#generations, this.#meta], args);
    const [generation, registry, moved] = reply as [number, Reply[], number];
    return { generation: Number(generation), registry: registryOf(registry), deleted: Number(moved) === 1 };
  }

  /** Resolves when enough replicas know that this session was deleted or rotated; `undefined` if they are not waited for. */
  confirm(id: string): Promise<void> | undefined {
    return this.#confirmations?.confirm([...this.#metaAndGenerations, this.#key(id)], []);
  }

  /** The same of the sessions that a user had before this generation. */
  confirmUser(user: string, generation: number): Promise<void> | undefined {
    return this.#confirmations?.confirm(this.#metaAndGenerations, [encodeUser(user), String(generation)]);
  }

  /** The ids of a user's sessions with their ends by the clock of Redis, that which ends first first. */
  async idsOf(user: string): Promise<{ id: string; endMs: number }[]> {
    const encoded = encodeUser(user);
    const keys = [this.#generations, this.#userIndex + encoded];
    const reply = await this.#commands.run(USER_SESSIONS, keys, [encoded], { mayRepeat: true });
    const found: { id: string; endMs: number }[] = [];
    const fields = reply as string[];
    for (let i = 0; i < fields.length; i += 2) {
      const id = (fields[i] as string).slice(this.#prefix.length);
      if (isSessionId(id)) found.push({ id, endMs: Number(fields[i + 1]) });
    }
    return found;
  }

  /** Whether a login is to end what its user has too much, having found these others; `false` if another login at the same time has found it. */
  async mayLimit(user: string, id: string, others: readonly string[], memoryMs: number): Promise<boolean> {
    const key = `${this.#userIndex}${encodeUser(user)}#`; // beside the index: no user is encoded to one of this name
    return (
      Number(await this.#commands.run(LIMIT, [key], [text(memoryMs), id, ...others], { mayRepeat: true })) ===
      1
    );
  }

  /** Deletes again what a server may have lost; how many had come back. */
  async reassert(ids: readonly string[]): Promise<number> {
    const keys = [...this.#metaAndGenerations, ...ids.map((id) => this.#key(id))];
    const args = [this.#tombstoneTtl, this.#channel, this.#nodeId, "revoked", ...ids.map(() => newTag())];
    return Number(await this.#commands.run(REASSERT, keys, args, { mayRepeat: true }));
  }

  /** Deletes all sessions; how many there were. */
  async clear(): Promise<number> {
    const args = [newTag(), this.#channel, this.#nodeId, this.#prefix];
    let deleted = 0;
    for await (const keys of this.#scan()) {
      args[0] = newTag();
      deleted += Number(await this.#commands.run(CLEAR, [...this.#metaAndGenerations, ...keys], args));
    }
    args[0] = newTag(); // also without any session left: whoever holds a copy of one that just expired drops it
    await this.#commands.run(CLEAR, this.#metaAndGenerations, args);
    return deleted;
  }

  /** The ids of all sessions, in the batches in which SCAN finds them. */
  async *ids(): AsyncGenerator<string[]> {
    for await (const ids of this.candidates()) {
      const keys = ids.map((id) => this.#key(id));
      const live = await this.#commands.run(LIST, [this.#generations, ...keys], [], { mayRepeat: true });
      yield this.#ids(live as string[]);
    }
  }

  /** The same with those that are over: for whoever reads each of them anyway. */
  async *candidates(): AsyncGenerator<string[]> {
    for await (const keys of this.#scan()) yield this.#ids(keys);
  }

  #ids(keys: readonly string[]): string[] {
    return keys.map((key) => key.slice(this.#prefix.length)).filter(isSessionId);
  }

  async ping(): Promise<void> {
    await this.#commands.send(["PING"]);
  }

  /** `TYPE string` leaves out what another part of the application may keep under the same prefix. */
  #scan(): AsyncGenerator<string[]> {
    return scanAll(this.#commands, { prefix: this.#prefix, count: SCAN_COUNT, type: "string" });
  }

  async #run(
    id: string,
    script: Script,
    keys: string[],
    args: readonly string[] | (() => readonly string[]),
    { mayRepeat = true }: RunOptions = {},
  ): Promise<Reply> {
    try {
      return await this.#commands.run(script, keys, args, { mayRepeat });
    } catch (error) {
      const isWrongType = (error as StoreUnavailableError).message.includes("WRONGTYPE");
      throw isWrongType ? this.#wrongType(id, error) : error;
    }
  }

  #row(id: string, record: string, lifeMs: number, sentAtMs: number, knownTag = ""): Row {
    const remainingMs = lifeMs < 0 ? Number.POSITIVE_INFINITY : lifeMs; // -1: another store wrote it without an end
    try {
      const isKnown = knownTag !== "" && record.slice(2, 14) === knownTag;
      const decoded = isKnown
        ? decodeHeader(record, "")
        : decodeRecord(record, this.#clock.wallNow(), remainingMs, this.#isForeign);
      return { record: decoded, aliveUntilMs: sentAtMs + remainingMs };
    } catch (error) {
      if (error instanceof RecordError) throw this.#corrupt(id, error.message);
      throw error;
    }
  }

  /** The error that says where a session is now; of a record that cannot be read, if that is no id. */
  #moved(id: string, newId: string): Moved | SessionCorruptError {
    return isSessionId(newId)
      ? new Moved(this.#keyHash(id), newId)
      : this.#corrupt(id, "its alias leads to what is no id");
  }

  /** Counts a record that cannot be read and makes the error that says so. */
  #corrupt(id: string, reason: string, cause?: unknown): SessionCorruptError {
    this.#corruptRecords++;
    return new SessionCorruptError(this.#keyHash(id), reason, { cause });
  }

  #wrongType(id: string, cause?: unknown): SessionCorruptError {
    return this.#corrupt(id, "the key holds no string", cause);
  }

  /** For the codec's owner, who finds out only later. Without the codec's error: that of `JSON.parse` quotes the data. */
  undecodable(id: string, { name }: Error): SessionCorruptError {
    return this.#corrupt(id, `its data cannot be decoded (${name})`);
  }

  /** When a command is sent, in whole milliseconds, rather too early than too late: in a cached session they take no memory of their own. */
  #now(): number {
    return Math.floor(this.#clock.now());
  }

  #key(id: string): string {
    return this.#prefix + id;
  }

  #keyHash(id: string): string {
    return hashForLog(this.#key(id));
  }
}

/** A conditional write found another revision; with what is there, for the codec's owner to make a session of. */
export class TagConflict extends Error {
  readonly keyHash: string;
  readonly current: Row;
  /** Whether the write may have been carried out before that one: it was sent again, and only then refused. */
  readonly maybeApplied: boolean;

  constructor(keyHash: string, current: Row, maybeApplied: boolean) {
    super();
    this.keyHash = keyHash;
    this.current = current;
    this.maybeApplied = maybeApplied;
  }
}

/**
 * The hash that holds the head of a channel's chain and the registry of its nodes. One per channel, whatever the prefixes of the stores
 * that share it.
 */
export function metaKey(channel: string): string {
  return `sessionmesh:meta:${channel}`;
}

/** The hash that holds the generation of each user who was ever revoked. */
export function generationsKey(prefix: string): string {
  return `sessionmesh:generations:${prefix}`;
}

function acknowledgementArgs(acknowledge: AcknowledgementRequest | undefined): string[] {
  return acknowledge === undefined ? ["", ""] : [acknowledge.request, acknowledge.replyChannel];
}

function registryOf(fields: readonly Reply[] = []): Registry {
  const registry = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) registry.set(String(fields[i]).slice(2), String(fields[i + 1]));
  return registry;
}

/** A number as an argument of a script; nothing where there is none. */
function text(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** A time as it stands in a record's header. */
function time(value: number | undefined): string {
  return value === undefined ? "" : String(Math.floor(value)).padStart(13, "0");
}
