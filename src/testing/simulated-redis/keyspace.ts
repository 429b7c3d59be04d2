/** An error that the server answers with, as both clients throw it: its message begins with its code. */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
}

/** A hash: fields and their values. */
export type Hash = Map<string, string>;
/** A sorted set: members and their scores. */
export type SortedSet = Map<string, number>;

interface Values {
  string: string;
  hash: Hash;
  zset: SortedSet;
  list: string[];
}

type TypedValue = { [T in keyof Values]: { readonly type: T; value: Values[T] } }[keyof Values];
type Entry = TypedValue & { expiresAtMs: number | undefined; readonly order: number };

/** A copy of all data, as a replica has it. */
export type RedisSnapshot = ReadonlyMap<string, Entry>;

/** What a keyspace tells of its keys. */
export interface KeyspaceEvents {
  /** Somebody wanted to know what is under a key. */
  looked(key: string): void;
  /** What is under a key is not what it was, or is nothing any more. */
  changed(key: string): void;
}

/**
 * The data of a simulated server: keys, their values and when they expire.
 *
 * Strings are counted in characters, where Redis counts bytes: all that the scripts count is ASCII.
 */
export class Keyspace {
  readonly #nowMs: () => number;
  readonly #events: KeyspaceEvents;
  #entries = new Map<string, Entry>();
  /** Keys made so far: by this number, and not by its place, SCAN finds where it was. */
  #made = 0;

  /** `nowMs`: the server's clock, in whole milliseconds. */
  constructor(nowMs: () => number, events: KeyspaceEvents) {
    this.#nowMs = nowMs;
    this.#events = events;
  }

  typeOf(key: string): keyof Values | "none" {
    return this.#find(key)?.type ?? "none";
  }

  /** The value of this type under a key. Throws if there is one of another type. */
  get<T extends keyof Values>(key: string, type: T): Values[T] | undefined {
    const entry = this.#find(key);
    if (entry === undefined) return undefined;
    if (entry.type !== type) {
      throw new ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value");
    }
    return entry.value as Values[T];
  }

  /** Replaces whatever is under a key; without a moment, it never expires. */
  put<T extends keyof Values>(key: string, type: T, value: Values[T], expiresAtMs?: number): void {
    const order = this.#find(key)?.order ?? ++this.#made;
    this.#entries.set(key, { type, value, expiresAtMs, order } as Entry);
    this.#events.changed(key);
  }

  /** Changes a hash, a sorted set or a list, which begins empty and goes when it is empty; returns what the change does. */
  change<T extends "hash" | "zset" | "list", R>(key: string, type: T, change: (value: Values[T]) => R): R {
    const found = this.get(key, type);
    const value = found ?? ((type === "list" ? [] : new Map()) as Values[T]);
    const result = change(value);
    this.#events.changed(key);
    const size = Array.isArray(value) ? value.length : value.size;
    if (size === 0) this.delete(key);
    else if (found === undefined) this.put(key, type, value);
    return result;
  }

  delete(key: string): boolean {
    if (this.#find(key) === undefined) return false;
    this.#events.changed(key);
    return this.#entries.delete(key);
  }

  /** When a key expires; `undefined` if never, `"none"` if there is no such key. */
  expiresAtMs(key: string): number | undefined | "none" {
    const entry = this.#find(key);
    return entry === undefined ? "none" : entry.expiresAtMs;
  }

  expireAt(key: string, atMs: number): boolean {
    const entry = this.#find(key);
    if (entry === undefined) return false;
    entry.expiresAtMs = atMs;
    this.#events.changed(key);
    return true;
  }

  /** The next keys after a cursor, and the cursor after them, which is 0 at the end. A key that is there all the time is found. */
  scan(cursor: number, count: number): { next: number; keys: string[] } {
    const keys: string[] = [];
    for (const [key, { order }] of this.#entries) {
      if (order <= cursor) continue;
      if (keys.length === count) return { next: this.#orderOf(keys.at(-1)), keys: keys.filter(this.#lives) };
      keys.push(key);
    }
    return { next: 0, keys: keys.filter(this.#lives) };
  }

  snapshot(): RedisSnapshot {
    return structuredClone(this.#entries);
  }

  restore(snapshot: RedisSnapshot): void {
    this.#entries = new Map(structuredClone(snapshot));
    for (const { order } of this.#entries.values()) this.#made = Math.max(this.#made, order);
  }

  readonly #lives = (key: string): boolean => this.#find(key) !== undefined;

  #orderOf(key = ""): number {
    return this.#entries.get(key)?.order ?? 0;
  }

  #find(key: string): Entry | undefined {
    this.#events.looked(key);
    const entry = this.#entries.get(key);
    if (entry?.expiresAtMs === undefined || this.#nowMs() <= entry.expiresAtMs) return entry;
    this.#entries.delete(key);
    this.#events.changed(key);
    return undefined;
  }
}
