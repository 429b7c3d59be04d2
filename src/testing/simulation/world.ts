import { setImmediate as nextTurn } from "node:timers/promises";
import type { Command } from "../../redis/port.js";
import type { SimulatedRedis } from "../simulated-redis.js";
import { type NetworkOptions, ServerAddress, type WorldContext } from "./connection.js";
import { type Fault, inject, newServer } from "./faults.js";
import { WorldLog } from "./log.js";
import { WorldNode } from "./node.js";
import type { ClientOptions } from "./node-port.js";
import { SeededRandom } from "./random.js";
import { Scheduler } from "./scheduler.js";

/** From what a simulated world follows. */
export interface SimulatedWorldOptions {
  /** The same seed, and the same things done in it: the same run. */
  readonly seed: number | string;
  /**
   * How the network and the server behave without a fault. Default: delays of 0.2 ms, at times up to 20 ms, 1,000 messages to a slow
   * subscriber, and a server that takes no time.
   */
  readonly network?: Partial<NetworkOptions>;
  /** How many entries the log keeps at least; 0: there is no log. Default 10,000. */
  readonly logLimit?: number;
  /** Told of each command that the server has carried out. Default: nobody. */
  readonly onCommand?: (command: Command) => void;
  /** Told of each message that the server sends to one subscriber. Default: nobody. */
  readonly onMessage?: () => void;
}

const DEFAULT_NETWORK: NetworkOptions = {
  minDelayMs: 0.2,
  maxDelayMs: 20,
  maxUndelivered: 1_000,
  commandMs: 0,
  keyMs: 0,
  messageMs: 0,
};
const DEFAULT_LOG_LIMIT = 10_000;
/** How long `settle()` waits, by the time of the world. */
const DEFAULT_PATIENCE_MS = 60_000;

/**
 * Nodes, a server and the network between them, in which a seed determines what happens when: nothing takes real time, and nothing is left
 * to chance. What runs in it must take its time from `node.clock` and reach Redis through `node.port`.
 *
 * @example
 * const world = new SimulatedWorld({ seed: 1 });
 * const node = world.node("a");
 * const store = new ClusteredRedisStore({ client: node.port, clock: node.clock, cluster: { nodeId: "a" } });
 * await world.settle(node.perform(() => store.start()));
 * world.fault({ kind: "restart", data: "lost", downMs: 500 });
 * await world.run(world.nowMs + 5_000);
 */
export class SimulatedWorld {
  readonly log: WorldLog;
  /** For whoever decides what is done in this world: a stream of its own. */
  readonly random: SeededRandom;
  readonly #context: WorldContext;
  readonly #address: ServerAddress;
  readonly #nodes = new Map<string, WorldNode>();
  #isRunning = false;

  constructor({ seed, network, logLimit = DEFAULT_LOG_LIMIT, onCommand, onMessage }: SimulatedWorldOptions) {
    const random = new SeededRandom(String(seed));
    this.log = new WorldLog(logLimit);
    this.random = random.fork("world");
    this.#context = {
      scheduler: new Scheduler(random.fork("scheduler")),
      random: random.fork("server"),
      log: this.log,
      network: { ...DEFAULT_NETWORK, ...network },
      onCommand,
      onMessage,
    };
    this.#address = new ServerAddress(newServer(this.#context), this.#context);
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#context.scheduler.nowMs;
  }

  /** The server that new connections reach, for a look into its data. */
  get server(): SimulatedRedis {
    return this.#address.server;
  }

  /** How many commands wait for the server, besides the one that it is busy with. */
  get queueLength(): number {
    return this.#address.queue.length;
  }

  get nodes(): readonly WorldNode[] {
    return [...this.#nodes.values()];
  }

  /** Starts another process. By default its client rejects what was not answered when its connection was lost. */
  node(name: string, { resendsUnanswered = false }: Partial<ClientOptions> = {}): WorldNode {
    if (this.#nodes.has(name)) throw new Error(`There is a node named "${name}" already`);
    const node = new WorldNode(this.#context, this.#address, name, { resendsUnanswered });
    this.#nodes.set(name, node);
    return node;
  }

  /** Lets something go wrong now. */
  fault(fault: Fault): void {
    this.log.note(this.nowMs, "world", `fault: ${JSON.stringify(fault)}`);
    inject(this.#context, this.#address, fault);
  }

  /** Plans something for a moment of the world. */
  at(dueMs: number, run: () => void): void {
    this.#context.scheduler.at(dueMs, run);
  }

  /** Lets happen what happens until then. */
  run(untilMs: number): Promise<void> {
    return this.#exclusively(async () => {
      await nextTurn();
      while (await this.#step(untilMs));
    });
  }

  /** Lets happen what happens until this is settled, and gives its outcome. Throws if it is not, after so many milliseconds of the world. */
  settle<T>(promise: Promise<T>, withinMs = DEFAULT_PATIENCE_MS): Promise<T> {
    return this.#exclusively(async () => {
      let isSettled = false;
      const settled = () => {
        isSettled = true;
      };
      promise.then(settled, settled);
      const untilMs = this.nowMs + withinMs;
      await nextTurn();
      while (!isSettled) {
        if (await this.#step(untilMs)) continue;
        throw new Error(`Not settled within ${withinMs} ms of the world`);
      }
      return promise;
    });
  }

  async #exclusively<T>(task: () => Promise<T>): Promise<T> {
    if (this.#isRunning) throw new Error("The world is running already: there is one time for all");
    this.#isRunning = true;
    try {
      return await task();
    } finally {
      this.#isRunning = false;
    }
  }

  /** One thing happens, and all that follows from it at once: a turn of the real event loop ends when no promise is left to go on. */
  async #step(untilMs: number): Promise<boolean> {
    const happened = this.#context.scheduler.step(untilMs);
    if (happened) await nextTurn();
    return happened;
  }
}
