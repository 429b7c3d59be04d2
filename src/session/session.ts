import { createHash, randomBytes } from "node:crypto";
import { InvalidSessionIdError } from "../errors.js";
import { CONTROL_CHARACTER } from "../options.js";
import type { Snapshot } from "./snapshot.js";

/** One session as a store hands it out: frozen all the way down, and shared by all who read it. */
export interface Session<T> {
  /** The opaque id under which it is stored; a credential. */
  readonly id: string;
  /** What the application stores. */
  readonly data: Snapshot<T>;
  /** An opaque token, new at every write of the data; compared for equality only. */
  readonly revision: string;
  /** When it was created, by the wall clock of the node that did, in milliseconds since 1970. */
  readonly createdAtMs: number;
  /**
   * When it ends if nobody writes or touches it any more, in milliseconds since 1970, by the wall clock of the node that wrote or
   * touched it last. It is information: Redis enforces the end by a duration. A touched session lives up to a tenth of its TTL longer.
   */
  readonly expiresAtMs: number;
  /** The user it belongs to, if a write named one. */
  readonly user?: string;
}

const MAX_ID_BYTES = 512;

/** A new id: 256 random bits, far beyond guessing (OWASP asks for 64 bits of entropy), in 43 characters of base64url. */
export function newSessionId(): string {
  return randomBytes(32).toString("base64url");
}

/** Throws an `InvalidSessionIdError` unless `id` is a non-empty, well-formed string of at most 512 bytes without control characters. */
export function assertSessionId(id: unknown): asserts id is string {
  const rule = problemWithId(id);
  if (rule !== undefined) throw new InvalidSessionIdError(rule);
}

/** The rule that an id breaks. */
function problemWithId(id: unknown): string | undefined {
  if (typeof id !== "string" || id.length === 0) return "a non-empty string";
  if (Buffer.byteLength(id) > MAX_ID_BYTES) return `at most ${MAX_ID_BYTES} bytes long`;
  // A lone surrogate becomes a replacement character on its way, so that two ids would name one session.
  if (!id.isWellFormed()) return "well-formed Unicode";
  return CONTROL_CHARACTER.test(id) ? "free of control characters" : undefined;
}

/** Whether this can be a session's id. */
export function isSessionId(id: unknown): id is string {
  return problemWithId(id) === undefined;
}

/** What a log or an error may say of an id or key, which are credentials: the beginning of its SHA-256. */
export function hashForLog(secret: string): string {
  return createHash("sha256").update(secret).digest("hex").slice(0, 12);
}
