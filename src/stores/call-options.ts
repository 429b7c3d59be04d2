import { InvalidOptionError } from "../errors.js";
import {
  requireBoolean,
  requireDelayMs,
  requireGraceMs,
  requireKnownOptions,
  requireOneOf,
  requireTtlMs,
} from "../options.js";
import type { Life } from "../redis/session-table.js";
import { encodeUser, MAX_USER_LENGTH } from "../session/record.js";
import { assertSessionId, hashForLog } from "../session/session.js";
import { requireOnOutage } from "./outage-policy.js";
import type {
  CreateOptions,
  DeleteOptions,
  LifeOptions,
  ReadOptions,
  RevokeOptions,
  RotateOptions,
  WriteOptions,
} from "./store.js";

/** Checks and resolves the options that say how long a session lives. */
export function resolveLife(options: LifeOptions | undefined, wallNowMs: number): Life {
  if (options === undefined) return {};
  const { ttlMs, expiresAtMs } = options;
  if (expiresAtMs !== undefined) {
    if (ttlMs !== undefined) throw new InvalidOptionError("ttlMs", "absent when expiresAtMs is given", ttlMs);
    if (!Number.isFinite(expiresAtMs) || expiresAtMs <= wallNowMs) {
      throw new InvalidOptionError(
        "expiresAtMs",
        "a time in the future, in milliseconds since 1970",
        expiresAtMs,
      );
    }
    requireTtlMs("expiresAtMs - now", Math.ceil(expiresAtMs - wallNowMs));
    return { ttlMs: Math.ceil(expiresAtMs - wallNowMs), expiresAtMs: Math.floor(expiresAtMs) };
  }
  if (ttlMs !== undefined) requireTtlMs("ttlMs", ttlMs);
  return { ttlMs, expiresAtMs };
}

const LIFE_OPTIONS = ["ttlMs", "expiresAtMs"];

/** Checks the options of `touch` and `update`. */
export function checkLifeOptions(options: LifeOptions | undefined): void {
  if (options !== undefined) requireKnownOptions("", options, LIFE_OPTIONS);
}

/** Checks the options of `get`. */
export function checkReadOptions(options: ReadOptions | undefined): void {
  if (options === undefined) return;
  requireKnownOptions("", options, ["consistency", "onOutage"]);
  const { consistency, onOutage } = options;
  if (consistency !== undefined) requireOneOf("consistency", consistency, ["bounded", "strong"]);
  if (onOutage === undefined) return;
  requireOnOutage(onOutage);
  if (onOutage !== "fail" && consistency === "strong") {
    throw new InvalidOptionError("onOutage", 'absent or "fail" when consistency is "strong"', onOutage);
  }
}

/** Checks the options of `set`. */
export function checkWriteOptions(options: WriteOptions | undefined): void {
  if (options === undefined) return;
  requireKnownOptions("", options, [...LIFE_OPTIONS, "ifRevision", "user"]);
  requireRevision(options.ifRevision);
  if (options.user !== undefined) requireUser(options.user);
}

/** Checks the options of `delete`. */
export function checkDeleteOptions(options: DeleteOptions | undefined): void {
  if (options === undefined) return;
  requireKnownOptions("", options, ["ifRevision", "tombstone", "name"]);
  requireRevision(options.ifRevision);
  if (options.tombstone !== undefined) requireBoolean("tombstone", options.tombstone);
  requireDeletionName("name", options.name);
}

function requireDeletionName(option: string, name: unknown): void {
  if (name !== undefined && !(typeof name === "string" && /^[\w-]{12}$/.test(name))) {
    throw new InvalidOptionError(option, "12 characters of base64url", name);
  }
}

function requireRevision(ifRevision: unknown): void {
  if (ifRevision !== undefined && typeof ifRevision !== "string") {
    throw new InvalidOptionError("ifRevision", "the revision of a session", ifRevision);
  }
}

/** Checks the options of `create`. */
export function checkCreateOptions(options: CreateOptions | undefined): void {
  if (options === undefined) return;
  requireKnownOptions("", options, [...LIFE_OPTIONS, "user", "absoluteTtlMs"]);
  const { user, absoluteTtlMs } = options;
  if (absoluteTtlMs !== undefined) requireTtlMs("absoluteTtlMs", absoluteTtlMs);
  if (user !== undefined) requireUser(user);
}

/** Checks the options of `revoke` and `revokeUser`. */
export function checkRevokeOptions(options: RevokeOptions): void {
  requireKnownOptions("", options, ["timeoutMs", "signal"]);
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined) requireDelayMs("timeoutMs", timeoutMs);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionError("signal", "an AbortSignal", signal);
  }
}

/** Checks the new id and the options of `rotate`. */
export function checkRotation(id: string, newId: string, options: RotateOptions): void {
  assertSessionId(newId);
  // ids are credentials, so an error has only the hash
  if (newId === id)
    throw new InvalidOptionError("newId", "another id than the session's own", hashForLog(id));
  requireKnownOptions("", options ?? {}, ["graceMs", "follow", "deletion"]);
  requireGraceMs("graceMs", options?.graceMs);
  if (options.follow !== undefined) requireBoolean("follow", options.follow);
  requireDeletionName("deletion", options.deletion);
}

/** Throws unless `user` names one. */
export function requireUser(user: unknown): asserts user is string {
  if (
    typeof user !== "string" ||
    user === "" ||
    !user.isWellFormed() ||
    encodeUser(user).length > MAX_USER_LENGTH
  ) {
    const rule = `a non-empty string of at most ${MAX_USER_LENGTH} characters, percent-encoded`;
    throw new InvalidOptionError("user", rule, user);
  }
}
