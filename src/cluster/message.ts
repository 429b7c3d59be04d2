import type { DeletionReason } from "../redis/session-table.js";
import { decodeUser } from "../session/record.js";

/**
 * What nodes tell each other: lines of text, the first of which names the format (`SM`), its version and the kind.
 * Ids and tags travel, never session data. The scripts in `redis/scripts/` write these messages, except the last.
 *
 * | kind                 | lines                                                                     | channel            |
 * |----------------------|---------------------------------------------------------------------------|--------------------|
 * | `SessionInvalidated` | `SM1I`, previous tag, tag, node, record key                               | the cluster's      |
 * | `SessionDeleted`     | `SM1D`, the same, reason, request, reply channel                          | the cluster's      |
 * | `CacheClear`         | `SM1C`, previous tag, tag, node, key prefix                               | the cluster's      |
 * | `UserRevoked`        | `SM1U`, the same, user, generation, request, reply channel                | the cluster's      |
 * | `Beat`               | `SM1B`, nonce, head of the chain                                          | the node's private |
 * | `Acknowledgement`    | `SM1A`, node, each request                                                | the asker's private |
 */
export type ClusterMessage = ChangeMessage | BeatMessage | AcknowledgementMessage;

/** Something changed. */
export type ChangeMessage = InvalidatedMessage | DeletedMessage | ClearMessage | UserRevokedMessage;

/** The write `tag`, which followed the write `previous`. */
interface Link {
  /** The write before this one; empty if Redis had forgotten it. */
  readonly previous: string;
  readonly tag: string;
  readonly nodeId: string;
  /** The record's key in Redis, or the prefix of all that are meant. */
  readonly key: string;
}

/** A change that nodes may have to acknowledge. */
interface Acknowledgeable {
  /** What to acknowledge, and where; both empty if nobody waits for it. */
  readonly request: string;
  readonly replyChannel: string;
}

export interface InvalidatedMessage extends Link {
  readonly kind: "SessionInvalidated";
}

export interface DeletedMessage extends Link, Acknowledgeable {
  readonly kind: "SessionDeleted";
  readonly reason: DeletionReason;
}

export interface ClearMessage extends Link {
  readonly kind: "CacheClear";
}

export interface UserRevokedMessage extends Link, Acknowledgeable {
  readonly kind: "UserRevoked";
  readonly user: string;
  /** Sessions of the user with an earlier one are over. */
  readonly generation: number;
}

/** The answer to a node's own beat. */
export interface BeatMessage {
  readonly kind: "Beat";
  readonly nonce: string;
  readonly head: string;
}

/** A node dropped what it was asked to drop, by one or several requests. */
export interface AcknowledgementMessage {
  readonly kind: "Acknowledgement";
  readonly nodeId: string;
  readonly requests: readonly string[];
}

/** A text that is no message of ours, and why. */
export interface Unreadable {
  readonly kind: "unreadable";
  /** `foreign`: not of this format. `newer`: of a later version, or of a kind that this one does not know. `malformed`: broken. */
  readonly reason: "foreign" | "newer" | "malformed";
}

const TAG = /^[\w-]{12}$/;
const GENERATION = /^\d{1,8}$/;
const REASONS: readonly unknown[] = ["deleted", "revoked", "limit", "rotated"] satisfies DeletionReason[];

/** Reads the lines after the first; `undefined` if they are not what this kind has. */
const DECODERS: Record<string, (fields: string[]) => ClusterMessage | undefined> = {
  I: (fields) => link("SessionInvalidated", fields, 4),
  C: (fields) => link("CacheClear", fields, 4),
  D(fields) {
    const change = link("SessionDeleted", fields, 7);
    const [reason, request = "", replyChannel = ""] = fields.slice(4);
    if (change === undefined || !REASONS.includes(reason)) return undefined;
    return { ...change, reason: reason as DeletionReason, request, replyChannel };
  },
  U(fields) {
    const change = link("UserRevoked", fields, 8);
    const [user = "", generation = "", request = "", replyChannel = ""] = fields.slice(4);
    if (change === undefined || user === "" || !GENERATION.test(generation)) return undefined;
    try {
      return { ...change, user: decodeUser(user), generation: Number(generation), request, replyChannel };
    } catch {
      return undefined;
    }
  },
  B(fields) {
    const [nonce = "", head = ""] = fields;
    return fields.length === 2 && TAG.test(nonce) && TAG.test(head)
      ? { kind: "Beat", nonce, head }
      : undefined;
  },
  A(fields) {
    const [nodeId = "", ...requests] = fields;
    return nodeId !== "" && requests.length > 0 && !requests.includes("")
      ? { kind: "Acknowledgement", nodeId, requests }
      : undefined;
  },
};

/** Reads a message; never throws. */
export function decodeMessage(text: string): ClusterMessage | Unreadable {
  if (!text.startsWith("SM")) return unreadable("foreign");
  const [format = "", ...fields] = text.split("\n");
  const letter = format.slice(3);
  if (format[2] !== "1") return unreadable(/^[2-9]/.test(format.slice(2)) ? "newer" : "malformed");
  const decode = Object.hasOwn(DECODERS, letter) ? DECODERS[letter] : undefined;
  if (decode === undefined) return unreadable(/^[A-Z]$/.test(letter) ? "newer" : "malformed");
  return decode(fields) ?? unreadable("malformed");
}

/** The one message that no script writes. */
export function encodeAcknowledgement({ nodeId, requests }: Omit<AcknowledgementMessage, "kind">): string {
  return ["SM1A", nodeId, ...requests].join("\n");
}

/** What all changes begin with. */
function link<K extends ChangeMessage["kind"]>(kind: K, fields: string[], length: number) {
  const [previous = "", tag = "", nodeId = "", key = ""] = fields;
  const valid =
    fields.length === length &&
    (previous === "" || TAG.test(previous)) &&
    TAG.test(tag) &&
    nodeId !== "" &&
    key !== "";
  return valid ? { kind, previous, tag, nodeId, key } : undefined;
}

function unreadable(reason: Unreadable["reason"]): Unreadable {
  return { kind: "unreadable", reason };
}
