import { PartitionMismatchError } from "../errors.js";
import { hashTags } from "./cluster-slots.js";
import { RedisCommands } from "./commands.js";
import type { RedisPort } from "./port.js";
import { PubSubTrial, type PubSubTrialOptions } from "./pubsub-trial.js";

export interface LayoutOptions extends PubSubTrialOptions {
  readonly prefix: string;
  readonly partitions: number;
}

/** How often it is recorded besides: so often that every master of most clusters has a copy. The number is one for all layouts. */
const COPIES = 8;

const ignore = () => {};

/**
 * The keys that say how the sessions under a prefix are split, all of them the same. They have no end. They do not depend on what they say, and
 * lie evenly among the slots: whatever shard is down, those who split otherwise meet at another one.
 */
export function layoutKeys(prefix: string): string[] {
  const key = `sessionmesh:layout:${prefix}`;
  return [key, ...hashTags(COPIES).map((tag) => `${key}{${tag}}`)];
}

/**
 * How a deployment has split its sessions, as it stands in Redis: who split them in another way would find none of them, and hear of nothing.
 * The first node writes it; every other one compares before its first command, and again with each subscription, since a record may
 * have been lost with a server.
 *
 * One record that says the same is enough to begin, so no shard that is down keeps the others from anything; one that says something else is
 * enough to refuse. To a node that was let in once, records that cannot be read say nothing. Nodes that begin at once, and find none,
 * have the first key that answers decide; the copies are written by those that have found or written one before.
 */
export class Layout {
  readonly #options: LayoutOptions;
  readonly #commands: RedisCommands;
  readonly #keys: readonly string[];
  readonly #text: string;
  readonly #trial: PubSubTrial;
  #checking: Promise<void> | undefined;
  #isConfirmed = false;
  /** Whether a record said something else: then one that says the same is not enough. */
  #isDisputed = false;

  constructor(options: LayoutOptions) {
    this.#options = options;
    this.#commands = new RedisCommands({ ...options, maxPending: 100 });
    this.#keys = layoutKeys(options.prefix);
    this.#text = `1 ${options.partitions} ${options.pubsub}`;
    this.#trial = new PubSubTrial(options);
  }

  /** A port of one partition that is used only if this node splits the sessions as all others do, and its changes can be told on the channel. */
  guard(port: RedisPort, channel: string | undefined): RedisPort {
    const track = port.track?.bind(port);
    const trial = new PubSubTrial({ ...this.#options, port, channel });
    const admitted = () => trial.publishing().then(() => this.#checkAgain());
    return {
      send: (command, isOver) => port.send(command, isOver),
      ...(port.publishCommand && { publishCommand: port.publishCommand }),
      ...(port.perMaster && { perMaster: port.perMaster.bind(port) }),
      ...(port.connect && { connect: port.connect.bind(port) }),
      ready: () =>
        this.#isConfirmed && trial.isPassed ? undefined : trial.publishing().then(() => this.check()),
      subscribe: (request) => admitted().then(() => trial.heard(port.subscribe(request))),
      ...(track && { track: (request) => admitted().then(() => trial.heard(track(request))) }),
    };
  }

  /** Rejects with a `PartitionMismatchError` if the sessions are split in another way. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** The same, but where nothing can be found out now, what was found out before counts. */
  async #checkAgain(): Promise<void> {
    await this.check().catch((error: unknown) => {
      if (!this.#isConfirmed) throw error;
    });
  }

  #check(): Promise<void> {
    const found = this.#keys.map((key) => this.#find(key));
    const decided = this.#decide(found);
    decided.catch(ignore); // who waits for it hears of it
    return this.#isDisputed ? decided : Promise.race([this.#first(found), decided]);
  }

  /** Ends with the first record that says something; never, if none does. */
  async #first(found: readonly Promise<boolean>[]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      for (const one of found) {
        one.then(
          (isThere) => isThere && resolve(),
          (error) => error instanceof PartitionMismatchError && reject(error),
        );
      }
    });
    if (!this.#isDisputed) this.#isConfirmed = true;
  }

  /** Ends when all have answered or failed, and writes what was missing. */
  async #decide(found: readonly Promise<boolean>[]): Promise<void> {
    const outcomes = await Promise.allSettled(found);
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    const mismatch = failures.find((error) => error instanceof PartitionMismatchError);
    this.#isDisputed = mismatch !== undefined;
    if (mismatch !== undefined) {
      this.#isConfirmed = false;
      throw mismatch;
    }
    if (failures.length === outcomes.length) throw failures[0];
    const missing = this.#keys.filter((_, n) => {
      const outcome = outcomes[n];
      return outcome?.status === "fulfilled" && !outcome.value;
    });
    const [first] = missing;
    if (first !== undefined && missing.length + failures.length === outcomes.length) {
      await this.#trial.subscribing(); // what is recorded holds for all
      await this.#write(first);
      await this.#find(first); // another node may have been faster
    }
    this.#isConfirmed = true;
    for (const key of missing) this.#write(key).catch(ignore); // the next check finds it missing
  }

  /** Whether a record is there. Rejects if it says something else, or cannot be read. */
  async #find(key: string): Promise<boolean> {
    const { partitions, pubsub } = this.#options;
    const recorded = await this.#commands.send(["GET", key]);
    if (recorded === null) return false;
    if (recorded !== this.#text)
      throw new PartitionMismatchError(key, String(recorded), { partitions, pubsub });
    return true;
  }

  async #write(key: string): Promise<void> {
    await this.#commands.send(["SETNX", key, this.#text]);
  }
}
