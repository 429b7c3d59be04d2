import type { Reply } from "../../redis/port.js";
import { BEAT } from "../../redis/scripts/beat.js";
import { CLEAR } from "../../redis/scripts/clear.js";
import { CONFIRM } from "../../redis/scripts/confirm.js";
import { DELETE } from "../../redis/scripts/delete.js";
import { INCREMENT } from "../../redis/scripts/increment.js";
import { LEAVE } from "../../redis/scripts/leave.js";
import { LEGACY_READ } from "../../redis/scripts/legacy-read.js";
import { LEGACY_TOUCH } from "../../redis/scripts/legacy-touch.js";
import { LIMIT } from "../../redis/scripts/limit.js";
import { LIST } from "../../redis/scripts/list.js";
import { PUT } from "../../redis/scripts/put.js";
import { READ } from "../../redis/scripts/read.js";
import { REASSERT } from "../../redis/scripts/reassert.js";
import { REPLACE } from "../../redis/scripts/replace.js";
import { REVOKE_USER } from "../../redis/scripts/revoke-user.js";
import { ROTATE } from "../../redis/scripts/rotate.js";
import type { Script } from "../../redis/scripts/script.js";
import { TAKE } from "../../redis/scripts/take.js";
import { TOUCH } from "../../redis/scripts/touch.js";
import { USER_SESSIONS } from "../../redis/scripts/user-sessions.js";
import { HEAD_LENGTH, HEADER_LENGTH } from "../../session/record.js";
import {
  announce,
  type Call,
  digits,
  generationOf,
  hasListeners,
  headOf,
  index,
  kindOf,
  listen,
  nowMs,
  registry,
  renewEpoch,
  targetOf,
  userOf,
} from "./script-parts.js";

/** A script of ours in JavaScript: statement by statement what the Lua of the same name does. Its arguments are told there. */
type ScriptBody = (call: Call, keys: readonly string[], args: readonly string[]) => Reply;

type Strings2 = [string, string];
type Strings3 = [string, string, string];
type Strings5 = [...Strings3, ...Strings2];

function beat(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [meta] = keys as [string];
  const [nonce, fresh, channel, node, lifeMs = ""] = args as [...Strings2, ...Strings2, string?];
  let head = renewEpoch(call, meta, fresh);
  if (lifeMs !== "") head = listen(call, meta, Number(lifeMs), fresh, head);
  call("HINCRBY", meta, `n:${node}`, 1);
  return call("PUBLISH", channel, `SM1B\n${nonce}\n${head}`);
}

function clear(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [meta, generations, ...records] = keys as [...Strings2, ...string[]];
  const [tag, channel, node, prefix] = args as [...Strings2, ...Strings2];
  let deleted = 0;
  for (const record of records) {
    const head = headOf(call, record);
    const kind = kindOf(call, head, generations);
    if (kind === "gone" && !head.startsWith("L1")) continue;
    if (kind === "gone" || kind === "moved") deleted--;
    deleted += Number(call("UNLINK", record));
  }
  announce(call, meta, channel, { kind: "C", tag, node, key: prefix });
  return deleted;
}

function remove(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [record, meta, generations] = keys as Strings3;
  const [condition, tag, lifeMs, channel, node, reason, request, replyTo, fresh, name] = args as [
    ...Strings5,
    ...Strings5,
  ];
  const head = headOf(call, record);
  const kind = kindOf(call, head, generations);
  if (kind === "moved" && condition !== "*") return [2, targetOf(call, record)];
  let outcome = kind === "absent" || kind === "gone" || kind === "moved" ? 0 : 1;
  const isRepetition = head.slice(0, 14) === `T1${name}`;
  if (isRepetition) outcome = Number(head.slice(14));
  else if (condition.startsWith("=")) {
    if (outcome === 0) return [0];
    const found = kind === "live" ? head.slice(2, 14) : kind === "foreign" ? "" : undefined;
    if (found !== condition.slice(1)) return [-1];
  }
  if (request !== "") renewEpoch(call, meta, fresh);
  if (lifeMs === "") {
    if (kind !== "gone" || head.startsWith("L")) {
      call("UNLINK", record);
      announce(call, meta, channel, { kind: "I", tag, node, key: record });
    }
  } else if (!isRepetition) {
    call("SET", record, `T1${name}${outcome}`, "PX", lifeMs);
    announce(call, meta, channel, { kind: "D", tag, node, key: record, rest: [reason, request, replyTo] });
  }
  return request === "" ? [outcome] : [outcome, registry(call, meta)];
}

function increment(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [counter] = keys as [string];
  const [lifeMs] = args as [string];
  const count = Number(call("HINCRBY", counter, "n", 1));
  if (count === 1) call("PEXPIRE", counter, lifeMs);
  return count;
}

function leave(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [meta] = keys as [string];
  let gone = 0;
  for (let i = 0; i < args.length; i += 2) {
    const field = `n:${args[i]}`;
    if (args[i + 1] === "*" || call("HGET", meta, field) === args[i + 1]) {
      gone += Number(call("HDEL", meta, field));
    }
  }
  return gone;
}

function legacyRead(call: Call, keys: readonly string[]): Reply {
  const [record] = keys as [string];
  if (call("TYPE", record) !== "string") return null;
  return [call("GET", record), call("PTTL", record)];
}

function legacyTouch(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [record] = keys as [string];
  const [current, life] = [Number(call("PTTL", record)), Number(args[0])];
  if (current === -2) return null;
  if (current === -1 || current >= life) return current;
  call("PEXPIRE", record, life);
  return life;
}

function limit(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [found] = keys as [string];
  const [memoryMs, own, ...others] = args as [...Strings2, ...string[]];
  const now = nowMs(call);
  call("ZREMRANGEBYSCORE", found, "-inf", now);
  if ((call("ZRANGE", found, 0, -1) as string[]).includes(own)) return 0;
  for (const other of others) call("ZADD", found, now + Number(memoryMs), other);
  call("PEXPIRE", found, memoryMs);
  return 1;
}

function list(call: Call, keys: readonly string[]): Reply {
  const [generations, ...records] = keys as [string, ...string[]];
  return records.filter((record) => {
    const kind = kindOf(call, headOf(call, record), generations);
    return kind !== "absent" && kind !== "gone" && kind !== "moved";
  });
}

type PutArgs = [
  ...[condition: string, tag: string, wallMs: string, ttl: string, endMs: string, absoluteTtl: string],
  ...[user: string, data: string],
];

const PUT_COMMON_ARGS = 5;
const PUT_ARGS_EACH = 8;

function put(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  return keys.slice(2).map((record, n) => {
    const first = PUT_COMMON_ARGS + n * PUT_ARGS_EACH;
    return unlessWrongType(() => {
      return putOne(call, keys, record, args, args.slice(first, first + PUT_ARGS_EACH) as PutArgs);
    });
  });
}

function putOne(
  call: Call,
  keys: readonly string[],
  record: string,
  common: readonly string[],
  args: PutArgs,
): Reply {
  const [meta, generations] = keys as Strings2;
  const [channel, node, users, toListenersOnly, defaultTtl] = common as Strings5;
  const [condition, newTag, wallMs, askedTtl, askedEndMs, absoluteTtl, askedUser, data] = args;
  let head = headOf(call, record);
  const kind = kindOf(call, head, generations);
  let [tag, created, ttl, expires, user] = ["", wallMs, askedTtl, askedEndMs, askedUser];
  let [absolute, generation] = [digits(0), "00000000"];
  if (kind === "corrupt" || kind === "gone") return kind;
  if (kind === "moved") return [kind, targetOf(call, record)];
  if (kind === "live") {
    [tag, user] = [head.slice(2, 14), userOf(head)];
    if (tag === newTag) return [call("PTTL", record), head.slice(0, HEADER_LENGTH + user.length)];
    [created, absolute, generation] = [head.slice(14, 27), head.slice(53, 66), head.slice(66, 74)];
    if (ttl === "") ttl = head.slice(40, 53);
  }
  const expected = condition.startsWith("=");
  if (kind === "absent" && (expected || condition === "replace")) return "absent";
  if (expected && condition !== `=${tag}`) return ["conflict", call("GET", record), call("PTTL", record)];
  if (condition === "create" && kind !== "absent") return "conflict";

  if (askedUser !== "" && (kind !== "live" || user !== askedUser)) {
    [user, generation] = [askedUser, generationOf(call, generations, askedUser)];
  }
  if (ttl === "") ttl = defaultTtl;
  let life = Number(ttl);
  if (absoluteTtl !== "" || absolute !== digits(0)) {
    const now = nowMs(call);
    if (absoluteTtl !== "") absolute = digits(now + Number(absoluteTtl));
    if (Number(absolute) - now < life) {
      life = Number(absolute) - now;
      expires = digits(Number(wallMs) + life);
    }
    if (life <= 0) return "expired";
  }
  if (expires === "") expires = digits(Number(wallMs) + life);
  head = `L1${newTag}${created}${expires}${ttl}${absolute}${generation}${String(user.length).padStart(4, "0")}${user}`;
  call("SET", record, head + data, "PX", life);
  index(call, users, user, record, life);
  if (toListenersOnly !== "1" || hasListeners(call, meta)) {
    announce(call, meta, channel, { kind: "I", tag: newTag, node, key: record });
  }
  return [life, head];
}

function read(call: Call, keys: readonly string[], tags: readonly string[]): Reply {
  const [generations, ...records] = keys as [string, ...string[]];
  return tags.map((tag, n) => unlessWrongType(() => readOne(call, records[n] as string, generations, tag)));
}

/** What a script that goes through several records says of a key that holds no string. */
function unlessWrongType(body: () => Reply): Reply {
  try {
    return body();
  } catch (error) {
    if ((error as Error).message.startsWith("WRONGTYPE")) return "wrongtype";
    throw error;
  }
}

function readOne(call: Call, record: string, generations: string, knownTag: string): Reply {
  if (knownTag !== "") {
    const head = headOf(call, record);
    if (head.slice(2, 14) === knownTag && kindOf(call, head, generations) === "live") {
      return [head.slice(0, HEADER_LENGTH) + userOf(head), call("PTTL", record)];
    }
  }
  const text = call("GET", record) as string | null;
  if (text === null) return null;
  if (kindOf(call, text.slice(0, HEAD_LENGTH), generations) === "gone") return "gone";
  return [text, call("PTTL", record)];
}

function reassert(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [meta, generations, ...records] = keys as [...Strings2, ...string[]];
  const [lifeMs, channel, node, reason, ...tags] = args as [...Strings2, ...Strings2, ...string[]];
  let back = 0;
  for (const [n, record] of records.entries()) {
    const kind = kindOf(call, headOf(call, record), generations);
    const tag = tags[n] as string;
    if (kind !== "gone") call("SET", record, `T1${tag}0`, "PX", lifeMs);
    if (kind !== "gone" && kind !== "absent") {
      back++;
      announce(call, meta, channel, { kind: "D", tag, node, key: record, rest: [reason, "", ""] });
    }
  }
  return back;
}

function replace(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [record] = keys as [string];
  const [expected, text, askedLife] = args as Strings3;
  const current = (call("GET", record) ?? "") as string;
  if (current === text) return 1;
  if (current !== expected) return 0;
  if (text === "") return call("UNLINK", record);
  const life = Number(askedLife || call("PTTL", record));
  call("SET", record, text, ...(life > 0 ? ["PX", life] : []));
  return 1;
}

function revokeUser(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [generations, meta] = keys as Strings2;
  const [tag, fresh, floor, channel, node, ...rest] = args as [...Strings5, ...Strings2, ...Strings2];
  const [prefix, user, request, replyTo] = rest;
  renewEpoch(call, meta, fresh);
  const known = Number(call("HGET", generations, user) ?? 0);
  const generation = Math.max(floor === "" ? known + 1 : Number(floor), known);
  call("HSET", generations, user, generation);
  const lines = [user, generation, request, replyTo];
  if (generation > known) announce(call, meta, channel, { kind: "U", tag, node, key: prefix, rest: lines });
  return [generation, request === "" ? [] : registry(call, meta), generation > known ? 1 : 0];
}

function take(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [record, meta, generations] = keys as Strings3;
  const [tag, channel, node] = args as Strings3;
  const text = call("GET", record) as string | null;
  if (text === null) return null;
  const kind = kindOf(call, text.slice(0, HEAD_LENGTH), generations);
  if (kind === "gone") return null;
  const lifeMs = call("PTTL", record);
  if (kind === "live" || kind === "foreign") {
    call("UNLINK", record);
    announce(call, meta, channel, { kind: "I", tag, node, key: record });
  }
  return [text, lifeMs];
}

function rotate(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [record, meta, generations] = keys as Strings3;
  const [newId, graceMs, tombstoneMs, tag, channel, node, name, mustExist, deletion] = args as [
    ...Strings5,
    ...Strings2,
    ...Strings2,
  ];
  const head = headOf(call, record);
  const kind = kindOf(call, head, generations);
  const target = head.startsWith("A1") && kind !== "corrupt" ? targetOf(call, record) : undefined;
  if (target === newId) return [1];
  if (kind === "moved" && deletion === "") return [2, target as string];
  if (head.slice(0, 14) === `T1${name}`) return [Number(head.slice(14))];
  if (deletion !== "" && head !== `T1${deletion}1`) return [0];
  if (deletion === "" && (kind === "gone" || (kind === "absent" && mustExist !== ""))) return [0];
  const outcome = kind === "absent" ? 0 : 1;
  const grace = outcome === 1 ? Number(graceMs) : 0;
  const left = grace > 0 ? `A1${digits(nowMs(call) + grace)}${newId}` : `T1${name}${outcome}`;
  call("SET", record, left, "PX", Number(tombstoneMs) + grace);
  const rest = ["rotated", "", ""];
  if (deletion === "") announce(call, meta, channel, { kind: "D", tag, node, key: record, rest });
  return [outcome];
}

function touch(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [record, generations] = keys as Strings2;
  const [wallMs, askedTtl, defaultTtl, askedEndMs, users] = args as Strings5;
  const head = headOf(call, record);
  const kind = kindOf(call, head, generations);
  if (kind === "absent" || kind === "gone") return null;
  if (kind === "moved") return [-3, targetOf(call, record)];
  const current = Number(call("PTTL", record));
  if (kind === "corrupt" || current === -1) return [kind === "corrupt" ? -2 : -1, "", 1];
  const live = kind === "live";
  const ttl = Number(askedTtl || (live ? head.slice(40, 53) : defaultTtl));
  let life = ttl + Math.floor(ttl / 10);
  let expires = Number(askedEndMs || Number(wallMs) + ttl);
  let cut = 0;
  const absolute = live ? Number(head.slice(53, 66)) : 0;
  if (absolute > 0) {
    const left = absolute - nowMs(call);
    if (left < ttl) cut = 1;
    life = Math.min(life, left);
    expires = Math.min(expires, Number(wallMs) + left);
  }
  if (life > current) call("PEXPIRE", record, life);
  else life = current;
  if (live) {
    const known = Number(head.slice(27, 40));
    if (expires > known) call("SETRANGE", record, 27, digits(expires));
    else expires = known;
    index(call, users, userOf(head), record, life);
  }
  return [life, digits(expires), cut];
}

function userSessions(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [generations, indexKey] = keys as Strings2;
  const [user] = args as [string];
  const found: string[] = [];
  const index = call("ZRANGE", indexKey, 0, -1, "WITHSCORES") as string[];
  for (let i = 0; i < index.length; i += 2) {
    const [key, endMs] = index.slice(i, i + 2) as Strings2;
    const head = headOf(call, key);
    if (kindOf(call, head, generations) === "live" && userOf(head) === user) found.push(key, endMs);
    else call("ZREM", indexKey, key);
  }
  return found;
}

function confirm(call: Call, keys: readonly string[], args: readonly string[]): Reply {
  const [meta = "", generations = "", record = ""] = keys;
  call("HDEL", meta, "");
  call("HINCRBY", meta, "w", 1);
  const [user, generation] = args;
  if (user !== undefined) return Number(call("HGET", generations, user) ?? 0) >= Number(generation) ? 1 : 0;
  return ["gone", "absent", "moved"].includes(kindOf(call, headOf(call, record), generations)) ? 1 : 0;
}

const BODIES: readonly (readonly [name: string, script: Script, body: ScriptBody])[] = [
  ["beat", BEAT, beat],
  ["clear", CLEAR, clear],
  ["confirm", CONFIRM, confirm],
  ["delete", DELETE, remove],
  ["increment", INCREMENT, increment],
  ["leave", LEAVE, leave],
  ["legacy-read", LEGACY_READ, legacyRead],
  ["legacy-touch", LEGACY_TOUCH, legacyTouch],
  ["limit", LIMIT, limit],
  ["list", LIST, list],
  ["put", PUT, put],
  ["read", READ, read],
  ["reassert", REASSERT, reassert],
  ["replace", REPLACE, replace],
  ["revoke-user", REVOKE_USER, revokeUser],
  ["rotate", ROTATE, rotate],
  ["take", TAKE, take],
  ["touch", TOUCH, touch],
  ["user-sessions", USER_SESSIONS, userSessions],
];

/** The digest of each script, by its text. */
export const DIGESTS: ReadonlyMap<string, string> = new Map(BODIES.map(([, { lua, sha1 }]) => [lua, sha1]));

/** What each script does, by its digest. */
export const SCRIPTS: ReadonlyMap<string, ScriptBody> = new Map(
  BODIES.map(([, { sha1 }, body]) => [sha1, body]),
);

/** What each script is called, by its digest. */
export const SCRIPT_NAMES: ReadonlyMap<string, string> = new Map(
  BODIES.map(([name, { sha1 }]) => [sha1, name]),
);
