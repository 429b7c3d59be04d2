import {
  decodeAlias,
  decodeRecord,
  encodeRecord,
  isPlainJson,
  kindOfRecord,
  newTag,
} from "../session/record.js";
import type { Format } from "./resolve.js";

/** A record as Redis holds it, and what is left of its life: `Infinity` if it has no end. */
export interface FoundRecord {
  readonly text: string;
  readonly remainingMs: number;
}

/** What becomes of a record in another format. */
export type Rewriting =
  | { readonly kind: "rewrite"; readonly text: string; readonly user?: { name: string; generation: number } }
  | { readonly kind: "done" }
  | { readonly kind: "tombstone" }
  | { readonly kind: "unreadable" };

const UNREADABLE: Rewriting = { kind: "unreadable" };

/** How a record reads in the other format. */
export function rewriting(found: FoundRecord, to: Format, ttlMs: number, nowMs: number): Rewriting {
  const kind = kindOfRecord(found.text);
  // No other store follows an alias. A copy of the session under the old id would make two sessions of one, and the old id good for as long as the new one.
  if (kind === "tombstone" || decodeAlias(found.text) !== undefined) return { kind: "tombstone" };
  if (to === "sessionmesh") return kind === "live" ? { kind: "done" } : toSessionmesh(found, ttlMs, nowMs);
  if (kind === "live") return toJson(found, to, nowMs);
  return isPlainJson(found.text) ? { kind: "done" } : UNREADABLE;
}

function toSessionmesh({ text, remainingMs }: FoundRecord, ttlMs: number, nowMs: number): Rewriting {
  if (objectOf(text) === undefined) return UNREADABLE;
  const expiresAtMs = nowMs + (Number.isFinite(remainingMs) ? remainingMs : ttlMs);
  const record = { tag: newTag(), createdAtMs: nowMs, expiresAtMs, ttlMs, payload: text };
  return { kind: "rewrite", text: encodeRecord(record) };
}

function toJson({ text, remainingMs }: FoundRecord, to: Format, nowMs: number): Rewriting {
  const { payload, expiresAtMs, user, generation } = decodeRecord(text, nowMs, remainingMs);
  const data = objectOf(payload);
  if (data === undefined) return UNREADABLE;
  const moved = to === "koa-redis" ? endOfKoa(data, expiresAtMs) : endOfCookie(data, expiresAtMs);
  const json = moved === undefined ? payload : JSON.stringify(moved);
  return { kind: "rewrite", text: json, ...(user !== undefined && { user: { name: user, generation } }) };
}

/** Touches move a session's end without its data being written; the middleware that reads it back goes by the cookie. */
function endOfCookie(data: Record<string, unknown>, endMs: number): Record<string, unknown> | undefined {
  const cookie = data.cookie as Record<string, unknown> | null | undefined;
  if (typeof cookie?.expires !== "string") return undefined;
  return { ...data, cookie: { ...cookie, expires: new Date(endMs).toISOString() } };
}

function endOfKoa(data: Record<string, unknown>, endMs: number): Record<string, unknown> | undefined {
  const { _expire: knownMs } = data;
  return typeof knownMs === "number" && knownMs < endMs ? { ...data, _expire: endMs } : undefined;
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    return isPlainJson(text) ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
