import { randomFillSync } from "node:crypto";

/**
 * What Redis holds for one session: a header of fixed width, so that a script reads it without parsing, then the user, then
 * the encoded data.
 *
 * | bytes   | field      | content                                                                    |
 * |---------|------------|----------------------------------------------------------------------------|
 * | 1       | kind       | `L` live; `T` a tombstone; `A` an alias                                    |
 * | 2       | format     | `1`                                                                        |
 * | 3–14    | tag        | the revision: 72 random bits, base64url                                    |
 * | 15–27   | created    | wall clock, ms since 1970                                                  |
 * | 28–40   | expires    | wall clock, ms since 1970: `Session.expiresAtMs`                           |
 * | 41–53   | ttl        | ms that a touch grants                                                     |
 * | 54–66   | absolute   | clock of Redis, ms since 1970, that no touch or write passes; 0 for none   |
 * | 67–74   | generation | of the user, when the session became theirs                                |
 * | 75–78   | user       | length of the user that follows, percent-encoded                           |
 *
 * A tombstone is a kind, a format, the name of the deletion (a tag) and one digit: whether there was something to delete.
 *
 * An alias is what a rotation leaves: a kind, a format, the end of its grace (clock of Redis, ms since 1970, 13 digits) and the id
 * that the session has now. After that end it is a tombstone to whoever finds it.
 *
 * The scripts in `redis/scripts/` write it, this module reads it. A record that begins with `{` is the plain JSON of
 * connect-redis and the like: a live session without a header.
 */
export interface SessionRecord {
  /** Empty for a record of another store. */
  readonly tag: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** What a touch grants; unknown for a record of another store. */
  readonly ttlMs: number | undefined;
  readonly user: string | undefined;
  /** That of the user when the session became theirs; 0 without one. A session that has an earlier one than its user is over. */
  readonly generation: number;
  readonly payload: string;
}

/** The length of the header, without the user and the data. */
export const HEADER_LENGTH = 78;
/** The longest user, percent-encoded. */
export const MAX_USER_LENGTH = 256;
/** How many bytes of a record a script reads: the header with the longest user. */
export const HEAD_LENGTH = HEADER_LENGTH + MAX_USER_LENGTH;

/** What stands before the id in an alias: kind, format and the end of its grace. */
export const ALIAS_HEADER_LENGTH = 15;

const LIVE = "L1";
const ALIAS_HEADER = /^A1\d{13}./s;
const FIXED_HEADER = /^L1[\w-]{12}\d{64}/;
const TOMBSTONE = /^T1[\w-]{12}[01]$/;

/** Why a record cannot be read. */
export class RecordError extends Error {}

const TAG_BYTES = 9;
/** Random bytes for the tags to come: one call of the generator costs as much as hundreds of tags. */
const randomPool = Buffer.alloc(256 * TAG_BYTES);
let poolOffset = randomPool.length;

/** A new tag: never reused, so two histories that parted never look alike again. */
export function newTag(): string {
  if (poolOffset === randomPool.length) {
    randomFillSync(randomPool);
    poolOffset = 0;
  }
  poolOffset += TAG_BYTES;
  return randomPool.toString("base64url", poolOffset - TAG_BYTES, poolOffset);
}

/** Whether a record is the plain JSON of connect-redis and the like. */
export function isPlainJson(text: string): boolean {
  return text.startsWith("{");
}

/** What a text is: a record of ours, a tombstone of ours, or neither. */
export function kindOfRecord(text: string): "live" | "tombstone" | "other" {
  if (TOMBSTONE.test(text)) return "tombstone";
  return FIXED_HEADER.test(text) ? "live" : "other";
}

/**
 * Reads a record; `nowMs` (wall clock) and `remainingMs` stand in for the times that a record of another store lacks, and
 * `isForeign` recognises one.
 */
export function decodeRecord(
  text: string,
  nowMs: number,
  remainingMs: number,
  isForeign: (text: string) => boolean = isPlainJson,
): SessionRecord {
  if (isForeign(text)) {
    const expiresAtMs = nowMs + remainingMs;
    return {
      tag: "",
      createdAtMs: nowMs,
      expiresAtMs,
      ttlMs: undefined,
      user: undefined,
      generation: 0,
      payload: text,
    };
  }
  if (!text.startsWith(LIVE)) throw new RecordError(foreignReason(text));
  const headerLength = HEADER_LENGTH + Number(text.slice(74, HEADER_LENGTH));
  if (!FIXED_HEADER.test(text) || text.length <= headerLength) throw new RecordError("it is truncated");
  return decodeHeader(text, text.slice(headerLength));
}

/** The record of a header, with its user, as a script wrote it, and the data that goes with it. */
export function decodeHeader(header: string, payload: string): SessionRecord {
  const userLength = Number(header.slice(74, HEADER_LENGTH));
  return {
    tag: header.slice(2, 14),
    createdAtMs: Number(header.slice(14, 27)),
    expiresAtMs: Number(header.slice(27, 40)),
    ttlMs: Number(header.slice(40, 53)),
    user: userLength === 0 ? undefined : decodeUser(header.slice(HEADER_LENGTH, HEADER_LENGTH + userLength)),
    generation: Number(header.slice(66, 74)),
    payload,
  };
}

/** The record of a session that another store wrote: it has no user and no absolute end. Times are whole milliseconds. */
export function encodeRecord(
  record: Pick<SessionRecord, "tag" | "createdAtMs" | "expiresAtMs" | "payload"> & { ttlMs: number },
): string {
  const { tag, createdAtMs, expiresAtMs, ttlMs, payload } = record;
  const times = [createdAtMs, expiresAtMs, ttlMs, 0].map((time) => String(time).padStart(13, "0"));
  return `${LIVE}${tag}${times.join("")}${"0".repeat(12)}${payload}`;
}

/** The id that an alias leads to; `undefined` for any other record. */
export function decodeAlias(text: string): string | undefined {
  return ALIAS_HEADER.test(text) ? text.slice(ALIAS_HEADER_LENGTH) : undefined;
}

/** A user as it stands in a record: ASCII, so that bytes and characters count the same. */
export function encodeUser(user: string | undefined): string {
  return user === undefined ? "" : encodeURIComponent(user);
}

/** The user that stands in a record or a message. Throws a `RecordError` if it is none. */
export function decodeUser(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RecordError("its user is not percent-encoded");
  }
}

function foreignReason(text: string): string {
  if (/^[LTA][2-9]/.test(text)) return `format ${JSON.stringify(text[1])} is newer than this version`;
  return text === "" ? "it is empty" : "it was not written by sessionmesh";
}
