import type { Command, Reply } from "../../redis/port.js";
import type { SimulatedRedis } from "../simulated-redis.js";
import type { WorldLog } from "./log.js";
import type { SeededRandom } from "./random.js";
import { Process, type Scheduler } from "./scheduler.js";
import { ServerQueue, type ServiceTimes } from "./server-queue.js";
import { type Delays, Wire } from "./wire.js";

/** What a node uses a connection for. */
export type ConnectionKind = "commands" | "subscription";
/** Which way data flows. */
export type Way = "toServer" | "toNode";
export const BOTH_WAYS: readonly Way[] = ["toServer", "toNode"];

/** What the network does of its own accord. */
export interface NetworkOptions extends Delays, ServiceTimes {
  /** How many messages a subscription may be behind before the server drops it. */
  readonly maxUndelivered: number;
}

/** What everything in a simulated world shares. */
export interface WorldContext {
  readonly scheduler: Scheduler;
  readonly random: SeededRandom;
  readonly log: WorldLog;
  readonly network: NetworkOptions;
  /** Told of each command that the server has carried out. */
  readonly onCommand?: ((command: Command) => void) | undefined;
  /** Told of each message that the server sends to one subscriber. */
  readonly onMessage?: (() => void) | undefined;
}

/** The address at which nodes find the server: which one that is changes in a failover. */
export class ServerAddress {
  readonly process = new Process("server");
  readonly connections = new Set<Connection>();
  /** What waits for the server. */
  readonly queue: ServerQueue;
  /** The server that new connections reach. */
  server: SimulatedRedis;
  /** How many faults refuse new connections at present. */
  outages = 0;

  constructor(server: SimulatedRedis, { scheduler, network }: WorldContext) {
    this.server = server;
    this.queue = new ServerQueue(scheduler, this.process, network);
  }
}

/** Called on the side of the node, when it hears of it. */
export interface ConnectionEvents {
  onOpen(): void;
  /** It is lost, or could not be opened; nothing comes after this. */
  onLost(reason: string): void;
}

/** One socket between a node and the server that was at the address when it was opened. */
export class Connection {
  readonly kind: ConnectionKind;
  readonly process: Process;
  readonly #world: WorldContext;
  readonly #address: ServerAddress;
  readonly #events: ConnectionEvents;
  readonly #wires: Readonly<Record<Way, Wire>>;
  /** The server's end. */
  #server: SimulatedRedis | undefined;
  #unsubscribe: (() => void) | undefined;
  #tracker: Parameters<SimulatedRedis["execute"]>[1];
  #isOpen = true;
  #messagesToLose = 0;

  constructor(
    world: WorldContext,
    address: ServerAddress,
    { kind, process, events }: { kind: ConnectionKind; process: Process; events: ConnectionEvents },
  ) {
    const { scheduler, random, network } = world;
    this.kind = kind;
    this.process = process;
    this.#world = world;
    this.#address = address;
    this.#events = events;
    this.#wires = {
      toServer: new Wire(scheduler, random, network, address.process),
      toNode: new Wire(scheduler, random, network, process),
    };
  }

  /** The server that it reaches, while it does. */
  get server(): SimulatedRedis | undefined {
    return this.#server;
  }

  open(): void {
    this.#wires.toServer.send(() => {
      const { outages, server, connections } = this.#address;
      if (outages > 0) {
        this.#wires.toNode.send(() => this.#lost("connection refused"));
        return;
      }
      this.#server = server;
      connections.add(this);
      this.#wires.toNode.send(() => this.#events.onOpen());
    });
  }

  /** Sends a command; one that is lost with the connection is answered by nobody. */
  send(command: Command, onReply: (reply: Reply | Error) => void): void {
    this.#wires.toServer.send(() => this.#address.queue.add(() => this.#execute(command, onReply)));
  }

  /** Subscribes; `onDone` is called once the server confirmed it. */
  subscribe(channels: readonly string[], onDone: () => void, onMessage: (message: string) => void): void {
    this.#wires.toServer.send(() => {
      const server = this.#server;
      if (server === undefined) return;
      this.#unsubscribe = server.subscribe(channels, (message) => this.#push(message, onMessage));
      this.#note("server", `${this.process.name} is subscribed`);
      this.#wires.toNode.send(onDone);
    });
  }

  /** From now on the node is told when what it reads by this connection changes; without a key: all of it may have. */
  track(onInvalidated: (key: string | undefined) => void): void {
    this.#wires.toServer.send(() => {
      this.#tracker = {
        onInvalidated: (key) => {
          this.#deliver(`that ${key ?? "everything"} is outdated`, () => onInvalidated(key));
        },
      };
    });
  }

  /** The node closes it: it hears nothing any more at once, and the server learns it later. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#wires.toNode.cut();
    this.#wires.toServer.send(() => this.#forget());
  }

  /**
   * It breaks. `delivered`: what the server had sent still arrives, as with a server that closes it; otherwise all that is under way is
   * lost, as when the network resets it.
   */
  break(reason: string, { delivered = false } = {}): void {
    this.#forget();
    this.#wires.toServer.cut();
    if (delivered) this.#wires.toNode.send(() => this.#lost(reason));
    else {
      this.#wires.toNode.cut();
      const { scheduler } = this.#world;
      scheduler.delivery(this.process, scheduler.nowMs, () => this.#lost(reason));
    }
  }

  /** Nothing gets through any more these ways, and nobody notices. */
  halfOpen(ways: readonly Way[]): void {
    for (const way of ways) this.#wires[way].cut();
  }

  stall(ways: readonly Way[]): void {
    for (const way of ways) this.#wires[way].stall();
  }

  release(ways: readonly Way[]): void {
    for (const way of ways) this.#wires[way].release();
  }

  /** The next messages vanish, and nobody notices. */
  loseMessages(count: number): void {
    this.#messagesToLose += count;
  }

  #execute(command: Command, onReply: (reply: Reply | Error) => void): void {
    const server = this.#server;
    if (server === undefined) return;
    const { log, onCommand } = this.#world;
    const { queue } = this.#address;
    queue.spendCommand(command[0].startsWith("EVAL") ? Number(command[2]) : 0);
    const reply = execute(server, command, this.#tracker);
    onCommand?.(command);
    this.#note("server", () => {
      const told = reply instanceof Error ? reply.message : log.reply(reply);
      return `${this.process.name}: ${log.command(command)} → ${told}`;
    });
    this.#wires.toNode.send(() => onReply(reply), queue.spentMs);
  }

  /** The server's end is gone. */
  #forget(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    if (this.#tracker !== undefined) this.#server?.forget(this.#tracker);
    this.#server = undefined;
    this.#address.connections.delete(this);
  }

  #push(message: string, onMessage: (message: string) => void): void {
    const { log } = this.#world;
    if (this.#messagesToLose > 0) {
      this.#messagesToLose--;
      this.#note("world", () => `${this.process.name} never hears ${log.message(message)}`);
      return;
    }
    this.#deliver(
      () => log.message(message),
      () => onMessage(message),
    );
  }

  /** Sends what was not asked for. */
  #deliver(what: string | (() => string), hear: () => void): void {
    const { network } = this.#world;
    const toNode = this.#wires.toNode;
    if (toNode.underWay >= network.maxUndelivered) {
      this.#note("server", `drops the subscription of ${this.process.name}, which is too slow`);
      this.break("the server closed it", { delivered: true });
      return;
    }
    this.#address.queue.spendMessage();
    this.#world.onMessage?.();
    toNode.send(() => {
      this.#note(this.process.name, () => `hears ${typeof what === "string" ? what : what()}`);
      hear();
    }, this.#address.queue.spentMs);
  }

  #lost(reason: string): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#note(this.process.name, `loses its ${this.kind}: ${reason}`);
    this.#events.onLost(reason);
  }

  #note(where: string, what: string | (() => string)): void {
    this.#world.log.note(this.#world.scheduler.nowMs, where, what);
  }
}

function execute(server: SimulatedRedis, ...asked: Parameters<SimulatedRedis["execute"]>): Reply | Error {
  try {
    return server.execute(...asked);
  } catch (error) {
    return error as Error;
  }
}
