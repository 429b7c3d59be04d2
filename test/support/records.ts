/** What a record says, field by field; see the table in `src/session/record.ts`. */
export interface RecordFields {
  tag?: string;
  createdAtMs?: number;
  expiresAtMs?: number;
  ttlMs?: number;
  absoluteMs?: number;
  generation?: number;
  user?: string | undefined;
  payload?: string;
}

export const A_TAG = "abcDEF012-_9";

/** A record put together by hand, so that neither the scripts nor the decoder are asked what one looks like. */
export function recordOf({
  tag = A_TAG,
  createdAtMs = 1_700_000_000_000,
  expiresAtMs = 1_700_000_060_000,
  ttlMs = 60_000,
  absoluteMs = 0,
  generation = 0,
  user,
  payload = '{"n":1}',
}: RecordFields = {}): string {
  const digits = (value: number, width: number) => String(value).padStart(width, "0");
  const times = [createdAtMs, expiresAtMs, ttlMs, absoluteMs].map((time) => digits(time, 13)).join("");
  const encodedUser = user === undefined ? "" : encodeURIComponent(user);
  return `L1${tag}${times}${digits(generation, 8)}${digits(encodedUser.length, 4)}${encodedUser}${payload}`;
}
