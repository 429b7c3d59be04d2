import type { Clock } from "../clock.js";
import { SessionConflictError, StoreUnavailableError } from "../errors.js";
import { encodeRecord, newTag } from "../session/record.js";
import { hashForLog } from "../session/session.js";
import type { RedisCommands } from "./commands.js";
import { LegacyRecords, type LegacyRecordsOptions } from "./legacy-records.js";
import type { TrackedSubscription } from "./port.js";
import { REPLACE } from "./scripts/replace.js";
import {
  type DeleteRequest,
  type Extension,
  type Life,
  type PutRequest,
  type Registry,
  type RotateRequest,
  type Row,
  SessionTable,
} from "./session-table.js";

/** The options of a table whose sessions begin as those of another store. */
export interface MigratingTableOptions extends LegacyRecordsOptions {
  /** Turns what the other store wrote into what this one writes. Throws if it cannot be read. */
  readonly recode: (text: string) => string;
}

/**
 * A table that goes on with the sessions of another store. They are read where they are; what changes one moves it under our key first.
 *
 * Our key and the other store's are two slots of a Redis Cluster, so no script sees both. What makes that safe is the order of the steps:
 *
 * - *Ours wins*, and so does our tombstone: the other key is looked at only where ours holds nothing.
 * - *A move writes ours, then removes the other.* Who ends in between leaves two that say the same and end at the same time. Of two nodes that move one,
 *   the one that writes first has moved it; the other one's conditional write is a conflict.
 * - *A deletion removes the other, then writes our tombstone.* Who ends in between has not deleted, and nothing is left that could come back.
 * - *A read asks for ours, the other, and, where that is gone, for ours again*: it may have been moved in between.
 */
export class MigratingTable extends SessionTable {
  readonly #commands: RedisCommands;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #defaultTtlMs: number;
  readonly #recode: (text: string) => string;
  readonly #legacy: LegacyRecords;
  /** Whether the other store's records stand under our own keys. */
  readonly #inPlace: boolean;

  constructor(options: MigratingTableOptions) {
    super(options);
    this.#commands = options.commands;
    this.#clock = options.clock;
    this.#prefix = options.prefix;
    this.#defaultTtlMs = options.defaultTtlMs;
    this.#recode = options.recode;
    this.#legacy = new LegacyRecords(options);
    this.#inPlace = options.prefix === options.legacyPrefix;
  }

  override async read(id: string, knownTag = "", reader?: TrackedSubscription): Promise<Row | undefined> {
    if (this.#inPlace) return super.read(id, knownTag, reader);
    const sentAtMs = this.#clock.now();
    const found =
      (await this.find(id, knownTag, reader)) ??
      (await this.#readLegacy(id)) ??
      (await this.find(id, "", reader));
    // The bound on staleness counts from the first command: what it did not find may have been written since.
    if (this.#commands.isTooLate(sentAtMs)) throw new StoreUnavailableError("it took too long to look twice");
    return found === "gone" ? undefined : found;
  }

  override async put(request: PutRequest): Promise<Row> {
    const movedTag = await this.#move(request.id);
    // The record of the other store has no tag: what expects it means the one that it got when it was moved.
    const expectedTag = request.expectedTag === "" ? (movedTag ?? "") : request.expectedTag;
    return super.put({ ...request, expectedTag });
  }

  /** Extends the life of a session of the other store where it is: a node that still runs that store goes on with it. */
  override async touch(id: string, life: Life): Promise<Extension | undefined> {
    if (this.#inPlace) return (await this.#legacy.touch(id, life)) ?? super.touch(id, life);
    const extension = await super.touch(id, life);
    if (extension !== undefined) return extension;
    const found = await this.find(id);
    if (found === "gone") return undefined;
    const legacy = found === undefined ? await this.#legacy.touch(id, life) : undefined;
    return legacy ?? super.touch(id, life);
  }

  override async delete(
    id: string,
    request: DeleteRequest,
  ): Promise<{ deleted: boolean; registry: Registry }> {
    const { expectedTag } = request;
    if (expectedTag === "") {
      return super.delete(id, { ...request, expectedTag: (await this.#move(id)) ?? "" });
    }
    if (expectedTag !== undefined) return this.#deleteOurs(id, request);
    const removed = await this.removeLegacy(id);
    const outcome = await super.delete(id, request);
    return { ...outcome, deleted: outcome.deleted || removed };
  }

  override async rotate(request: RotateRequest): Promise<boolean> {
    if (request.deletion === undefined) await this.#move(request.id);
    return super.rotate(request);
  }

  override async take(id: string): Promise<Row | undefined> {
    await this.#move(id);
    return super.take(id);
  }

  async #deleteOurs(id: string, request: DeleteRequest): Promise<{ deleted: boolean; registry: Registry }> {
    const outcome = await super.delete(id, request);
    if (!outcome.deleted && !this.#inPlace && (await this.isUnmoved(id))) {
      throw new SessionConflictError(hashForLog(this.#prefix + id));
    }
    return outcome;
  }

  override async reassert(ids: readonly string[]): Promise<number> {
    const removed = await Promise.all(ids.map((id) => this.removeLegacy(id)));
    return removed.filter(Boolean).length + (await super.reassert(ids));
  }

  /** The ids of which the other store may have a record, in all partitions; none where its records stand under our own keys. */
  async *legacyIds(): AsyncGenerator<string[]> {
    if (!this.#inPlace) yield* this.#legacy.candidates();
  }

  /** Whether the other store has this session, and we have not. */
  async isUnmoved(id: string): Promise<boolean> {
    const [isLegacy, ours] = await Promise.all([
      this.#legacy.has(id),
      this.#commands.send(["EXISTS", this.#prefix + id]),
    ]);
    return isLegacy && Number(ours) === 0;
  }

  async #readLegacy(id: string): Promise<Row | undefined> {
    const sentAtMs = Math.floor(this.#clock.now());
    const found = await this.#legacy.read(id);
    if (found === undefined) return undefined;
    const nowMs = this.#clock.wallNow();
    const record = {
      tag: "",
      createdAtMs: nowMs,
      expiresAtMs: nowMs + found.remainingMs,
      ttlMs: undefined,
      user: undefined,
      generation: 0,
      payload: found.text,
    };
    return { record, aliveUntilMs: sentAtMs + found.remainingMs };
  }

  /** Moves the other store's record under our key; the tag that it has there. `undefined` if there is none, or we have one already. */
  async #move(id: string): Promise<string | undefined> {
    const found = await this.#legacy.read(id);
    if (found === undefined) return undefined;
    const tag = newTag();
    const lifeMs = Number.isFinite(found.remainingMs) ? found.remainingMs : this.#defaultTtlMs;
    const nowMs = Math.floor(this.#clock.wallNow());
    const times = { createdAtMs: nowMs, expiresAtMs: nowMs + lifeMs, ttlMs: this.#defaultTtlMs };
    const record = encodeRecord({ tag, ...times, payload: this.#recoded(id, found.text) });
    const args = [this.#inPlace ? found.text : "", record, String(Math.max(1, lifeMs))];
    const moved = await this.#commands.run(REPLACE, [this.#prefix + id], args, { mayRepeat: true });
    await this.removeLegacy(id);
    return Number(moved) === 1 ? tag : undefined;
  }

  #recoded(id: string, text: string): string {
    try {
      return this.#recode(text);
    } catch (error) {
      throw this.undecodable(id, error as Error);
    }
  }

  /** Removes what the other store has under this id; whether there was something. */
  async removeLegacy(id: string): Promise<boolean> {
    return !this.#inPlace && (await this.#legacy.remove(id));
  }
}
