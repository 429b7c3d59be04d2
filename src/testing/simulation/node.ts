import type { ServerAddress, WorldContext } from "./connection.js";
import { NodeClock } from "./node-clock.js";
import { type ClientOptions, NodePort } from "./node-port.js";
import { Process } from "./scheduler.js";

/** A process of the application in a simulated world. What it does, it does with this clock and this port. */
export class WorldNode {
  readonly name: string;
  /** For `clock` of a store. */
  readonly clock: NodeClock;
  /** For `client` of a store. */
  readonly port: NodePort;
  readonly process: Process;
  readonly #world: WorldContext;

  constructor(world: WorldContext, address: ServerAddress, name: string, options: ClientOptions) {
    const random = world.random.fork(name);
    this.name = name;
    this.process = new Process(name);
    this.clock = new NodeClock(world.scheduler, this.process, random.fork("clock"));
    const own = { ...world, random: random.fork("network") };
    this.port = new NodePort(own, address, this.process, options);
    this.#world = world;
  }

  /** Does something in this process, as soon as it is not paused. Pending for ever if the process ends before. */
  perform<T>(task: () => T | Promise<T>): Promise<T> {
    const { scheduler } = this.#world;
    return new Promise((resolve, reject) => {
      scheduler.delivery(this.process, scheduler.nowMs, () => {
        Promise.resolve().then(task).then(resolve, reject);
      });
    });
  }

  /** Notes something in the log of the world. */
  note(what: string): void {
    this.#world.log.note(this.#world.scheduler.nowMs, this.name, what);
  }

  /** So that a fault reads well in the log. */
  toJSON(): string {
    return this.name;
  }
}
