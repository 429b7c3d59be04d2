export {
  type CacheEntryOptions,
  type CacheStats,
  type EvictionReason,
  LocalCache,
  type LocalCacheOptions,
} from "./cache/local-cache.js";
export { type Clock, type MonotonicClock, systemClock, type Timer } from "./clock.js";
export {
  ClusterCoordinator,
  type ClusterCoordinatorOptions,
} from "./cluster/coordinator.js";
export type { Invalidation } from "./cluster/membership.js";
export type { CoherenceTarget, RevocationRequest } from "./cluster/partition-coordinator.js";
export type {
  CoordinatorEvents,
  CoordinatorState,
  CoordinatorStats,
  FlushReason,
  SessionEnded,
} from "./cluster/report.js";
export {
  ERROR_CODES,
  type ErrorCode,
  InvalidOptionError,
  InvalidSessionDataError,
  InvalidSessionIdError,
  PartitionMismatchError,
  PubSubRefusedError,
  RevocationUncertainError,
  SessionConflictError,
  SessionCorruptError,
  SessionMeshError,
  SessionRevokedError,
  StoreClosedError,
  StoreUnavailableError,
  SubscribeTimeoutError,
  UnsupportedClientError,
} from "./errors.js";
export type { Logger } from "./events.js";
export {
  DEFAULT_AUTH_PREFIX,
  DEFAULT_BREAKER_HALF_OPEN_AFTER_MS,
  DEFAULT_BREAKER_THRESHOLD,
  DEFAULT_CACHE_MAX_BYTES,
  DEFAULT_CACHE_MAX_ENTRIES,
  DEFAULT_CACHE_TTL_MS,
  DEFAULT_CHANNEL,
  DEFAULT_COMMAND_TIMEOUT_MS,
  DEFAULT_INVALIDATION,
  DEFAULT_LEGACY_FORMAT,
  DEFAULT_MAX_CONCURRENT_LOADS,
  DEFAULT_MAX_PENDING_COMMANDS,
  DEFAULT_MAX_STALENESS_MS,
  DEFAULT_OUTAGE_GRACE_MS,
  DEFAULT_PARTITIONS,
  DEFAULT_PREFIX,
  DEFAULT_PUBSUB,
  DEFAULT_REMEMBER_MS,
  DEFAULT_ROTATION_GRACE_MS,
  DEFAULT_STORAGE_PREFIX,
  DEFAULT_SUBSCRIBE_TIMEOUT_MS,
  DEFAULT_TOMBSTONE_TTL_MS,
  DEFAULT_TTL_MS,
} from "./options.js";
export type { BreakerState } from "./redis/breaker.js";
export type { DurabilityOptions } from "./redis/confirmations.js";
export type { RedisClient } from "./redis/detect.js";
export type { BreakerEvents, BreakerOptions } from "./redis/gate.js";
export { type Codec, jsonCodec } from "./session/codec.js";
export { type MergeConflict, mergeThreeWays, type ResolveConflict } from "./session/merge.js";
export type { Session } from "./session/session.js";
export type { Snapshot } from "./session/snapshot.js";
export {
  ClusteredRedisStore,
  type ClusteredRedisStoreOptions,
  type ClusterOptions,
  type StoreEvents,
  type StoreStats,
} from "./stores/clustered-redis-store.js";
export { createStore } from "./stores/create-store.js";
export type { LegacyFormat, LegacyOptions } from "./stores/legacy-options.js";
export { MemoryStore, type MemoryStoreOptions } from "./stores/memory-store.js";
export type { OnOutage } from "./stores/outage-policy.js";
export {
  type Loaded,
  RedisStore,
  type RedisStoreEvents,
  type RedisStoreOptions,
} from "./stores/redis-store.js";
export type {
  Change,
  CreateOptions,
  DeleteOptions,
  KeyValueStore,
  LifeOptions,
  Predicate,
  ReadOptions,
  Revocation,
  RevokeOptions,
  RotateOptions,
  SessionStore,
  WriteOptions,
} from "./stores/store.js";
