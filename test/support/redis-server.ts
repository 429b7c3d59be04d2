import { afterAll, beforeAll } from "vitest";
import { startRedis } from "../../scripts/with-redis.mjs";

export type RedisServer = Awaited<ReturnType<typeof startRedis>>;

/**
 * Gives the tests of one file, or of one `describe` block, a Redis server of their own.
 *
 * @example
 * const redis = useRedis();
 * test("…", async () => { const client = await connect(redis.port); … });
 */
export function useRedis(options?: Parameters<typeof startRedis>[0]) {
  let server: RedisServer | undefined;
  beforeAll(async () => {
    server = await startRedis(options);
  });
  afterAll(() => server?.stop());

  const running = (): RedisServer => {
    if (server === undefined) throw new Error("The Redis server of useRedis() runs only while tests run.");
    return server;
  };
  return {
    get port() {
      return running().port;
    },
    get url() {
      return running().url;
    },
    /** For tests that stop, kill or restart the server. They leave it running. */
    get server() {
      return running();
    },
  };
}
