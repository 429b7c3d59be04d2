import type { SessionCorruptError } from "../errors.js";
import { MigratingTable } from "./migrating-table.js";
import type { Partitioned } from "./partitions.js";
import type { TrackedSubscription } from "./port.js";
import type {
  AcknowledgementRequest,
  DeleteRequest,
  Extension,
  Life,
  PutRequest,
  Registry,
  RotateRequest,
  Row,
  SessionTable,
} from "./session-table.js";

/** How many sessions of another store are looked at side by side. */
const BATCH_SIZE = 100;

/** The tables of all partitions as one: what is about one session goes to its partition, what is about all to each. */
export class PartitionedTable {
  readonly #tables: Partitioned<SessionTable>;

  constructor(tables: Partitioned<SessionTable>) {
    this.#tables = tables;
  }

  get corruptRecords(): number {
    return this.#tables.sum((table) => table.corruptRecords);
  }

  read(id: string, knownTag?: string, reader?: TrackedSubscription): Promise<Row | undefined> {
    return this.#tables.of(id).read(id, knownTag, reader);
  }

  put(request: PutRequest): Promise<Row> {
    return this.#tables.of(request.id).put(request);
  }

  touch(id: string, life: Life): Promise<Extension | undefined> {
    return this.#tables.of(id).touch(id, life);
  }

  delete(id: string, request: DeleteRequest): Promise<{ deleted: boolean; registry: Registry }> {
    return this.#tables.of(id).delete(id, request);
  }

  rotate(request: RotateRequest): Promise<boolean> {
    return this.#tables.of(request.id).rotate(request);
  }

  take(id: string): Promise<Row | undefined> {
    return this.#tables.of(id).take(id);
  }

  increment(id: string, ttlMs: number): Promise<number> {
    return this.#tables.of(id).increment(id, ttlMs);
  }

  undecodable(id: string, error: Error): SessionCorruptError {
    return this.#tables.of(id).undecodable(id, error);
  }

  /** Ends the sessions that a user has in one partition: each counts generations of its own. */
  revokeUser(partition: number, user: string, acknowledge?: AcknowledgementRequest, floor?: number) {
    return this.#tables.at(partition).revokeUser(user, acknowledge, floor);
  }

  confirm(id: string): Promise<void> | undefined {
    return this.#tables.of(id).confirm(id);
  }

  confirmUser(partition: number, user: string, generation: number): Promise<void> | undefined {
    return this.#tables.at(partition).confirmUser(user, generation);
  }

  /** The ids of a user's sessions, that which ends first first. */
  async idsOf(user: string): Promise<string[]> {
    const found = (await this.#each((table) => table.idsOf(user))).flat();
    return found.sort((a, b) => a.endMs - b.endMs).map(({ id }) => id);
  }

  /** Asked of one partition for all, which the user's name decides. */
  mayLimit(user: string, id: string, others: readonly string[], memoryMs: number): Promise<boolean> {
    return this.#tables.of(user).mayLimit(user, id, others, memoryMs);
  }

  async reassert(ids: readonly string[]): Promise<number> {
    const groups = [...this.#tables.group(ids)];
    return total(await Promise.all(groups.map(([table, ids]) => table.reassert(ids))));
  }

  /** Deletes all sessions, those of another store included; how many there were. */
  async clear(): Promise<number> {
    let cleared = 0;
    for await (const ids of this.#unmoved()) {
      const removed = await Promise.all(ids.map((id) => this.#migrating(id)?.removeLegacy(id)));
      cleared += removed.filter(Boolean).length;
    }
    return cleared + total(await this.#each((table) => table.clear()));
  }

  /** The ids of all sessions, each once, in the batches in which SCAN finds them. */
  ids(): AsyncGenerator<string[]> {
    return eachOnce(this.#unmoved(), ...this.#tables.all.map((table) => table.ids()));
  }

  /** The same with those that are over: for whoever reads each of them anyway. */
  candidates(): AsyncGenerator<string[]> {
    return eachOnce(this.#legacyIds(), ...this.#tables.all.map((table) => table.candidates()));
  }

  /**
   * The ids of sessions that the other store has and we have not. Listed before our own: what is moved meanwhile is then among those.
   */
  async *#unmoved(): AsyncGenerator<string[]> {
    for await (const ids of eachOnce(this.#legacyIds())) {
      for (let i = 0; i < ids.length; i += BATCH_SIZE) {
        const batch = ids.slice(i, i + BATCH_SIZE);
        const unmoved = await Promise.all(batch.map((id) => this.#migrating(id)?.isUnmoved(id)));
        yield batch.filter((_, n) => unmoved[n]);
      }
    }
  }

  /** What the other store has lies wherever its keys' slots are, and not in partitions: one table lists all of it. */
  async *#legacyIds(): AsyncGenerator<string[]> {
    const table = this.#tables.at(0);
    if (table instanceof MigratingTable) yield* table.legacyIds();
  }

  #migrating(id: string): MigratingTable | undefined {
    const table = this.#tables.of(id);
    return table instanceof MigratingTable ? table : undefined;
  }

  async ping(): Promise<void> {
    await this.#each((table) => table.ping());
  }

  #each<R>(run: (table: SessionTable) => Promise<R>): Promise<R[]> {
    return Promise.all(this.#tables.all.map(run));
  }
}

/** Batches without the ids that came before. */
async function* eachOnce(...lists: readonly AsyncIterable<string[]>[]): AsyncGenerator<string[]> {
  const seen = new Set<string>();
  for (const list of lists) {
    for await (const ids of list) {
      const fresh = ids.filter((id) => !seen.has(id));
      for (const id of fresh) seen.add(id);
      yield fresh;
    }
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
