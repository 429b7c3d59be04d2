import { randomUUID } from "node:crypto";
import { beforeEach, onTestFinished } from "vitest";
import type { Reply } from "../../src/redis/port.js";
import type { Script } from "../../src/redis/scripts/script.js";
import { useRawRedis } from "./raw-redis.js";

/** A Redis server for the tests of one script, with names of its own for each test. */
export function useScripts() {
  const redis = useRawRedis();
  const names = { key: "", chain: "", channel: "" };
  beforeEach(() => {
    const name = randomUUID();
    Object.assign(names, { key: `sess:${name}`, chain: `chain:${name}`, channel: `channel:${name}` });
  });
  return {
    redis,
    names,
    run: (script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<Reply> =>
      redis.send("EVAL", script.lua, String(keys.length), ...keys, ...args.map(String)),
    /** What is published on a channel from now on, in lines. */
    async listen(channel: string): Promise<string[][]> {
      const messages: string[][] = [];
      const subscriber = redis.client.duplicate();
      subscriber.on("error", () => {});
      onTestFinished(() => subscriber.destroy());
      await subscriber.connect();
      await subscriber.subscribe(channel, (message) => messages.push(message.split("\n")));
      return messages;
    },
  };
}
