/** Where every error code is explained: a file of this package. */
const HELP_FILE = "sessionmesh/docs/reference/errors.md";

/** Every error code of this package, with the class that carries it. Held equal to `docs/reference/errors.md` by a test. */
export const ERROR_CODES = {
  INVALID_OPTION: "InvalidOptionError",
  INVALID_SESSION_ID: "InvalidSessionIdError",
  INVALID_SESSION_DATA: "InvalidSessionDataError",
  PARTITION_MISMATCH: "PartitionMismatchError",
  PUBSUB_REFUSED: "PubSubRefusedError",
  REVOCATION_UNCERTAIN: "RevocationUncertainError",
  SESSION_CONFLICT: "SessionConflictError",
  SESSION_CORRUPT: "SessionCorruptError",
  SESSION_REVOKED: "SessionRevokedError",
  STORE_CLOSED: "StoreClosedError",
  STORE_UNAVAILABLE: "StoreUnavailableError",
  SUBSCRIBE_TIMEOUT: "SubscribeTimeoutError",
  UNSUPPORTED_CLIENT: "UnsupportedClientError",
} as const;

/** A stable, documented identifier of what went wrong. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The base of all errors that this package throws. `code` is stable across versions, messages are not. */
export abstract class SessionMeshError extends Error {
  /** What went wrong, for programs. */
  abstract readonly code: ErrorCode;

  override get name(): string {
    return ERROR_CODES[this.code];
  }

  /** Where this code is explained. */
  get help(): string {
    return `${HELP_FILE}#${this.code.toLowerCase()}`;
  }
}

/** An option has a value that its rule does not allow. Thrown at construction, before anything was opened. */
export class InvalidOptionError extends SessionMeshError {
  readonly code = "INVALID_OPTION";
  /** The option's full name, such as `localCache.ttlMs`. */
  readonly option: string;

  constructor(option: string, rule: string, received: unknown) {
    super(`Option "${option}" must be ${rule}; received ${describe(received)}.`);
    this.option = option;
  }
}

/** An id is not a non-empty string of at most 512 bytes without control characters. */
export class InvalidSessionIdError extends SessionMeshError {
  readonly code = "INVALID_SESSION_ID";

  constructor(rule: string) {
    super(`A session id must be ${rule}.`); // never the id itself: it is a credential
  }
}

/** The data of a session cannot be encoded, so nothing was written. */
export class InvalidSessionDataError extends SessionMeshError {
  readonly code = "INVALID_SESSION_DATA";

  constructor(reason: string, options?: ErrorOptions) {
    super(`The session data cannot be stored: ${reason}.`, options);
  }
}

/**
 * A conditional write found another revision than the one it was based on, or no session any more. Nothing was written, unless
 * `maybeApplied` says otherwise.
 */
export class SessionConflictError extends SessionMeshError {
  readonly code = "SESSION_CONFLICT";
  /**
   * Whether the write may have been carried out all the same, before what it met: its first reply was lost, it was sent again, and somebody else was
   * faster with the next one. Whoever writes again what must not be written twice finds out from `current` first.
   */
  readonly maybeApplied: boolean;
  /** The session as it is now, for a write; `undefined` if there is none, and for a deletion. */
  declare readonly current: { readonly data: unknown; readonly revision: string } | undefined;

  constructor(keyHash: string, current?: SessionConflictError["current"], maybeApplied = false) {
    const doubt = maybeApplied
      ? " Its reply was lost the first time: it may have been written before that."
      : "";
    super(`Session ${keyHash} was changed or deleted by somebody else since it was read.${doubt}`);
    this.maybeApplied = maybeApplied;
    // not enumerable: whoever logs the error does not mean to log the session
    Object.defineProperty(this, "current", { value: current });
  }
}

/** The session was deleted, revoked or rotated, and is not brought back by a write that comes too late. Nothing was written. */
export class SessionRevokedError extends SessionMeshError {
  readonly code = "SESSION_REVOKED";

  constructor(keyHash: string) {
    super(`Session ${keyHash} is over: it was deleted or revoked, and cannot be written any more.`);
  }
}

/**
 * `revoke()` could not make sure in its time that no node serves the session any more. Unless `cause` says that Redis refused, the session
 * may or may not be deleted: treat it as not revoked, and call again.
 */
export class RevocationUncertainError extends SessionMeshError {
  readonly code = "REVOCATION_UNCERTAIN";
  /** Whether Redis confirmed the deletion: then every node drops its copy within the bound on staleness, even so. */
  readonly deleted: boolean;

  constructor(reason: string, deleted: boolean, options?: ErrorOptions) {
    super(`The revocation is not certain: ${reason}.`, options);
    this.deleted = deleted;
  }
}

/**
 * What Redis holds under a session's key is not a session that this version can read: foreign, truncated, or written by a
 * newer version. It was neither changed nor deleted.
 */
export class SessionCorruptError extends SessionMeshError {
  readonly code = "SESSION_CORRUPT";
  /** The SHA-256 of the Redis key, shortened: names the record in logs without giving the session away. */
  readonly keyHash: string;
  /** Why the record cannot be read. */
  readonly reason: string;

  constructor(keyHash: string, reason: string, options?: ErrorOptions) {
    super(`The record of session ${keyHash} cannot be read: ${reason}. It was left as it is.`, options);
    this.keyHash = keyHash;
    this.reason = reason;
  }
}

/** The store was closed; it does nothing any more. */
export class StoreClosedError extends SessionMeshError {
  readonly code = "STORE_CLOSED";

  constructor() {
    super("The session store is closed.");
  }
}

/** Redis did not answer in time or refused; `cause` says which. A write may or may not have been applied. */
export class StoreUnavailableError extends SessionMeshError {
  readonly code = "STORE_UNAVAILABLE";

  constructor(reason: string, options?: ErrorOptions) {
    super(`Redis could not serve the session store: ${reason}.`, options);
  }
}

/** `start()` did not reach a first lease in `cluster.subscribeTimeoutMs`. The store serves from Redis and keeps trying. */
export class SubscribeTimeoutError extends SessionMeshError {
  readonly code = "SUBSCRIBE_TIMEOUT";

  constructor(channel: string, timeoutMs: number, options?: ErrorOptions) {
    super(
      `No subscription to channel "${channel}" within ${timeoutMs} ms; the store answers from Redis and keeps trying.`,
      options,
    );
  }
}

/** The `client` given is none that this package can talk to. */
export class UnsupportedClientError extends SessionMeshError {
  readonly code = "UNSUPPORTED_CLIENT";

  constructor(reason: string) {
    super(`The Redis client cannot be used: ${reason}.`);
  }
}

/** This node would split the sessions of a Redis Cluster in another way than the nodes that were there before it. */
export class PartitionMismatchError extends SessionMeshError {
  readonly code = "PARTITION_MISMATCH";

  constructor(key: string, recorded: string, own: { partitions: number; pubsub: string }) {
    const ours = `cluster.partitions ${own.partitions} and cluster.pubsub "${own.pubsub}"`;
    super(
      `This node has ${ours}, but ${key} says ${describe(recorded)}: all nodes must be configured alike.`,
    );
  }
}

/** This user, or this server, cannot publish or subscribe as `cluster.pubsub` says, so no node would hear of anything. */
export class PubSubRefusedError extends SessionMeshError {
  readonly code = "PUBSUB_REFUSED";

  constructor(command: string, options: { cause: Error }) {
    const isSharded = command === "SPUBLISH" || command === "SSUBSCRIBE";
    const remedy = isSharded ? ', or set cluster.pubsub to "plain" on all nodes' : "";
    super(`${command} is refused (${options.cause.message}): allow it, and its channels${remedy}.`, options);
  }
}

/** A received value, short enough for a message and without printing what an object holds. */
function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
