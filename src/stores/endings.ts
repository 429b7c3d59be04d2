import type { Clock } from "../clock.js";
import type { PartitionCoordinator, RevocationRequest } from "../cluster/partition-coordinator.js";
import { ConcurrencyLimit } from "../redis/concurrency-limit.js";
import type { Partitioned } from "../redis/partitions.js";
import {
  type AcknowledgementRequest,
  type DeleteRequest,
  NOBODY,
  type Registry,
  type RotateRequest,
} from "../redis/session-table.js";
import type { Session } from "../session/session.js";
import { revokeAcknowledged } from "./acknowledged.js";
import { deleteAlong, endAlong, type Path } from "./aliases.js";
import type { NearCache } from "./near-cache.js";
import { PendingDeletions } from "./pending-deletions.js";
import { BATCH_SIZE } from "./queries.js";
import { isRemembered, type RedisStore } from "./redis-store.js";
import type { DeleteOptions, Revocation, RevokeOptions } from "./store.js";

/** How often a deletion is repeated while this node goes from one history to another. */
const MAX_BURIALS = 3;
/**
 * How many deletions of revocations may be on their way at a time; others wait for their turn. Redis tells every node of each, which takes it
 * milliseconds where there are a thousand: so many at a time leave it room for the beats of all of them.
 */
const MAX_REVOKING = 16;

/** What a deletion answers. */
interface Buried {
  readonly deleted: boolean;
  readonly registry: Registry;
}

/** What ends sessions. */
export interface EndingsOptions<T> {
  readonly redisStore: RedisStore<T>;
  readonly memories: Partitioned<NearCache<T>>;
  readonly clock: Clock;
  /** Told that Redis refused a deletion, and why. */
  readonly refused: (id: string, error: unknown) => void;
}

/**
 * How sessions end on a node with a cache: in Redis, then here, also if Redis failed, since it may have been carried out. What was deleted is
 * remembered by the coordinator, and what Redis did not confirm is sent again.
 */
export class Endings<T> {
  /** The deletions that Redis has not confirmed. */
  readonly pending: PendingDeletions;
  readonly #redisStore: RedisStore<T>;
  readonly #memories: Partitioned<NearCache<T>>;
  readonly #clock: Clock;
  readonly #refused: EndingsOptions<T>["refused"];
  readonly #revoking = new ConcurrencyLimit(MAX_REVOKING);

  constructor({ redisStore, memories, clock, refused }: EndingsOptions<T>) {
    this.#redisStore = redisStore;
    this.#memories = memories;
    this.#clock = clock;
    this.#refused = refused;
    this.pending = new PendingDeletions({
      clock,
      lifeMs: redisStore.ttlMs,
      send: (id, reason) => endAlong([id], (id, evenAlias) => this.#end(id, { reason, evenAlias })),
    });
  }

  /** `delete()`. */
  delete(id: string, options: DeleteOptions): Promise<boolean> {
    const isFinal = options.ifRevision === undefined && options.tombstone !== false;
    return deleteAlong(id, options, (id, request) => {
      const deletion = this.#end(id, request);
      return isFinal ? this.pending.watch(id, "deleted", deletion) : deletion;
    });
  }

  /** `rotate()`, without following an alias. */
  async rotate(request: RotateRequest): Promise<boolean> {
    const rotated = await this.#supersede(request);
    if (rotated) await this.#redisStore.confirm(request.id);
    return rotated;
  }

  async #supersede(request: RotateRequest): Promise<boolean> {
    const { id, throughAlias, deletion } = request;
    const memory = this.#memories.of(id);
    try {
      // the same rotation again changes nothing where the first one is
      const rotated = await inOneHistory(memory.coordinator, async (earlier?: boolean) => {
        return (await this.#redisStore.supersede(request)) || earlier === true;
      });
      const isOver = rotated || (!throughAlias && deletion === undefined); // else it is yet to be written, or is what it was
      if (isOver) memory.coordinator?.forget(id);
      // A deletion that waits is done, and would end the new session; one that waits beside that which became the rotation shall.
      if (rotated && deletion === undefined) this.pending.take(id);
      return rotated;
    } finally {
      memory.drop(id);
    }
  }

  /** Ends what a user has too much since a session was written as theirs. What Redis does not confirm is sent again. */
  limit(written: Session<T>, user: string): Promise<void> {
    return this.#redisStore.limit(written, { user }, (id) =>
      this.pending.watch(id, "limit", this.#bury(id, { reason: "limit" })),
    );
  }

  /** `revoke()`. */
  async revoke(id: string, options: RevokeOptions): Promise<Revocation> {
    const path: Path = [id];
    if (this.#memories.of(id).coordinator === undefined) {
      const revocation = this.#redisStore.revokeAlong(path, options).finally(() => {
        for (const id of path) this.#memories.of(id).drop(id);
      });
      return this.pending.watch(id, "revoked", revocation);
    }
    const bury = (ask: (coordinator: PartitionCoordinator) => RevocationRequest) =>
      endAlong(path, async (id, evenAlias) => {
        const acknowledge = ask(this.#memories.of(id).coordinator as PartitionCoordinator);
        const deletion = this.#revoking.run(() =>
          this.#bury(id, { reason: "revoked", acknowledge, evenAlias }),
        );
        return { acknowledge, ...(await this.pending.watch(id, "revoked", deletion)) };
      });
    const wasBack = async () => (await this.#redisStore.reassert(path)) > 0;
    const confirm = () => {
      const confirmed = this.#redisStore.confirmAll(path);
      return confirmed && this.pending.watch(id, "revoked", confirmed);
    };
    return revokeAcknowledged(this.#clock, options, { bury, wasBack, confirm });
  }

  /** `revokeUser()`: in each partition, which counts the generations of its users by itself. */
  async revokeUser(user: string, options: RevokeOptions): Promise<Revocation> {
    const memories = this.#memories.all;
    if (memories.some(({ coordinator }) => coordinator === undefined)) {
      return this.#redisStore.revokeUser(user, options).finally(() => {
        for (const memory of memories) memory.flush("user-forgotten");
      });
    }
    const floors: number[] = [];
    const buryUser = async <A extends AcknowledgementRequest>(
      memory: NearCache<T>,
      n: number,
      acknowledge: A,
    ) => {
      const buried = await this.#redisStore.buryUser(n, user, acknowledge, floors[n]).catch((error) => {
        memory.flush("user-forgotten"); // nobody knows which copies are theirs, and none of them may be served in an outage
        throw error;
      });
      floors[n] = buried.generation;
      memory.coordinator?.forgetUser(user, buried.generation);
      return { acknowledge, ...buried };
    };
    const bury = (ask: (coordinator: PartitionCoordinator) => RevocationRequest) =>
      Promise.all(
        memories.map((memory, n) => buryUser(memory, n, ask(memory.coordinator as PartitionCoordinator))),
      );
    const wasBack = async () => {
      const buried = await Promise.all(memories.map((memory, n) => buryUser(memory, n, NOBODY)));
      return buried.some(({ deleted }) => deleted);
    };
    const confirm = () => this.#redisStore.confirmUser(user, floors);
    return revokeAcknowledged(this.#clock, options, { bury, wasBack, confirm });
  }

  /** Repeats what a partition's server may have lost, a batch at a time. */
  async reassert(
    partition: number,
    ids: readonly string[],
    users: readonly [user: string, generation: number][],
  ): Promise<number> {
    let back = 0;
    for (const [user, generation] of users) {
      await this.#redisStore.buryUser(partition, user, undefined, generation);
    }
    for (let i = 0; i < ids.length; i += BATCH_SIZE) {
      back += await this.#redisStore.reassert(ids.slice(i, i + BATCH_SIZE));
    }
    return back;
  }

  /** Deletes, and waits for replicas where the store does. What they do not confirm is sent again, also if it was conditional: it was done. */
  async #end(id: string, request: DeleteRequest) {
    const buried = await this.#bury(id, request);
    const confirmed = isRemembered(buried, request) ? this.#redisStore.confirm(id) : undefined;
    if (confirmed) await this.pending.watch(id, "deleted", confirmed);
    return buried;
  }

  /**
   * Deletes in Redis, then here. Without a tombstone there is nothing to remember, and a repetition could undo what others wrote in between.
   */
  async #bury(id: string, request: DeleteRequest): Promise<Buried> {
    const memory = this.#memories.of(id);
    const coordinator = request.tombstone === false ? undefined : memory.coordinator;
    try {
      const buried = await inOneHistory(coordinator, async (earlier?: Buried) => {
        const { deleted, registry } = await this.#redisStore.bury(id, request);
        return { deleted: earlier?.deleted ?? deleted, registry };
      });
      if (buried.deleted || request.expectedTag === undefined) coordinator?.forget(id);
      return buried;
    } catch (error) {
      this.#refused(id, error);
      throw error;
    } finally {
      memory.drop(id); // also if it failed: it may have been carried out
    }
  }
}

/** Ends something; once more, with what it answered before, if this node is not sure that it was the same history all the while. */
async function inOneHistory<R>(
  coordinator: PartitionCoordinator | undefined,
  end: (earlier?: R) => Promise<R>,
): Promise<R> {
  let outcome: R | undefined;
  for (let n = 0; ; n++) {
    const histories = coordinator?.histories;
    outcome = await end(outcome);
    if (coordinator?.histories === histories || n === MAX_BURIALS) return outcome;
  }
}
