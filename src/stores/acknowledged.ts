import type { Clock } from "../clock.js";
import type { ClusterCoordinator, RevocationRequest } from "../cluster/coordinator.js";
import type { Registry } from "../redis/session-table.js";
import { revoke } from "./revoking.js";
import type { Revocation, RevokeOptions } from "./store.js";

/** What a revocation that nodes acknowledge consists of. */
export interface AcknowledgedSteps {
  /** Deletes. Each deletion asks for acknowledgements of its own: a node may have heard of one and not of the other. */
  bury(
    ask: () => RevocationRequest,
  ): Promise<readonly { acknowledge: RevocationRequest; registry: Registry }[]>;
  /** Deletes once more; whether there was something to delete. */
  wasBack(): Promise<boolean>;
}

/** Revokes, and resolves when every node has acknowledged each deletion, or cannot answer any more with what was deleted. */
export function revokeAcknowledged(
  coordinator: ClusterCoordinator,
  clock: Clock,
  options: RevokeOptions,
  { bury, wasBack }: AcknowledgedSteps,
): Promise<Revocation> {
  return revoke(options, clock, {
    attempt: async (limit, deleted) => {
      const requests = new Requests(coordinator);
      try {
        const buried = await limit.bound(
          bury(() => requests.open()),
          { deleted },
        );
        const waits = buried.map(({ acknowledge, registry }) =>
          coordinator.acknowledged(acknowledge, registry),
        );
        const outcomes = await limit.bound(Promise.all(waits), { deleted: true });
        return {
          acknowledged: outcomes.every(({ acknowledged }) => acknowledged),
          nodes: Math.max(...outcomes.map(({ nodes }) => nodes)),
        };
      } finally {
        requests.close();
      }
    },
    wasBack,
  });
}

/** The requests of one attempt. */
class Requests {
  readonly #coordinator: ClusterCoordinator;
  readonly #open: RevocationRequest[] = [];
  #closed = false;

  constructor(coordinator: ClusterCoordinator) {
    this.#coordinator = coordinator;
  }

  /** A new one. After the end nobody waits for it any more, but what was begun is carried out. */
  open(): RevocationRequest {
    const request = this.#coordinator.newRequest();
    if (this.#closed) request.close();
    else this.#open.push(request);
    return request;
  }

  close(): void {
    this.#closed = true;
    for (const request of this.#open) request.close();
  }
}
