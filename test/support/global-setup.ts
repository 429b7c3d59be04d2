import { findRedisServer } from "../../scripts/with-redis.mjs";

/** Finds, or downloads, the Redis server once, before the test files that need it start in parallel. */
export default async function setup(): Promise<void> {
  await findRedisServer();
}
