import { MAX_HOPS, type Path } from "./aliases.js";

interface Tombstone {
  readonly untilMs: number;
  /** What the id stands for, and until when; an alias is a tombstone after that. */
  readonly alias?: { readonly newId: string; readonly untilMs: number } | undefined;
  /** The name of the deletion that has left it, if that has deleted a session. */
  readonly name?: string | undefined;
}

/** How an id that is over stands for another one. */
export interface Rotation {
  readonly newId: string;
  readonly graceMs: number;
}

/** The ids that are over in a `MemoryStore`, and those that were rotated. The caller says what time it is. */
export class Tombstones {
  readonly #ttlMs: number;
  /** In the order in which they were left. */
  readonly #tombstones = new Map<string, Tombstone>();

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  /** Remembers that an id is over, and where it leads, if it does, or by which deletion; forgets what was remembered long enough. */
  add(id: string, nowMs: number, rotation?: Rotation, name?: string): void {
    const graceEndMs = nowMs + (rotation?.graceMs ?? 0);
    const alias = rotation && { newId: rotation.newId, untilMs: graceEndMs };
    this.#tombstones.delete(id);
    this.#tombstones.set(id, { untilMs: graceEndMs + this.#ttlMs, alias, name });
    for (const [oldest, { untilMs }] of this.#tombstones) {
      if (nowMs < untilMs) break;
      this.#tombstones.delete(oldest);
    }
  }

  /** Whether an id is over; one that stands for another is, too. */
  has(id: string, nowMs: number): boolean {
    return nowMs < (this.#tombstones.get(id)?.untilMs ?? 0);
  }

  /** Whether an id is over by the deletion of this name. */
  isOverBy(name: string, id: string, nowMs: number): boolean {
    return this.has(id, nowMs) && this.#tombstones.get(id)?.name === name;
  }

  /** The ids that an id leads to, itself first; as far as they are followed. */
  pathOf(id: string, nowMs: number): Path {
    const path: Path = [id];
    while (path.length <= MAX_HOPS) {
      const alias = this.#aliasOf(path.at(-1) as string, nowMs);
      if (alias === undefined) break;
      path.push(alias.newId);
    }
    return path;
  }

  /** Forgets where ids lead. */
  clearAliases(nowMs: number): void {
    for (const id of this.#tombstones.keys()) {
      if (this.#aliasOf(id, nowMs) !== undefined) this.#tombstones.delete(id);
    }
  }

  #aliasOf(id: string, nowMs: number): Tombstone["alias"] {
    const alias = this.#tombstones.get(id)?.alias;
    return alias !== undefined && nowMs < alias.untilMs ? alias : undefined;
  }
}
