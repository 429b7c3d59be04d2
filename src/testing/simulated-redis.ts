import type { Clock } from "../clock.js";
import type { Command, Reply } from "../redis/port.js";
import { COMMANDS, type CommandContext } from "./simulated-redis/commands.js";
import { Keyspace, type RedisSnapshot, ReplyError } from "./simulated-redis/keyspace.js";
import { DIGESTS, SCRIPTS } from "./simulated-redis/scripts.js";

/** What time it is on a simulated server, and whose history its data has. */
export interface SimulatedRedisOptions {
  /** By its wall clock keys expire. */
  readonly clock: Pick<Clock, "wallNow">;
  /** The `master_replid` that it begins with: 40 hexadecimal digits. Default: some. */
  readonly replid?: string;
}

interface Subscriber {
  readonly onMessage: (message: string, channel: string) => void;
}

/** A connection with CLIENT TRACKING on, in its default mode. */
interface Tracker {
  /** What was read of a key by this connection is outdated; without a key: of any. */
  readonly onInvalidated: (key: string | undefined) => void;
}

const SOME_REPLID = "5e551011".repeat(5);

/**
 * A Redis server in memory that understands just what this package sends: its scripts, which are written here in JavaScript a second
 * time, and a few commands. Held to the same tests as the Lua on a real server.
 *
 * Everything is synchronous: delays, connections and their faults are the business of whoever stands between it and a store.
 */
export class SimulatedRedis {
  /** Whose history the data has. Another one than before: this server was promoted. */
  replid: string;
  /** Whether it refuses what writes, as a replica or a demoted master does. It still delivers messages. */
  readOnly = false;
  readonly #keyspace: Keyspace;
  readonly #context: CommandContext;
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  /** Who is told when a key changes: each once, since it was read by that connection. */
  readonly #trackers = new Map<string, Set<Tracker>>();
  /** The connection whose reads are noted now. */
  #reader: Tracker | undefined;
  /** The digests of the scripts that it was sent. */
  readonly #known = new Set<string>();

  constructor({ clock, replid = SOME_REPLID }: SimulatedRedisOptions) {
    const nowMs = () => Math.floor(clock.wallNow());
    this.replid = replid;
    this.#keyspace = new Keyspace(nowMs, {
      looked: (key) => this.#looked(key),
      changed: (key) => this.#changed(key),
    });
    const server = this;
    this.#context = {
      keyspace: this.#keyspace,
      nowMs,
      publish: (channel, message) => this.#publish(channel, message),
      get replid() {
        return server.replid;
      },
    };
  }

  /**
   * Runs one command. Throws what a client would reject with: an error whose message begins with its code. The connection that sends it, if that
   * tracks what it reads, is told once when any of that changes.
   */
  execute([name, ...args]: Command, tracker?: Tracker): Reply {
    const command = name.toUpperCase();
    this.#reader = tracker;
    try {
      if (command === "EVAL" || command === "EVALSHA") return this.#runScript(command, args);
      return this.#call(command, args);
    } finally {
      this.#reader = undefined;
    }
  }

  /** Forgets what a connection has read. */
  forget(tracker: Tracker): void {
    for (const trackers of this.#trackers.values()) trackers.delete(tracker);
  }

  /** Delivers what is published on these channels from now on, in that order; returns what ends it. */
  subscribe(channels: readonly string[], onMessage: Subscriber["onMessage"]): () => void {
    const subscriber = { onMessage };
    for (const channel of channels) {
      this.#subscribers.set(channel, (this.#subscribers.get(channel) ?? new Set()).add(subscriber));
    }
    return () => {
      for (const channel of channels) this.#unsubscribe(channel, subscriber);
    };
  }

  /** A copy of the data, as a replica has it that has kept up. */
  snapshot(): RedisSnapshot {
    return this.#keyspace.snapshot();
  }

  /** Replaces all data. */
  restore(snapshot: RedisSnapshot): void {
    this.#keyspace.restore(snapshot);
    this.#changedAll();
  }

  /** The process ends and starts again: subscriptions and known scripts are lost, the data only if there is no file to load it from. */
  restart({ replid, data }: { readonly replid: string; readonly data: "kept" | "lost" }): void {
    this.replid = replid;
    this.#subscribers.clear();
    this.#trackers.clear();
    this.#known.clear();
    if (data === "lost") this.#keyspace.restore(new Map());
  }

  #runScript(command: "EVAL" | "EVALSHA", [script = "", count = "", ...rest]: readonly string[]): Reply {
    const sha1 = command === "EVAL" ? DIGESTS.get(script) : script.toLowerCase();
    if (sha1 === undefined) throw new ReplyError("ERR only the scripts of sessionmesh are simulated");
    if (command === "EVAL") this.#known.add(sha1);
    const body = this.#known.has(sha1) ? SCRIPTS.get(sha1) : undefined;
    if (body === undefined) throw new ReplyError("NOSCRIPT No matching script. Please use EVAL.");
    const keys = rest.slice(0, Number(count));
    return body((name, ...args) => this.#call(name, args.map(String)), keys, rest.slice(keys.length));
  }

  #call(name: string, args: readonly string[]): Reply {
    const command = COMMANDS.get(name);
    if (command === undefined) throw new ReplyError(`ERR unknown command '${name}'`);
    if (command.writes && this.readOnly) {
      throw new ReplyError("READONLY You can't write against a read only replica.");
    }
    const reader = this.#reader;
    if (command.writes) this.#reader = undefined; // what it looks at is not what it was asked for
    try {
      return command.run(this.#context, args);
    } finally {
      this.#reader = reader;
    }
  }

  #looked(key: string): void {
    if (this.#reader === undefined) return;
    this.#trackers.set(key, (this.#trackers.get(key) ?? new Set()).add(this.#reader));
  }

  #changed(key: string): void {
    const trackers = this.#trackers.get(key) ?? [];
    this.#trackers.delete(key);
    for (const { onInvalidated } of trackers) onInvalidated(key);
  }

  #changedAll(): void {
    const trackers = new Set([...this.#trackers.values()].flatMap((trackers) => [...trackers]));
    this.#trackers.clear();
    for (const { onInvalidated } of trackers) onInvalidated(undefined);
  }

  #unsubscribe(channel: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(channel);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#subscribers.delete(channel);
  }

  #publish(channel: string, message: string): number {
    const receivers = [...(this.#subscribers.get(channel) ?? [])];
    for (const { onMessage } of receivers) onMessage(message, channel);
    return receivers.length;
  }
}
