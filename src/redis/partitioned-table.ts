import type { SessionCorruptError } from "../errors.js";
import type { Partitioned } from "./partitions.js";
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

/** The tables of all partitions as one: what is about one session goes to its partition, what is about all to each. */
export class PartitionedTable {
  readonly #tables: Partitioned<SessionTable>;

  constructor(tables: Partitioned<SessionTable>) {
    this.#tables = tables;
  }

  get corruptRecords(): number {
    return this.#tables.sum((table) => table.corruptRecords);
  }

  read(id: string, knownTag?: string): Promise<Row | undefined> {
    return this.#tables.of(id).read(id, knownTag);
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
    return (this.#tables.all[partition] as SessionTable).revokeUser(user, acknowledge, floor);
  }

  /** The ids of a user's sessions, that which ends first first. */
  async idsOf(user: string): Promise<string[]> {
    const found = (await this.#each((table) => table.idsOf(user))).flat();
    return found.sort((a, b) => a.endMs - b.endMs).map(({ id }) => id);
  }

  async reassert(ids: readonly string[]): Promise<number> {
    const groups = [...this.#tables.group(ids)];
    return total(await Promise.all(groups.map(([table, ids]) => table.reassert(ids))));
  }

  async clear(): Promise<number> {
    return total(await this.#each((table) => table.clear()));
  }

  async *ids(): AsyncGenerator<string[]> {
    for (const table of this.#tables.all) yield* table.ids();
  }

  async *candidates(): AsyncGenerator<string[]> {
    for (const table of this.#tables.all) yield* table.candidates();
  }

  async ping(): Promise<void> {
    await this.#each((table) => table.ping());
  }

  #each<R>(run: (table: SessionTable) => Promise<R>): Promise<R[]> {
    return Promise.all(this.#tables.all.map(run));
  }
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
