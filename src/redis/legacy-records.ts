import type { Clock } from "../clock.js";
import { isSessionId } from "../session/session.js";
import type { RedisCommands } from "./commands.js";
import type { Reply } from "./port.js";
import { LEGACY_READ } from "./scripts/legacy-read.js";
import { LEGACY_TOUCH } from "./scripts/legacy-touch.js";
import {
  ENDLESS,
  type Extension,
  type Life,
  SessionTable,
  type SessionTableOptions,
} from "./session-table.js";

/** Where the sessions of another store are. */
export interface LegacyRecordsOptions extends SessionTableOptions {
  /** What stands before an id in their keys. */
  readonly legacyPrefix: string;
  /** What our own keys begin with, in all partitions: none of them is one of the other store's. */
  readonly ownPrefix: string;
  readonly isForeign: (text: string) => boolean;
}

/** What another store left for one id. */
export interface LegacyRecord {
  readonly text: string;
  /** What was left of its life, in milliseconds; `Infinity` if it has no end. */
  readonly remainingMs: number;
}

/** How much of a text tells whether it is a record of ours. */
const ENOUGH = 80;

/** How often the masters are asked for at most, of which some may have other slots each time. */
const MAX_ROUNDS = 8;

/** Keys that are never a session of another store, whatever its prefix. */
const OUR_NAMES = "sessionmesh:";

/** The records of another store under their own keys. Each command is about one key. */
export class LegacyRecords {
  readonly #commands: RedisCommands;
  readonly #clock: Clock;
  readonly #inPlace: boolean;
  readonly #ownPrefix: string;
  readonly #prefix: string;
  readonly #defaultTtlMs: number;
  readonly #isForeign: (text: string) => boolean;
  readonly #options: SessionTableOptions;

  constructor(options: LegacyRecordsOptions) {
    this.#commands = options.commands;
    this.#clock = options.clock;
    this.#inPlace = options.prefix === options.legacyPrefix;
    this.#ownPrefix = options.ownPrefix;
    this.#prefix = options.legacyPrefix;
    this.#defaultTtlMs = options.defaultTtlMs;
    this.#isForeign = options.isForeign;
    this.#options = { ...options, prefix: options.legacyPrefix };
  }

  async read(id: string): Promise<LegacyRecord | undefined> {
    const key = this.#key(id);
    if (key === undefined) return undefined;
    const reply = await this.#commands.run(LEGACY_READ, [key], [], { mayRepeat: true });
    if (reply === null) return undefined;
    const [text, lifeMs] = reply as [string, number];
    if (!this.#isForeign(text)) return undefined;
    return { text, remainingMs: Number(lifeMs) < 0 ? Number.POSITIVE_INFINITY : Number(lifeMs) };
  }

  /** Extends a record's life, where it is. `undefined` if there is none. */
  async touch(id: string, { ttlMs = this.#defaultTtlMs, expiresAtMs }: Life): Promise<Extension | undefined> {
    const key = await this.#keyOfRecord(id);
    if (key === undefined) return undefined;
    const lifeMs = ttlMs + Math.floor(ttlMs / 10); // so long the caller may leave out further touches
    const sentAtMs = Math.floor(this.#clock.now());
    const reply = await this.#commands.run(LEGACY_TOUCH, [key], [String(lifeMs)], { mayRepeat: true });
    if (reply === null) return undefined;
    if (Number(reply) < 0) return ENDLESS;
    return {
      aliveUntilMs: sentAtMs + Number(reply),
      expiresAtMs: expiresAtMs ?? Math.floor(this.#clock.wallNow()) + ttlMs,
      isFinal: false,
    };
  }

  /** Removes a record; whether there was one. */
  async remove(id: string): Promise<boolean> {
    const key = await this.#keyOfRecord(id);
    return key !== undefined && Number(await this.#commands.send(["UNLINK", key])) === 1;
  }

  async has(id: string): Promise<boolean> {
    return (await this.#keyOfRecord(id)) !== undefined;
  }

  /**
   * The ids that may have a record, some of them twice; none if nothing tells these keys from all others. On a Redis Cluster their slots are those of any
   * master. One whose slots have changed by the end is looked at again: a key may have gone from one that was still to come to one that was done.
   */
  async *candidates(): AsyncGenerator<string[]> {
    if (this.#prefix === "") return;
    const done = new Set<string>();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const masters = [...(await this.#commands.perMaster())].filter(([name]) => !done.has(name));
      if (masters.length === 0) return;
      for (const [name, commands] of masters) {
        done.add(name);
        for await (const ids of new SessionTable({ ...this.#options, commands }).candidates()) {
          yield ids.filter((id) => this.#key(id) !== undefined);
        }
      }
    }
  }

  /** The key, if what it holds is such a record: it might also be a key of the application, or one of our own. */
  async #keyOfRecord(id: string): Promise<string | undefined> {
    const key = this.#key(id);
    if (key === undefined) return undefined;
    const beginning = await this.#commands
      .send(["GETRANGE", key, "0", String(ENOUGH - 1)])
      .catch((error: Error): Reply => {
        if (error.message.includes("WRONGTYPE")) return "";
        throw error;
      });
    return this.#isForeign(String(beginning)) ? key : undefined;
  }

  #key(id: string): string | undefined {
    const key = this.#prefix + id;
    if (this.#inPlace) return key;
    return key.startsWith(this.#ownPrefix) || key.startsWith(OUR_NAMES) || !isSessionId(id) ? undefined : key;
  }
}
