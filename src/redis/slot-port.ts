import { type NodePort, SLOT_MOVED } from "./cluster-node.js";
import type { ClusterRouter } from "./cluster-router.js";
import { keyOf, slotOf } from "./cluster-slots.js";
import type {
  Command,
  Connection,
  IsOver,
  PubSubMode,
  RedisPort,
  Reply,
  Subscription,
  SubscriptionRequest,
  TrackedSubscription,
  TrackingRequest,
} from "./port.js";

/** A subscription, and the node that it is at. */
interface Watched {
  readonly address: string;
  readonly lost: (reason: string) => void;
}

/** Some slots and their master, of what `CLUSTER SLOTS` says. */
type SlotRange = readonly [
  first: number,
  last: number,
  master: readonly [host: string, port: number, id: string],
];

/** What shares a slot of a Redis Cluster, as a `RedisPort`. */
export class SlotPort implements RedisPort {
  readonly publishCommand: "PUBLISH" | "SPUBLISH";
  readonly track?: (request: TrackingRequest) => Promise<TrackedSubscription>;
  readonly #router: ClusterRouter;
  readonly #slot: number;
  readonly #mode: PubSubMode;
  readonly #subscriptions = new Set<Watched>();
  #absentKey: string | undefined;

  constructor(router: ClusterRouter, slot: number, mode: PubSubMode) {
    this.#router = router;
    this.#slot = slot;
    this.#mode = mode;
    this.publishCommand = mode === "sharded" ? "SPUBLISH" : "PUBLISH";
    if (router.canTrack) this.track = (request) => this.#track(request);
  }

  send(command: Command, isOver?: IsOver): Promise<Reply> {
    this.#requireInPlace();
    if (command[0] === "SCAN") return this.#scan(command);
    const key = keyOf(command);
    return this.#router.send(key === undefined ? this.#slot : slotOf(key), command, isOver);
  }

  async subscribe(request: SubscriptionRequest): Promise<Subscription> {
    const open = (port: NodePort, request: SubscriptionRequest) => port.subscribe(request, this.#mode);
    const { close } = await this.#watch(request, open);
    return { close };
  }

  /** Assigned if the nodes can. A read that finds the slot gone ends the subscription, and asks its new master then. */
  async #track(request: TrackingRequest): Promise<TrackedSubscription> {
    const open = (port: NodePort, { onClose }: SubscriptionRequest) =>
      (port.track as NonNullable<NodePort["track"]>)({ ...request, onClose }, this.#mode);
    const { subscription, isLost, lost, close } = await this.#watch(request, open);
    const send = async (command: Command) => {
      this.#requireInPlace();
      if (isLost()) return this.send(command);
      return subscription.send(command).catch((error: Error) => {
        if (isRedirection(error)) lost(SLOT_MOVED);
        if (isLost()) return this.send(command);
        throw error;
      });
    };
    return { send, close };
  }

  async #watch<S extends Subscription>(
    request: SubscriptionRequest,
    open: (port: NodePort, request: SubscriptionRequest) => Promise<S>,
  ) {
    const router = this.#router;
    request.signal.throwIfAborted();
    const node = router.ready(this.#slot) ?? (await router.find(this.#slot));
    let subscription: S | undefined;
    const lost = (reason: string) => {
      if (!this.#subscriptions.delete(watched)) return;
      subscription?.close();
      router.doubt();
      request.onClose(reason);
    };
    const watched: Watched = { address: node.address, lost };
    const isLost = () => !this.#subscriptions.has(watched);
    const close = () => {
      this.#subscriptions.delete(watched);
      subscription?.close();
    };
    this.#subscriptions.add(watched);
    try {
      subscription = await open(node.port, { ...request, onClose: lost });
    } catch (error) {
      this.#subscriptions.delete(watched);
      router.doubt();
      throw error;
    }
    if (isLost()) subscription.close(); // lost meanwhile, which was told
    return { subscription, isLost, lost, close };
  }

  /** To the master of the slot. A command that finds the slot gone is refused, and the next connection is to the new master. */
  async connect(signal: AbortSignal): Promise<Connection> {
    const router = this.#router;
    const doubted = (error: Error) => {
      router.doubt();
      throw error;
    };
    const node = router.ready(this.#slot) ?? (await router.find(this.#slot));
    const connection = await node.port.connect(signal).catch(doubted);
    return {
      send: (command) => connection.send(command).catch(doubted),
      close: () => connection.close(),
    };
  }

  async perMaster(): Promise<ReadonlyMap<string, RedisPort>> {
    const slots = new Map<string, string[]>();
    for (const [first, last, [, , id]] of (await this.send(["CLUSTER", "SLOTS"])) as SlotRange[]) {
      slots.set(id, [...(slots.get(id) ?? []), `${first}-${last}`]);
    }
    const named = Array.from(slots, ([id, ranges]): [string, RedisPort] => {
      const slot = Number.parseInt(ranges[0] as string, 10);
      return [`${id} ${ranges.sort()}`, new SlotPort(this.#router, slot, this.#mode)];
    });
    return new Map(named);
  }

  /** A subscription at a node that is no more the master hears what another one publishes late, or not at all. */
  #requireInPlace(): void {
    if (this.#subscriptions.size === 0) return;
    const master = this.#router.ready(this.#slot);
    if (master === undefined) return;
    for (const { address, lost } of this.#subscriptions) if (address !== master.address) lost(SLOT_MOVED);
  }

  /**
   * A cursor means something to the node alone that gave it, so it is handed out with the node's address. The node may have lost the
   * slot already, or some of its keys to the one that takes it over: it says so when it is asked for a key that is not there.
   */
  async #scan([name, cursor = "0", ...options]: Command): Promise<Reply> {
    const node = this.#router.ready(this.#slot) ?? (await this.#router.find(this.#slot));
    const [begin, address = node.address] = cursor.split("@") as [string, string?];
    if (address !== node.address) throw this.#scanMoved();
    this.#absentKey ??= absentKeyOf(this.#slot);
    const [reply] = await Promise.all([
      this.#router.sendTo(node, this.#slot, [name, begin, ...options]),
      node.port.send(["EXISTS", this.#absentKey]).catch((error: Error) => {
        this.#router.doubt();
        throw isRedirection(error) ? this.#scanMoved() : error;
      }),
    ]);
    const [next, keys] = reply as [string, Reply];
    return [String(next) === "0" ? "0" : `${next}@${address}`, keys];
  }

  #scanMoved(): Error {
    return new Error(`SLOTMOVED slot ${this.#slot} is going to another node; the scan must begin anew`);
  }
}

/** Whether a node says that another one has the slot. */
function isRedirection({ message }: Error): boolean {
  return /^(MOVED|ASK) /.test(message);
}

/** A key of a slot that nobody will have written. */
function absentKeyOf(slot: number): string {
  for (let n = 0; ; n++) {
    const key = `sessionmesh:absent:{${n}}`;
    if (slotOf(key) === slot) return key;
  }
}
