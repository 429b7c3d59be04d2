import type { Clock } from "../clock.js";
import { PartitionMismatchError } from "../errors.js";
import { RedisCommands } from "./commands.js";
import type { PubSubMode, RedisPort } from "./port.js";

export interface LayoutOptions {
  readonly port: RedisPort;
  readonly prefix: string;
  readonly partitions: number;
  readonly pubsub: PubSubMode;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** The key that says how the sessions under a prefix are split. It has no end. */
export function layoutKey(prefix: string): string {
  return `sessionmesh:layout:${prefix}`;
}

/**
 * How a deployment has split its sessions, as it stands in Redis: who split them in another way would find none of them, and hear of nothing.
 * The first node writes it; every other one compares before its first command, and again with each subscription, since the record may
 * have been lost with a server.
 */
export class Layout {
  readonly #options: LayoutOptions;
  readonly #commands: RedisCommands;
  readonly #text: string;
  #checking: Promise<void> | undefined;
  #isConfirmed = false;

  constructor(options: LayoutOptions) {
    this.#options = options;
    this.#commands = new RedisCommands({ ...options, maxPending: 100 });
    this.#text = `1 ${options.partitions} ${options.pubsub}`;
  }

  /** A port of one partition that is used only if this node splits the sessions as all others do. */
  guard(port: RedisPort): RedisPort {
    const track = port.track?.bind(port);
    return {
      send: (command) => port.send(command),
      ...(port.publishCommand && { publishCommand: port.publishCommand }),
      ...(port.connect && { connect: port.connect.bind(port) }),
      ready: () => (this.#isConfirmed ? undefined : this.check()),
      subscribe: async (request) => {
        await this.check();
        return port.subscribe(request);
      },
      ...(track && { track: (request) => this.check().then(() => track(request)) }),
    };
  }

  /** Rejects with a `PartitionMismatchError` if the sessions are split in another way. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { prefix, partitions, pubsub } = this.#options;
    const recorded = (await this.#read()) ?? (await this.#record());
    if (recorded === this.#text) {
      this.#isConfirmed = true;
      return;
    }
    this.#isConfirmed = false;
    throw new PartitionMismatchError(layoutKey(prefix), recorded, { partitions, pubsub });
  }

  async #read(): Promise<string | null> {
    return (await this.#commands.send(["GET", layoutKey(this.#options.prefix)])) as string | null;
  }

  async #record(): Promise<string> {
    await this.#commands.send(["SETNX", layoutKey(this.#options.prefix), this.#text]);
    return String(await this.#read());
  }
}
