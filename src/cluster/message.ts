/**
 * What nodes tell each other: lines of text, the first of which names the format (`SM`), its version and the kind.
 * Ids and tags travel, never session data. The scripts in `redis/scripts/` write these messages.
 *
 * | kind                 | lines                                                        | channel            |
 * |----------------------|--------------------------------------------------------------|--------------------|
 * | `SessionInvalidated` | `SM1I`, previous tag, tag, node, record key                  | the cluster's      |
 * | `SessionDeleted`     | `SM1D`, previous tag, tag, node, record key                  | the cluster's      |
 * | `CacheClear`         | `SM1C`, previous tag, tag, node, key prefix                  | the cluster's      |
 * | `Beat`               | `SM1B`, nonce, head of the chain                             | the node's private |
 */
export type ClusterMessage = ChangeMessage | BeatMessage;

/** Something changed: the write `tag`, which followed the write `previous`. */
export interface ChangeMessage {
  readonly kind: "SessionInvalidated" | "SessionDeleted" | "CacheClear";
  /** The write before this one; empty if Redis had forgotten it. */
  readonly previous: string;
  readonly tag: string;
  readonly nodeId: string;
  /** The record's key in Redis, or the prefix of all that were cleared. */
  readonly key: string;
}

/** The answer to a node's own beat. */
export interface BeatMessage {
  readonly kind: "Beat";
  readonly nonce: string;
  readonly head: string;
}

/** A text that is no message of ours, and why. */
export interface Unreadable {
  readonly kind: "unreadable";
  /** `foreign`: not of this format. `newer`: of a later version, or of a kind that this one does not know. `malformed`: broken. */
  readonly reason: "foreign" | "newer" | "malformed";
}

const CHANGE_KINDS: Record<string, ChangeMessage["kind"]> = {
  I: "SessionInvalidated",
  D: "SessionDeleted",
  C: "CacheClear",
};
const TAG = /^[\w-]{12}$/;

/** Reads a message; never throws. */
export function decodeMessage(text: string): ClusterMessage | Unreadable {
  if (!text.startsWith("SM")) return unreadable("foreign");
  const [format = "", ...fields] = text.split("\n");
  const letter = format.slice(3);
  if (format[2] !== "1") return unreadable(/^[2-9]/.test(format.slice(2)) ? "newer" : "malformed");
  if (letter === "B") return decodeBeat(fields);
  const kind = CHANGE_KINDS[letter];
  if (kind === undefined) return unreadable(/^[A-Z]$/.test(letter) ? "newer" : "malformed");
  const [previous = "", tag = "", nodeId = "", key = ""] = fields;
  const valid =
    fields.length === 4 &&
    (previous === "" || TAG.test(previous)) &&
    TAG.test(tag) &&
    nodeId !== "" &&
    key !== "";
  return valid ? { kind, previous, tag, nodeId, key } : unreadable("malformed");
}

function decodeBeat(fields: string[]): BeatMessage | Unreadable {
  const [nonce = "", head = ""] = fields;
  const valid = fields.length === 2 && TAG.test(nonce) && TAG.test(head);
  return valid ? { kind: "Beat", nonce, head } : unreadable("malformed");
}

function unreadable(reason: Unreadable["reason"]): Unreadable {
  return { kind: "unreadable", reason };
}
