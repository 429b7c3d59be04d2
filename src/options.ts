import { InvalidOptionError } from "./errors.js";

/** What stands before a session's id in its Redis key. That of connect-redis, so that its sessions are found. */
export const DEFAULT_PREFIX = "sess:";
/** The same for what better-auth keeps, so that no other store's sessions are in between. */
export const DEFAULT_AUTH_PREFIX = "auth:";
/** The same for the items of unstorage. */
export const DEFAULT_STORAGE_PREFIX = "storage:";
/** Life of a session that says nothing else, in milliseconds: one day, as with connect-redis. */
export const DEFAULT_TTL_MS = 86_400_000;
/** How another store spelt the sessions that it left: as connect-redis does by default. */
export const DEFAULT_LEGACY_FORMAT = "json";
/** How long a Redis command may take, in milliseconds, before the caller gets a `StoreUnavailableError`. */
export const DEFAULT_COMMAND_TIMEOUT_MS = 1_000;
/** How many commands may wait for Redis at a time; more are refused at once, so that an outage does not fill the memory. */
export const DEFAULT_MAX_PENDING_COMMANDS = 10_000;
/**
 * How many commands of one node that read may be on their way to Redis at a time; the reads that wait go together. More make eight reads at once no faster,
 * fewer make them slower; and after a flush, hundreds of nodes together keep no longer a queue at Redis than it can answer in half of a command's time
 * (`npm run bench:scale`).
 */
export const DEFAULT_MAX_CONCURRENT_LOADS = 8;
/** After how many failures in a row Redis is taken for gone: cockatiel's and Polly's examples have five. */
export const DEFAULT_BREAKER_THRESHOLD = 5;
/** How long Redis is left alone then before a trial, in milliseconds: one command's time. */
export const DEFAULT_BREAKER_HALF_OPEN_AFTER_MS = 1_000;
/**
 * How long a node may go on answering from memory in an outage where it is told to, in milliseconds: half a minute, in which most failovers
 * are over, and as long as a copy may be old where nodes tell each other nothing.
 */
export const DEFAULT_OUTAGE_GRACE_MS = 30_000;
/** How long a deletion is remembered, in milliseconds: one hour, longer than any request holds a session that it might save. */
export const DEFAULT_TOMBSTONE_TTL_MS = 3_600_000;
/** How long a node remembers what is over, in milliseconds: ten minutes, longer than a failover takes. */
export const DEFAULT_REMEMBER_MS = 600_000;
/** The Pub/Sub channel on which nodes tell each other what changed. */
export const DEFAULT_CHANNEL = "session:cluster:invalidate";
/** How long `start()` waits for the subscription and the first lease, in milliseconds. */
export const DEFAULT_SUBSCRIBE_TIMEOUT_MS = 5_000;
/** The bound on staleness, in milliseconds: no node answers with a value that was replaced longer ago. */
export const DEFAULT_MAX_STALENESS_MS = 2_000;
/** How long the local cache serves an entry, in milliseconds. */
export const DEFAULT_CACHE_TTL_MS = 30_000;
/** How many entries the local cache keeps. */
export const DEFAULT_CACHE_MAX_ENTRIES = 10_000;
/** How many bytes the local cache's entries may take together, by estimate: 64 MiB. */
export const DEFAULT_CACHE_MAX_BYTES = 67_108_864;

/** Into how many partitions the sessions of a Redis Cluster are split. */
export const DEFAULT_PARTITIONS = 16;

/** How nodes tell each other what changed on a Redis Cluster. */
export const DEFAULT_PUBSUB = "sharded";

/** How nodes hear of changes. */
export const DEFAULT_INVALIDATION = "broadcast";

/** For how long a regenerated session is found under its old id, in milliseconds: not at all. */
export const DEFAULT_ROTATION_GRACE_MS = 0;

/** What stands neither in names nor in ids: messages consist of lines. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
export const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;
/** The longest delay that `setTimeout` keeps; a longer one fires at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Throws unless `value` is a whole number from 1 on. Zero is not "for ever", nor is `Infinity`: a bound is a bound. */
export function requirePositiveInteger(option: string, value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new InvalidOptionError(option, "a whole number of at least 1", value);
  }
}

/** The longest life of a session, in milliseconds: a hundred years, so that every end fits into 13 digits. */
export const MAX_TTL_MS = 100 * 365 * 86_400_000;

/** The same for a session's life. */
export function requireTtlMs(option: string, value: unknown): asserts value is number {
  requirePositiveInteger(option, value);
  if (value > MAX_TTL_MS)
    throw new InvalidOptionError(option, `at most ${MAX_TTL_MS} ms (a hundred years)`, value);
}

/** The same for a time that a timer will measure. */
export function requireDelayMs(option: string, value: unknown): asserts value is number {
  requirePositiveInteger(option, value);
  if (value > MAX_DELAY_MS) throw new InvalidOptionError(option, `at most ${MAX_DELAY_MS} ms`, value);
}

/** The longest grace of a rotation, in milliseconds: one hour, longer than any request is under way. */
export const MAX_GRACE_MS = 3_600_000;

/** Throws unless `value` is a grace, in whole milliseconds: zero is none. */
export function requireGraceMs(option: string, value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > MAX_GRACE_MS) {
    throw new InvalidOptionError(option, `a whole number of 0 to ${MAX_GRACE_MS} ms (one hour)`, value);
  }
}

/** Throws unless `value` is a name that can stand in keys, channels and messages. */
export function requireName(option: string, value: unknown): asserts value is string {
  if (typeof value !== "string" || value === "" || !value.isWellFormed() || CONTROL_CHARACTER.test(value)) {
    throw new InvalidOptionError(option, "a non-empty string without control characters", value);
  }
}

/** The most partitions that sessions are split into. */
export const MAX_PARTITIONS = 256;

/** Throws unless `value` is a number of partitions. Each costs every node a connection and its beats. */
export function requirePartitions(option: string, value: unknown): asserts value is number {
  if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > MAX_PARTITIONS) {
    throw new InvalidOptionError(option, `a whole number of 1 to ${MAX_PARTITIONS}`, value);
  }
}

/** Throws unless `value` is one of these. */
export function requireOneOf<V extends string>(
  option: string,
  value: unknown,
  choices: readonly V[],
): asserts value is V {
  if (choices.includes(value as V)) return;
  throw new InvalidOptionError(option, choices.map((choice) => `"${choice}"`).join(" or "), value);
}

/** Throws unless `value` is a way of publishing. */
export function requirePubSub(option: string, value: unknown): asserts value is "sharded" | "plain" {
  requireOneOf(option, value, ["sharded", "plain"]);
}

/** Throws unless `value` is a way of hearing of changes. */
export function requireInvalidation(
  option: string,
  value: unknown,
): asserts value is "broadcast" | "tracking" {
  requireOneOf(option, value, ["broadcast", "tracking"]);
}

/** Throws unless `value` is a boolean. */
export function requireBoolean(option: string, value: unknown): asserts value is boolean {
  if (typeof value !== "boolean") throw new InvalidOptionError(option, "true or false", value);
}

/** Throws unless `value` has these methods. */
export function requireMethods(option: string, value: unknown, methods: readonly string[]): void {
  const has = (method: string) =>
    typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
  if (!methods.every(has)) {
    throw new InvalidOptionError(
      option,
      `an object with ${methods.map((name) => `${name}()`).join(", ")}`,
      value,
    );
  }
}

/** Throws if `options` has a key that is not in `known`: a misspelt option would otherwise be a silent default. */
export function requireKnownOptions(owner: string, options: object, known: readonly string[]): void {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new InvalidOptionError(
        owner + key,
        `one of ${known.join(", ")}`,
        (options as Record<string, unknown>)[key],
      );
    }
  }
}
