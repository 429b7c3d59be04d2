import type { ClusterNodes } from "./cluster-node.js";
import { ClusterRouter } from "./cluster-router.js";
import type { PubSubMode, RedisClusterPort, RedisPort } from "./port.js";
import { SlotPort } from "./slot-port.js";

/** A client of Redis Cluster as a `RedisClusterPort`: a command goes through the client that it has of the node. */
export class ClusterPort implements RedisClusterPort {
  readonly #router: ClusterRouter;

  constructor(nodes: ClusterNodes) {
    this.#router = new ClusterRouter(nodes);
  }

  slot(slot: number, mode: PubSubMode): RedisPort {
    return new SlotPort(this.#router, slot, mode);
  }
}
