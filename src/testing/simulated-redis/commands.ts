import type { Reply } from "../../redis/port.js";
import { type Hash, type Keyspace, ReplyError, type SortedSet } from "./keyspace.js";

/** What a command works on. */
export interface CommandContext {
  readonly keyspace: Keyspace;
  /** The server's clock, in whole milliseconds since 1970. */
  nowMs(): number;
  /** Delivers a message; how many subscriptions received it. */
  publish(channel: string, message: string): number;
  readonly replid: string;
}

interface SimulatedCommand {
  /** Whether a server refuses it that must not be written to. */
  readonly writes: boolean;
  run(context: CommandContext, args: readonly string[]): Reply;
}

const reads = (run: SimulatedCommand["run"]): SimulatedCommand => ({ writes: false, run });
const writes = (run: SimulatedCommand["run"]): SimulatedCommand => ({ writes: true, run });

/** The commands that the package sends, that its scripts call, and that tests of the scripts use; with their options as far as those use them. */
export const COMMANDS: ReadonlyMap<string, SimulatedCommand> = new Map(
  Object.entries({
    PING: reads(() => "PONG"),
    TIME: reads(({ nowMs }) => [String(Math.floor(nowMs() / 1_000)), String((nowMs() % 1_000) * 1_000)]),
    INFO: reads(({ replid }) => `# Replication\r\nrole:master\r\nmaster_replid:${replid}\r\n`),
    PUBLISH: reads(({ publish }, [channel = "", message = ""]) => publish(channel, message)),

    TYPE: reads(({ keyspace }, [key = ""]) => keyspace.typeOf(key)),
    EXISTS: reads(({ keyspace }, keys) => keys.filter((key) => keyspace.typeOf(key) !== "none").length),
    DEL: writes(({ keyspace }, keys) => keys.filter((key) => keyspace.delete(key)).length),
    UNLINK: writes(({ keyspace }, keys) => keys.filter((key) => keyspace.delete(key)).length),
    SCAN: reads(scan),
    PTTL: reads(({ keyspace, nowMs }, [key = ""]) => {
      const atMs = keyspace.expiresAtMs(key);
      return typeof atMs === "number" ? Math.max(0, atMs - nowMs()) : missing(atMs);
    }),
    PEXPIRETIME: reads(({ keyspace }, [key = ""]) => {
      const atMs = keyspace.expiresAtMs(key);
      return typeof atMs === "number" ? atMs : missing(atMs);
    }),
    PEXPIRE: writes(({ keyspace, nowMs }, [key = "", life]) => {
      return Number(keyspace.expireAt(key, nowMs() + integer(life)));
    }),

    GET: reads(({ keyspace }, [key = ""]) => keyspace.get(key, "string") ?? null),
    GETRANGE: reads(({ keyspace }, [key = "", start, end]) => {
      const text = keyspace.get(key, "string") ?? "";
      return text.slice(integer(start), integer(end) === -1 ? undefined : integer(end) + 1);
    }),
    SET: writes(({ keyspace, nowMs }, [key = "", value = "", option, life]) => {
      if (option === undefined) keyspace.put(key, "string", value);
      else if (option.toUpperCase() !== "PX") throw new ReplyError("ERR syntax error");
      else if (integer(life) <= 0) throw new ReplyError("ERR invalid expire time in 'set' command");
      else keyspace.put(key, "string", value, nowMs() + integer(life));
      return "OK";
    }),
    SETNX: writes(({ keyspace }, [key = "", value = ""]) => {
      if (keyspace.get(key, "string") !== undefined) return 0;
      keyspace.put(key, "string", value);
      return 1;
    }),
    MSET: writes(({ keyspace }, pairs) => {
      for (const [key, value] of inPairs(pairs)) keyspace.put(key, "string", value);
      return "OK";
    }),
    SETRANGE: writes(({ keyspace }, [key = "", offset, part = ""]) => {
      const text = keyspace.get(key, "string") ?? "";
      const start = integer(offset);
      const changed = text.slice(0, start).padEnd(start, "\0") + part + text.slice(start + part.length);
      const expiresAtMs = keyspace.expiresAtMs(key);
      keyspace.put(key, "string", changed, typeof expiresAtMs === "number" ? expiresAtMs : undefined);
      return changed.length;
    }),

    HGET: reads((context, [key = "", field = ""]) => hash(context, key).get(field) ?? null),
    HGETALL: reads((context, [key = ""]) => [...hash(context, key)].flat()),
    HLEN: reads((context, [key = ""]) => hash(context, key).size),
    HSET: writes(({ keyspace }, [key = "", ...pairs]) =>
      keyspace.change(key, "hash", (fields) => {
        const before = fields.size;
        for (const [field, value] of inPairs(pairs)) fields.set(field, value);
        return fields.size - before;
      }),
    ),
    HDEL: writes(({ keyspace }, [key = "", ...names]) =>
      keyspace.change(key, "hash", (fields) => names.filter((name) => fields.delete(name)).length),
    ),
    HINCRBY: writes(({ keyspace }, [key = "", field = "", by]) =>
      keyspace.change(key, "hash", (fields) => {
        const value = integer(fields.get(field) ?? "0") + integer(by);
        fields.set(field, String(value));
        return value;
      }),
    ),

    ZADD: writes(({ keyspace }, [key = "", ...pairs]) =>
      keyspace.change(key, "zset", (members) => {
        const before = members.size;
        for (const [score, member] of inPairs(pairs)) members.set(member, Number(score));
        return members.size - before;
      }),
    ),
    ZREM: writes(({ keyspace }, [key = "", ...names]) =>
      keyspace.change(key, "zset", (members) => names.filter((name) => members.delete(name)).length),
    ),
    ZREMRANGEBYSCORE: writes(({ keyspace }, [key = "", min = "", max = ""]) =>
      keyspace.change(key, "zset", (members) => {
        const over = [...members].filter(([, score]) => score >= bound(min) && score <= bound(max));
        for (const [member] of over) members.delete(member);
        return over.length;
      }),
    ),
    ZSCORE: reads((context, [key = "", member = ""]) => {
      const score = sortedSet(context, key).get(member);
      return score === undefined ? null : String(score);
    }),
    ZRANGE: reads((context, [key = "", start, stop, withScores]) => {
      const byScore = [...sortedSet(context, key)].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1));
      const range = byScore.slice(integer(start), integer(stop) === -1 ? undefined : integer(stop) + 1);
      return range.flatMap(([member, score]) =>
        withScores === undefined ? [member] : [member, String(score)],
      );
    }),

    RPUSH: writes(({ keyspace }, [key = "", ...items]) =>
      keyspace.change(key, "list", (list) => list.push(...items)),
    ),
  }),
);

function scan({ keyspace }: CommandContext, [cursor, ...options]: readonly string[]): Reply {
  const { MATCH = "*", COUNT = "10", TYPE } = Object.fromEntries(inPairs(options));
  const { next, keys } = keyspace.scan(integer(cursor), integer(COUNT));
  const pattern = patternOf(MATCH);
  const found = keys.filter(
    (key) => pattern.test(key) && (TYPE ?? keyspace.typeOf(key)) === keyspace.typeOf(key),
  );
  return [String(next), found];
}

/** A glob as far as SCAN is given one: `*`, and what is escaped. */
function patternOf(glob: string): RegExp {
  const escaped = (character: string) => character.replace(/\W/, "\\$&");
  const parts = glob.match(/\\.|[^\\]/gs) ?? [];
  const source = parts.map((part) => (part === "*" ? ".*" : escaped(part.slice(-1)))).join("");
  return new RegExp(`^${source}$`, "s");
}

function hash({ keyspace }: CommandContext, key: string): Hash {
  return keyspace.get(key, "hash") ?? new Map();
}

function sortedSet({ keyspace }: CommandContext, key: string): SortedSet {
  return keyspace.get(key, "zset") ?? new Map();
}

/** What stands for the end of a key that has none: it lives for ever, or is not there. */
function missing(atMs: undefined | "none"): number {
  return atMs === undefined ? -1 : -2;
}

function integer(text = ""): number {
  if (!/^-?\d+$/.test(text)) throw new ReplyError("ERR value is not an integer or out of range");
  return Number(text);
}

/** A bound of a range of scores. */
function bound(text: string): number {
  return text === "-inf"
    ? Number.NEGATIVE_INFINITY
    : text === "+inf"
      ? Number.POSITIVE_INFINITY
      : Number(text);
}

function inPairs(items: readonly string[]): [string, string][] {
  if (items.length % 2 !== 0) throw new ReplyError("ERR wrong number of arguments");
  return Array.from({ length: items.length / 2 }, (_, n) => [items[2 * n] ?? "", items[2 * n + 1] ?? ""]);
}
