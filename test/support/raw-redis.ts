import { randomUUID } from "node:crypto";
import { createClient, RESP_TYPES } from "redis";
import { afterAll, beforeAll } from "vitest";
import { RedisStore, type RedisStoreOptions } from "../../src/index.js";
import type { Reply } from "../../src/redis/port.js";
import { useRedis } from "./redis-server.js";

export type RawRedis = ReturnType<typeof useRawRedis>;

/** Gives the tests of one file a Redis server, and a connection to it that is nobody else's. */
export function useRawRedis(options?: Parameters<typeof useRedis>[0]) {
  const redis = useRedis(options);
  let client: ReturnType<typeof createClient> | undefined;
  beforeAll(async () => {
    client = createClient({ url: redis.url });
    client.on("error", () => {});
    await client.connect();
  });
  afterAll(() => client?.destroy());

  const connected = () => {
    if (client === undefined) throw new Error("The client of useRawRedis() is there only while tests run.");
    return client;
  };
  return {
    get port() {
      return redis.port;
    },
    get client() {
      return connected();
    },
    /** Sends one command, around the store. */
    send(...command: string[]): Promise<Reply> {
      return connected().sendCommand(command) as Promise<Reply>;
    },
    /** All that a key holds, byte for byte, or null. */
    async dump(key: string): Promise<string | null> {
      const options = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
      const bytes = (await connected().sendCommand(["DUMP", key], options)) as unknown as Buffer | null;
      return bytes?.toString("hex") ?? null;
    },
    /** The server's clock, in milliseconds since 1970. */
    async nowMs(): Promise<number> {
      const [seconds, microseconds] = (await connected().sendCommand(["TIME"])) as unknown as [
        string,
        string,
      ];
      return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
    },
  };
}

/** A store on such a server, with a prefix and a channel of its own. */
export function storeOn<T = unknown>(redis: RawRedis, options: Partial<RedisStoreOptions<T>> = {}) {
  const name = randomUUID();
  const prefix = options.prefix ?? `${name}:`;
  const channel = `channel:${name}`;
  const store = new RedisStore<T>({
    client: redis.client,
    prefix,
    channel,
    commandTimeoutMs: 5_000,
    ...options,
  });
  return { store, prefix, channel };
}
