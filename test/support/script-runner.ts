import { randomUUID } from "node:crypto";
import { beforeEach, onTestFinished } from "vitest";
import type { Command, Reply } from "../../src/redis/port.js";
import type { Script } from "../../src/redis/scripts/script.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { SimulatedRedis } from "../../src/testing/simulated-redis.js";
import { useRawRedis } from "./raw-redis.js";

/** What the tests of a script need of a server. */
interface ScriptServer {
  send(...command: string[]): Promise<Reply>;
  /** The server's clock, in milliseconds since 1970. */
  nowMs(): Promise<number>;
  /** What is published on a channel from now on, in lines. */
  listen(channel: string): Promise<string[][]>;
}

/** A kind of server that the scripts run on. */
export interface ServerKind {
  readonly name: string;
  use(): ScriptServer;
}

const REDIS: ServerKind = {
  name: "Redis",
  use() {
    const redis = useRawRedis();
    return {
      send: redis.send,
      nowMs: redis.nowMs,
      async listen(channel) {
        const messages: string[][] = [];
        const subscriber = redis.client.duplicate();
        subscriber.on("error", () => {});
        onTestFinished(() => subscriber.destroy());
        await subscriber.connect();
        await subscriber.subscribe(channel, (message) => messages.push(message.split("\n")));
        return messages;
      },
    };
  },
};

const SIMULATED_REDIS: ServerKind = {
  name: "the simulated Redis",
  use() {
    const clock = new ManualClock();
    const server = new SimulatedRedis({ clock });
    return {
      send: async (...command) => server.execute(command as unknown as Command),
      nowMs: async () => clock.wallNow(),
      async listen(channel) {
        const messages: string[][] = [];
        onTestFinished(server.subscribe([channel], (message) => messages.push(message.split("\n"))));
        return messages;
      },
    };
  },
};

/** All of them, for `describe.each(SERVERS)("on $name", …)`. */
export const SERVERS: readonly ServerKind[] = [REDIS, SIMULATED_REDIS];

/** A server for the tests of one script, with names of its own for each test. */
export function useScripts(kind: ServerKind = REDIS) {
  const redis = kind.use();
  const names = { key: "", meta: "", generations: "", users: "", channel: "" };
  beforeEach(() => {
    const name = randomUUID();
    names.key = `sess:${name}`;
    names.meta = `meta:${name}`;
    names.generations = `generations:${name}`;
    names.users = `users:${name}:`;
    names.channel = `channel:${name}`;
  });
  return {
    redis,
    names,
    run: (script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> =>
      redis.send("EVAL", script.lua, String(keys.length), ...keys, ...args.map(String)),
    /** What is published on a channel from now on, in lines. */
    listen: redis.listen,
    /** Sets the generation that the sessions of a user must have at least. */
    revoked: (user: string, generation: number) =>
      redis.send("HSET", names.generations, user, String(generation)),
    /** A server did not write the chain that it finds: it was promoted, or restarted. */
    foreignChain: (tag: string) => redis.send("HSET", names.meta, "c", tag, "e", "0".repeat(40)),
  };
}

/** What a deletion leaves of a session; `outcome`: whether there was something to delete. */
export function tombstoneOf(tag: string, outcome: 0 | 1 = 1): string {
  return `T1${tag}${outcome}`;
}

/** What a rotation leaves of a session: the id that it has now, until that time. */
export function aliasOf(newId: string, graceEndMs: number): string {
  return `A1${String(graceEndMs).padStart(13, "0")}${newId}`;
}

/** A time that is over, and one that is not: ends of graces by the clock of Redis. */
export const PAST_MS = 1_000;
export const FUTURE_MS = 9_000_000_000_000;
