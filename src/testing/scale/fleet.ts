import { DEFAULT_PREFIX } from "../../options.js";
import { newTag } from "../../session/record.js";
import { ClusteredRedisStore } from "../../stores/clustered-redis-store.js";
import type { SimulatedRedis } from "../simulated-redis.js";
import type { WorldNode } from "../simulation/node.js";
import { WALL_START_MS } from "../simulation/node-clock.js";
import type { SimulatedWorld } from "../simulation/world.js";
import type { Meter } from "./meter.js";
import type { ScaleLoad } from "./options.js";
import type { Staleness } from "./staleness.js";

/** What a session holds: the smallest that can change. */
interface Counter {
  readonly n: number;
}

/** Where a fleet runs, what it has to do, and who watches it. */
export interface FleetOptions {
  readonly world: SimulatedWorld;
  readonly load: ScaleLoad;
  readonly meter: Meter;
  readonly staleness: Staleness;
  readonly maxConcurrentLoads: number;
}

interface Member {
  readonly node: WorldNode;
  readonly store: ClusteredRedisStore<Counter>;
}

/** Enough for all that a node reads in a run; the default would take memory for 10,000 on each of thousands of nodes. */
const MAX_ENTRIES = 2_000;
const LIFE_MS = 86_400_000;

/** Many nodes, and their users. */
export class Fleet {
  readonly #world: SimulatedWorld;
  readonly #load: ScaleLoad;
  readonly #meter: Meter;
  readonly #staleness: Staleness;
  readonly #maxConcurrentLoads: number;
  readonly #members: Member[];
  #started = 0;

  constructor({ world, load, meter, staleness, maxConcurrentLoads }: FleetOptions) {
    this.#world = world;
    this.#load = load;
    this.#meter = meter;
    this.#staleness = staleness;
    this.#maxConcurrentLoads = maxConcurrentLoads;
    this.#members = Array.from({ length: load.nodes }, () => this.#member());
  }

  /** All nodes at the same moment, as after a power cut. */
  start(): void {
    for (const member of this.#members) this.#start(member);
  }

  /** Ends the process of a node and starts another in its place. */
  async replace(index: number): Promise<void> {
    const { node, store } = this.#members[index] as Member;
    const successor = this.#member();
    this.#members[index] = successor;
    this.#start(successor);
    await store.close();
    this.#world.fault({ kind: "crash", node });
  }

  /** One request for the session of this rank. */
  async serve(rank: number, change: boolean): Promise<void> {
    const id = `s${rank}`;
    const { store } = this.#route(rank);
    const startedAtMs = this.#world.nowMs;
    this.#seed(this.#world.server, id);
    const sample = this.#meter.at(startedAtMs);
    sample.requests++;
    if (store.peek(id) !== undefined) sample.hits++;
    try {
      const session = await store.get(id);
      const nowMs = this.#world.nowMs;
      if (this.#meter.isOn(startedAtMs)) {
        this.#meter.readsMs.push(nowMs - startedAtMs);
        if (session !== undefined) this.#staleness.answered(session.revision, nowMs);
      }
      if (change && session !== undefined) await store.set(id, { n: session.data.n + 1 });
    } catch {
      this.#meter.at(this.#world.nowMs).failed++;
    }
  }

  /** The first node revokes the session of this rank. */
  async revoke(rank: number): Promise<void> {
    const { store } = this.#members[0] as Member;
    const startedAtMs = this.#world.nowMs;
    try {
      const { acknowledged } = await store.revoke(`s${rank}`);
      this.#meter.revocationsMs.push(this.#world.nowMs - startedAtMs);
      if (acknowledged) this.#meter.acknowledged++;
    } catch {
      this.#meter.at(this.#world.nowMs).failed++;
    }
  }

  #member(): Member {
    const { maxStalenessMs, cacheTtlMs } = this.#load;
    const node = this.#world.node(`n${this.#started++}`);
    const store = new ClusteredRedisStore<Counter>({
      client: node.port,
      clock: node.clock,
      cluster: { nodeId: node.name, maxStalenessMs },
      localCache: { ttlMs: cacheTtlMs, maxEntries: MAX_ENTRIES },
      maxConcurrentLoads: this.#maxConcurrentLoads,
    });
    return { node, store };
  }

  #start({ store }: Member): void {
    store.start().catch(() => {}); // it goes on trying
  }

  #route(rank: number): Member {
    const { routing, nodes } = this.#load;
    const index = routing === "sticky" ? (rank * 2_654_435_761) % nodes : this.#world.random.below(nodes);
    return this.#members[index] as Member;
  }

  /** The session was there all the time; it takes memory only from when somebody asks for it. */
  #seed(server: SimulatedRedis, id: string): void {
    const key = DEFAULT_PREFIX + id;
    if (server.readOnly || server.execute(["EXISTS", key]) === 1) return;
    const tag = newTag();
    const life = String(LIFE_MS).padStart(13, "0");
    const [created, expires] = [WALL_START_MS, WALL_START_MS + LIFE_MS];
    const record = `L1${tag}${created}${expires}${life}${"0".repeat(13 + 8 + 4)}{"n":0}`;
    server.execute(["SET", key, record, "PX", String(LIFE_MS)]);
    this.#staleness.seeded(key, tag);
  }
}
