import type { Clock } from "../clock.js";
import type { PartitionCoordinator, RevocationRequest } from "../cluster/partition-coordinator.js";
import type { Registry } from "../redis/session-table.js";
import { revoke } from "./revoking.js";
import type { Revocation, RevokeOptions } from "./store.js";

/** What a revocation that nodes acknowledge consists of. */
export interface AcknowledgedSteps {
  /** Deletes. Each deletion asks for acknowledgements of its own: a node may have heard of one and not of the other. */
  bury(
    ask: (coordinator: PartitionCoordinator) => RevocationRequest,
  ): Promise<readonly { acknowledge: RevocationRequest; registry: Registry }[]>;
  /** Deletes once more; whether there was something to delete. */
  wasBack(): Promise<boolean>;
  /** Waits until enough replicas have the deletion; `undefined` if they are not waited for. */
  confirm(): Promise<unknown> | undefined;
}

/** Revokes, and resolves when every node has acknowledged each deletion, or cannot answer any more with what was deleted. */
export function revokeAcknowledged(
  clock: Clock,
  options: RevokeOptions,
  { bury, ...rest }: AcknowledgedSteps,
): Promise<Revocation> {
  return revoke(options, clock, {
    attempt: async (limit, deleted) => {
      const requests = new Requests();
      try {
        const buried = await limit.bound(
          bury((coordinator) => requests.open(coordinator)),
          { deleted },
        );
        const waits = buried.map(({ acknowledge, registry }) => acknowledge.acknowledged(registry));
        const outcomes = await limit.bound(Promise.all(waits), { deleted: true });
        return {
          acknowledged: outcomes.every(({ acknowledged }) => acknowledged),
          nodes: Math.max(...outcomes.map(({ nodes }) => nodes)),
        };
      } finally {
        requests.close();
      }
    },
    ...rest,
  });
}

/** The requests of one attempt. */
class Requests {
  readonly #open: RevocationRequest[] = [];
  #closed = false;

  /** A new one. After the end nobody waits for it any more, but what was begun is carried out. */
  open(coordinator: PartitionCoordinator): RevocationRequest {
    const request = coordinator.newRequest();
    if (this.#closed) request.close();
    else this.#open.push(request);
    return request;
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#open) request.close();
  }
}
