import { ClusteredRedisStore, type ClusteredRedisStoreOptions } from "./clustered-redis-store.js";
import { MemoryStore, type MemoryStoreOptions } from "./memory-store.js";
import type { SessionStore } from "./store.js";

/**
 * The store that fits: a `ClusteredRedisStore` where there is a `client`, otherwise a `MemoryStore`, so that an application
 * starts on a developer's machine without a Redis.
 *
 * In production (`NODE_ENV=production`) the latter is almost surely a mistake and emits a process warning,
 * `SESSIONMESH_MEMORY_STORE`: sessions are lost at a restart, and no other instance sees them.
 *
 * @example
 * const store = createStore(process.env.REDIS_URL ? { client } : {});
 */
export function createStore<T = unknown>(options: ClusteredRedisStoreOptions<T>): ClusteredRedisStore<T>;
export function createStore<T = unknown>(options?: MemoryStoreOptions<T>): MemoryStore<T>;
export function createStore<T = unknown>(
  options?: ClusteredRedisStoreOptions<T> | MemoryStoreOptions<T>,
): SessionStore<T>;
export function createStore<T>(
  options: ClusteredRedisStoreOptions<T> | MemoryStoreOptions<T> = {},
): SessionStore<T> {
  if ("client" in options) return new ClusteredRedisStore(options);
  if (process.env.NODE_ENV === "production") {
    process.emitWarning("sessions are kept in the memory of this process alone; pass a Redis `client`", {
      code: "SESSIONMESH_MEMORY_STORE",
    });
  }
  return new MemoryStore(options);
}
