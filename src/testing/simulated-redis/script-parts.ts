import type { Reply } from "../../redis/port.js";
import { ALIAS_HEADER_LENGTH, HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";

/** `redis.call`: runs a command inside of a script, and throws what it fails with. */
export type Call = (command: string, ...args: (string | number)[]) => Reply;

/** What begins with a head, see `redis/scripts/head.ts`. */
export type Kind = "absent" | "gone" | "moved" | "foreign" | "live" | "corrupt";

/** As much of a record as a script looks at. */
export function headOf(call: Call, key: string): string {
  return call("GETRANGE", key, 0, HEAD_LENGTH - 1) as string;
}

/** The user of a live record, percent-encoded, or ''. */
export function userOf(head: string): string {
  return head.slice(HEADER_LENGTH, HEADER_LENGTH + Number(head.slice(74, HEADER_LENGTH)));
}

/** The user's generation now, in 8 digits. */
export function generationOf(call: Call, generations: string, user: string): string {
  return String(call("HGET", generations, user) ?? 0).padStart(8, "0");
}

/** What kind of record begins with `head`. */
export function kindOf(call: Call, head: string, generations: string): Kind {
  if (head === "") return "absent";
  if (head.startsWith("T1")) return "gone";
  if (head.startsWith("{")) return "foreign";
  if (head.startsWith("A1")) {
    const graceEnd = head.slice(2, ALIAS_HEADER_LENGTH);
    if (head.length <= ALIAS_HEADER_LENGTH || /\D/.test(graceEnd)) return "corrupt";
    return nowMs(call) < Number(graceEnd) ? "moved" : "gone";
  }
  const numbers = head.slice(14, HEADER_LENGTH);
  if (!head.startsWith("L1") || numbers.length < HEADER_LENGTH - 14 || /\D/.test(numbers)) return "corrupt";
  const length = Number(numbers.slice(-4));
  if (head.length < HEADER_LENGTH + length) return "corrupt";
  const isOver = length > 0 && head.slice(66, 74) < generationOf(call, generations, userOf(head));
  return isOver ? "gone" : "live";
}

/** The id that the alias under a key leads to. */
export function targetOf(call: Call, key: string): string {
  return call("GETRANGE", key, ALIAS_HEADER_LENGTH, -1) as string;
}

/** A message of a change, as `redis/scripts/announce.ts` makes it. */
export interface Announcement {
  readonly kind: "I" | "D" | "C" | "U";
  readonly tag: string;
  readonly node: string;
  readonly key: string;
  /** The lines that the kind adds. */
  readonly rest?: readonly (string | number)[];
}

/** Moves the chain and tells the nodes. */
export function announce(call: Call, meta: string, channel: string, message: Announcement): void {
  if (channel === "") return;
  const { kind, tag, node, key, rest = [] } = message;
  const previous = (call("HGET", meta, "c") ?? "") as string;
  call("HSET", meta, "c", tag);
  call("PUBLISH", channel, [`SM1${kind}`, previous, tag, node, key, ...rest].join("\n"));
}

/** Breaks a chain that another server wrote; returns the head. */
export function renewEpoch(call: Call, meta: string, fresh: string): string {
  const info = call("INFO", "replication") as string;
  const epoch = info.match(/master_replid:([0-9a-f]+)/i)?.[1] ?? "";
  const known = call("HGET", meta, "c");
  const head = known === null || call("HGET", meta, "e") !== epoch ? fresh : (known as string);
  call("HSET", meta, "c", head, "e", epoch);
  return head;
}

/** Whether a change must be told, see `redis/scripts/listeners.ts`. */
export function hasListeners(call: Call, meta: string): boolean {
  const listened = call("HGET", meta, "l");
  if (listened === null) return false;
  if (nowMs(call) < Number(listened)) return true;
  call("HDEL", meta, "l");
  return false;
}

/** Notes that it must be, for so long; returns the head of the chain. */
export function listen(call: Call, meta: string, lifeMs: number, fresh: string, head: string): string {
  const isNew = call("HGET", meta, "l") === null;
  if (isNew) call("HSET", meta, "c", fresh);
  call("HSET", meta, "l", nowMs(call) + lifeMs);
  return isNew ? fresh : head;
}

/** The nodes that may hold a lease, each with the number of its beats. */
export function registry(call: Call, meta: string): string[] {
  const fields = call("HGETALL", meta) as string[];
  return fields.filter((_, n) => fields[n - (n % 2)]?.startsWith("n:"));
}

/** The clock of the server, in milliseconds since 1970. */
export function nowMs(call: Call): number {
  const [seconds, microseconds] = call("TIME") as [string, string];
  return Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000);
}

/** Notes in the index of the user's sessions, if the session has a user, that it lives so long. */
export function index(call: Call, prefix: string, user: string, key: string, lifeMs: number): void {
  if (user === "") return;
  const now = nowMs(call);
  call("ZREMRANGEBYSCORE", prefix + user, "-inf", now);
  call("ZADD", prefix + user, now + lifeMs, key);
  if (Number(call("PTTL", prefix + user)) < lifeMs) call("PEXPIRE", prefix + user, lifeMs);
}

/** A time as it stands in a record. */
export function digits(ms: number): string {
  return String(ms).padStart(13, "0");
}
