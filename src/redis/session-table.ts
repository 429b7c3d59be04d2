import type { Clock } from "../clock.js";
import { SessionConflictError, SessionCorruptError, type StoreUnavailableError } from "../errors.js";
import {
  decodeHeader,
  decodeRecord,
  encodeUser,
  newTag,
  RecordError,
  type SessionRecord,
} from "../session/record.js";
import { hashForLog, isSessionId } from "../session/session.js";
import type { RedisCommands } from "./commands.js";
import type { Reply } from "./port.js";
import { CLEAR } from "./scripts/clear.js";
import { DELETE } from "./scripts/delete.js";
import { PUT } from "./scripts/put.js";
import { READ } from "./scripts/read.js";
import { TOUCH } from "./scripts/touch.js";

export interface SessionTableOptions {
  readonly commands: RedisCommands;
  readonly clock: Clock;
  readonly prefix: string;
  readonly defaultTtlMs: number;
  /** The channel on which writes are told to the nodes; `undefined` if there are none. */
  readonly channel: string | undefined;
  readonly nodeId: string;
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
}

/** What a touch makes of a record that another store wrote without an end: nothing. */
const ENDLESS: Extension = {
  aliveUntilMs: Number.POSITIVE_INFINITY,
  expiresAtMs: Number.POSITIVE_INFINITY,
  isFinal: true,
};

/** How many keys one SCAN looks at, and one CLEAR deletes. */
const SCAN_COUNT = 1_000;

/** The sessions as Redis holds them: keys, scripts and their replies. One round trip per operation. */
export class SessionTable {
  readonly #commands: RedisCommands;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #defaultTtl: string;
  readonly #channel: string;
  readonly #chain: string;
  readonly #nodeId: string;
  #corruptRecords = 0;

  constructor({ commands, clock, prefix, defaultTtlMs, channel, nodeId }: SessionTableOptions) {
    this.#commands = commands;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#defaultTtl = String(defaultTtlMs);
    this.#channel = channel ?? "";
    this.#chain = chainKey(this.#channel);
    this.#nodeId = nodeId;
  }

  /** How often a record was met that could not be read. */
  get corruptRecords(): number {
    return this.#corruptRecords;
  }

  async read(id: string): Promise<Row | undefined> {
    const sentAtMs = this.#now();
    const reply = await this.#run(id, READ, [this.#key(id)], []);
    if (reply === null) return undefined;
    const [record, lifeMs] = reply as [string, number];
    return this.#row(id, record, Number(lifeMs), sentAtMs);
  }

  /** Writes a session. */
  async put(request: PutRequest): Promise<Row> {
    const { id, payload, mode, expectedTag, user } = request;
    const args = [mode, expectedTag ?? "", newTag(), text(this.#clock.wallNow())];
    args.push(text(request.ttlMs), this.#defaultTtl, text(request.expiresAtMs), text(request.absoluteTtlMs));
    args.push(encodeUser(user), payload, this.#channel, this.#nodeId);
    const sentAtMs = this.#now();
    const reply = await this.#run(id, PUT, [this.#key(id), this.#chain], args);
    const [outcome, lifeMs, header] = reply as [string, number, string];
    switch (outcome) {
      case "written":
        return { record: decodeHeader(header, payload), aliveUntilMs: sentAtMs + Number(lifeMs) };
      case "corrupt":
        throw this.#corrupt(id, "it is not of a format that may be overwritten");
      default: // another revision, none any more, or past its absolute end
        throw new SessionConflictError(this.#keyHash(id));
    }
  }

  /** Extends a session's life. `undefined` if there is none. */
  async touch(id: string, { ttlMs, expiresAtMs }: Life): Promise<Extension | undefined> {
    const args = [text(this.#clock.wallNow()), text(ttlMs), this.#defaultTtl, text(expiresAtMs)];
    const sentAtMs = this.#now();
    const reply = await this.#run(id, TOUCH, [this.#key(id)], args);
    if (reply === null) return undefined;
    const [life, endMs, isFinal] = reply as [number, string, number];
    const lifeMs = Number(life);
    if (lifeMs === -2) throw this.#corrupt(id, "its header cannot be read");
    if (lifeMs === -1) return ENDLESS;
    return { aliveUntilMs: sentAtMs + lifeMs, expiresAtMs: Number(endMs), isFinal: Number(isFinal) === 1 };
  }

  /** Deletes a session, if it has `expectedTag` where one is given. `false` if there is none. */
  async delete(id: string, expectedTag?: string): Promise<boolean> {
    const args = [expectedTag === undefined ? "" : `=${expectedTag}`, newTag(), this.#channel, this.#nodeId];
    const outcome = Number(await this.#run(id, DELETE, [this.#key(id), this.#chain], args));
    if (outcome === -1) throw new SessionConflictError(this.#keyHash(id));
    return outcome === 1;
  }

  /** Deletes all sessions; how many there were. */
  async clear(): Promise<number> {
    const args = [newTag(), this.#channel, this.#nodeId, this.#prefix];
    let deleted = 0;
    for await (const keys of this.#scan()) {
      args[0] = newTag();
      deleted += Number(await this.#commands.run(CLEAR, [this.#chain, ...keys], args));
    }
    args[0] = newTag(); // also without any session left: whoever holds a copy of one that just expired drops it
    await this.#commands.run(CLEAR, [this.#chain], args);
    return deleted;
  }

  /** The ids of all sessions, each once, in the batches in which SCAN finds them. */
  async *ids(): AsyncGenerator<string[]> {
    const seen = new Set<string>(); // SCAN may return a key more than once
    for await (const keys of this.#scan()) {
      const ids = keys
        .map((key) => key.slice(this.#prefix.length))
        .filter((id) => isSessionId(id) && !seen.has(id));
      for (const id of ids) seen.add(id);
      yield ids;
    }
  }

  async ping(): Promise<void> {
    await this.#commands.send(["PING"]);
  }

  /** `TYPE string` leaves out what another part of the application may keep under the same prefix. */
  async *#scan(): AsyncGenerator<string[]> {
    const match = `${this.#prefix.replace(/[*?[\]\\]/g, "\\$&")}*`;
    let cursor = "0";
    do {
      const reply = await this.#commands.send([
        "SCAN",
        cursor,
        "MATCH",
        match,
        "COUNT",
        `${SCAN_COUNT}`,
        "TYPE",
        "string",
      ]);
      const [next, keys] = reply as [string, string[]];
      cursor = String(next);
      if (keys.length > 0) yield keys;
    } while (cursor !== "0");
  }

  async #run(
    id: string,
    script: Parameters<RedisCommands["run"]>[0],
    keys: string[],
    args: string[],
  ): Promise<Reply> {
    try {
      return await this.#commands.run(script, keys, args);
    } catch (error) {
      const isWrongType = (error as StoreUnavailableError).message.includes("WRONGTYPE");
      throw isWrongType ? this.#corrupt(id, "the key holds no string", error) : error;
    }
  }

  #row(id: string, record: string, lifeMs: number, sentAtMs: number): Row {
    const remainingMs = lifeMs < 0 ? Number.POSITIVE_INFINITY : lifeMs; // -1: another store wrote it without an end
    try {
      const decoded = decodeRecord(record, this.#clock.wallNow(), remainingMs);
      return { record: decoded, aliveUntilMs: sentAtMs + remainingMs };
    } catch (error) {
      if (error instanceof RecordError) throw this.#corrupt(id, error.message);
      throw error;
    }
  }

  /** Counts a record that cannot be read and makes the error that says so. */
  #corrupt(id: string, reason: string, cause?: unknown): SessionCorruptError {
    this.#corruptRecords++;
    return new SessionCorruptError(this.#keyHash(id), reason, { cause });
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

/** The hash that holds the head of a channel's chain. One per channel, whatever the prefixes of the stores that share it. */
export function chainKey(channel: string): string {
  return `sessionmesh:chain:${channel}`;
}

/** A number as an argument of a script; nothing where there is none. */
function text(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}
