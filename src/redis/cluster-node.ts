import { systemClock } from "../clock.js";
import type {
  Connection,
  PubSubMode,
  RedisPort,
  Subscription,
  SubscriptionRequest,
  TrackedSubscription,
  TrackingRequest,
} from "./port.js";

/** Why a subscription ends whose slot another node has now. */
export const SLOT_MOVED = "the slot has moved to another node";

/** For how long a node may leave commands without any reply until it is doubted whether it is still the master. */
const SILENCE_MS = 1_000;

/** A port of one node, for both kinds of channels. */
export interface NodePort extends RedisPort {
  subscribe(request: SubscriptionRequest, mode?: PubSubMode): Promise<Subscription>;
  track?(request: TrackingRequest, mode?: PubSubMode): Promise<TrackedSubscription>;
  connect(signal: AbortSignal): Promise<Connection>;
}

/** A node of a Redis Cluster, over one client; with a look at whether it answers. */
export class ClusterNode {
  /** Its host and port, as the cluster has them. */
  readonly address: string;
  readonly port: NodePort;
  #pending = 0;
  /** When it answered last, or was asked first after it had answered everything. */
  #sinceMs = 0;

  constructor(address: string, port: NodePort) {
    this.address = address;
    this.port = port;
  }

  /** Whether it owes replies for so long that it may stand still. */
  get isSilent(): boolean {
    return this.#pending > 0 && systemClock.now() - this.#sinceMs > SILENCE_MS;
  }

  /** A command is sent. */
  asked(): void {
    if (this.#pending++ === 0) this.#sinceMs = systemClock.now();
  }

  /** A command is over. */
  answered(): void {
    this.#pending--;
    this.#sinceMs = systemClock.now();
  }
}

/** What is asked of a client of Redis Cluster about the nodes that it knows. */
export interface ClusterNodes {
  /** Whether the client was closed, or never connected. */
  readonly isClosed: boolean;
  /** Whether the ports of its nodes can `track`. */
  readonly canTrack: boolean;
  /** The master of a slot according to the client's table, if a command can be sent to it at once; begins to connect it otherwise. */
  master(slot: number): ClusterNode | undefined;
  /** The node that the cluster calls by this address, likewise. */
  at(address: string): ClusterNode | undefined;
  /** Has the client ask the cluster for its table. May take long, and may fail. */
  refresh(): Promise<unknown>;
}
