import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { useRawRedis } from "../../test/support/raw-redis.js";
import { A_TAG, recordOf } from "../../test/support/records.js";
import { aliasOf, FUTURE_MS, PAST_MS } from "../../test/support/script-runner.js";
import type { Command, Reply } from "../redis/port.js";
import { BEAT } from "../redis/scripts/beat.js";
import { CLEAR } from "../redis/scripts/clear.js";
import { DELETE } from "../redis/scripts/delete.js";
import { LEAVE } from "../redis/scripts/leave.js";
import { LIMIT } from "../redis/scripts/limit.js";
import { LIST } from "../redis/scripts/list.js";
import { PUT } from "../redis/scripts/put.js";
import { READ } from "../redis/scripts/read.js";
import { REASSERT } from "../redis/scripts/reassert.js";
import { REVOKE_USER } from "../redis/scripts/revoke-user.js";
import { ROTATE } from "../redis/scripts/rotate.js";
import type { Script } from "../redis/scripts/script.js";
import { TOUCH } from "../redis/scripts/touch.js";
import { USER_SESSIONS } from "../redis/scripts/user-sessions.js";
import { ManualClock } from "./manual-clock.js";
import { SimulatedRedis } from "./simulated-redis.js";

const RUNS = 200;
const REPLID = "0".repeat(40);
/** By how much two times may differ: the servers do not run a script in the same millisecond. All times below are farther apart. */
const TOLERANCE_MS = 5_000;

const redis = useRawRedis();

/** A few of everything, so that calls meet. */
const RECORDS = ["record:1", "record:2", "record:3"];
const TAGS = [A_TAG, ...Array.from({ length: 5 }, (_, n) => `tag-${n}`.padEnd(12, "_"))];
const record = fc.constantFrom(...RECORDS);
const tag = fc.constantFrom(...TAGS);
const user = fc.constantFrom("", "ann", "Zo%C3%AB");
const ttlMs = fc.constantFrom("", "0000000100000", "0000000300000");
const endMs = fc.constantFrom("", "1800000500000");
const wallMs = fc.constant("1800000000000");
const channel = fc.constantFrom("", "channel");
const meta = fc.constant("meta");
const generations = fc.constant("generations");
const users = fc.constant("users:");
const node = fc.constantFrom("a", "b");
const request = fc.constantFrom("", "request");

type Call = { readonly script: Script; readonly keys: string[]; readonly args: string[] };

function call(
  script: Script,
  keys: fc.Arbitrary<string>[],
  args: fc.Arbitrary<string>[],
): fc.Arbitrary<Call> {
  return fc.record({ script: fc.constant(script), keys: fc.tuple(...keys), args: fc.tuple(...args) });
}

const equals = tag.map((expected) => `=${expected}`);
const condition = fc.oneof(fc.constantFrom("", "*", "="), equals);
const mode = fc.oneof({ weight: 3, arbitrary: fc.constantFrom("create", "set", "replace") }, equals);
const life = [wallMs, ttlMs, endMs, fc.constantFrom("", "250000")];
const data = fc.constantFrom("[1]", '"é"');
const defaultTtl = fc.constant("0000000200000");
const write = [mode, tag, ...life, user, data];
const reason = fc.constant("deleted");
const tombstoneMs = fc.constant("900000");
const prefix = fc.constant("record:");
const session = fc.constantFrom("a", "b", "c");
const calls = {
  put: call(
    PUT,
    [meta, generations, record, record],
    [channel, node, users, fc.constant(""), defaultTtl, ...write, ...write],
  ),
  touch: call(TOUCH, [record, generations], [wallMs, ttlMs, fc.constant("200000"), endMs, users]),
  read: call(
    READ,
    [generations, record, record],
    [fc.oneof(fc.constant(""), tag), fc.oneof(fc.constant(""), tag)],
  ),
  delete: call(
    DELETE,
    [record, meta, generations],
    [condition, tag, tombstoneMs, channel, node, reason, request, request, tag, tag],
  ),
  rotate: call(
    ROTATE,
    [record, meta, generations],
    [
      fc.constantFrom("2", "3", "é"),
      fc.constantFrom("0", "400000"),
      ...[tombstoneMs, tag, channel, node, tag],
      fc.constantFrom("", "1"),
      fc.oneof(fc.constant(""), tag),
    ],
  ),
  revokeUser: call(
    REVOKE_USER,
    [generations, meta],
    [tag, tag, fc.constantFrom("", "1", "3"), channel, node, prefix, user, request, request],
  ),
  reassert: call(
    REASSERT,
    [meta, generations, record, record],
    [tombstoneMs, channel, node, reason, tag, tag],
  ),
  clear: call(CLEAR, [meta, generations, record], [tag, channel, node, prefix]),
  list: call(LIST, [generations, ...RECORDS.map((key) => fc.constant(key))], []),
  userSessions: call(USER_SESSIONS, [generations, user.map((name) => `users:${name}`)], [user]),
  limit: call(LIMIT, [user.map((name) => `users:${name}#`)], [tombstoneMs, session, session, session]),
  beat: call(BEAT, [meta], [tag, tag, channel, node]),
  leave: call(LEAVE, [meta], [node, fc.constantFrom("*", "1", "2")]),
};

const records = [recordOf(), recordOf({ user: "ann" })];
const aliases = [aliasOf("new", PAST_MS), aliasOf("é", FUTURE_MS), "A1hello", aliasOf("", FUTURE_MS)];

/**
 * What another program may have written, or another server. No keys of another type: a script that goes through several fails at such a
 * one, and what it did before depends on their order, which a millisecond changes.
 */
const foreign = {
  set: fc
    .constantFrom("{}", "hello", ...records, recordOf().slice(0, 50), ...aliases)
    .chain((text) => record.map((key) => ["SET", key, text])),
  epoch: meta.map((key) => ["HSET", key, "e", REPLID]),
  delete: record.map((key) => ["DEL", key]),
};

/** What makes sessions is sent more often than what ends them: on a tombstone most scripts do nothing. */
const step: fc.Arbitrary<Call | string[]> = fc.oneof(
  { weight: 24, arbitrary: calls.put },
  { weight: 10, arbitrary: calls.touch },
  { weight: 4, arbitrary: fc.oneof(calls.read, calls.list, calls.userSessions) },
  { weight: 4, arbitrary: calls.delete },
  { weight: 4, arbitrary: calls.rotate },
  { weight: 3, arbitrary: calls.revokeUser },
  { weight: 3, arbitrary: fc.oneof(calls.reassert, calls.clear) },
  { weight: 2, arbitrary: fc.oneof(calls.beat, calls.leave, foreign.epoch) },
  { weight: 4, arbitrary: foreign.set },
  { weight: 6, arbitrary: foreign.delete },
);

/** One of the servers under test. */
interface Server {
  send(...command: string[]): Promise<Reply>;
}

/** All that a server answers to these steps, and all that it holds in the end. */
async function play(server: Server, steps: readonly (Call | string[])[]): Promise<unknown[]> {
  const answer = (...command: string[]) =>
    server.send(...command).catch((error: Error) => error.message.split(" ")[0]);
  const answers: unknown[] = [];
  for (const step of steps) {
    if (Array.isArray(step)) answers.push(await answer(...step));
    else {
      const { script, keys, args } = step;
      const reply = await answer("EVAL", script.lua, String(keys.length), ...keys, ...args);
      answers.push(script === BEAT ? typeof reply : inOrder(reply));
    }
  }
  for (const key of [...RECORDS, "users:ann", "users:Zo%C3%AB"]) {
    const type = await server.send("TYPE", key);
    const indexed = (type === "zset" ? await server.send("ZRANGE", key, "0", "-1") : []) as string[];
    const scores = indexed.map((member) => server.send("ZSCORE", key, member).then(Number));
    answers.push([type, await server.send("PTTL", key), ...(await Promise.all(scores))]);
    answers.push(inOrder(indexed));
    if (type === "string") answers.push(await server.send("GET", key));
  }
  for (const key of ["meta", "generations"]) {
    const hash = await server.send("HGETALL", key);
    const fields: string[] = Array.isArray(hash) ? hash : Object.entries(hash as object).flat();
    answers.push(inOrder(fields.map((field) => (/^[0-9a-f]{40}$/.test(field) ? "epoch" : field))));
  }
  return answers;
}

/** Lists whose order is not promised: the registry, and sessions that end at nearly the same time. */
function inOrder(reply: unknown): unknown {
  if (!Array.isArray(reply)) return reply;
  const [first, ...rest] = reply;
  return typeof first === "string" && first.startsWith("record:")
    ? reply.toSorted()
    : [first, ...rest.map(sorted)];
}

function sorted(part: unknown): unknown {
  return Array.isArray(part) ? part.toSorted() : part;
}

/** The same, but for the milliseconds that pass. */
function alike(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, n) => alike(item, b[n]));
  if (typeof a === "number" && typeof b === "number")
    return a === b || (Math.min(a, b) > 0 && Math.abs(a - b) < TOLERANCE_MS);
  if (typeof a !== "string" || typeof b !== "string") return a === b;
  if (/^\d{13}$/.test(a) && /^\d{13}$/.test(b)) return alike(Number(a), Number(b));
  const alias = /^A1\d{13}/;
  if (alias.test(a) && alias.test(b))
    return alike([a.slice(2, 15), a.slice(15)], [b.slice(2, 15), b.slice(15)]);
  if (!/^L1.{12}\d{64}/.test(a) || !/^L1.{12}\d{64}/.test(b)) return a === b;
  const parts = (text: string) => [
    text.slice(0, 14),
    ...[14, 27, 40, 53].map((at) => text.slice(at, at + 13)),
    text.slice(66),
  ];
  return alike(parts(a), parts(b));
}

test("does what Redis does, whatever it is sent", { timeout: 120_000 }, async () => {
  const heard = new Map<string, string[]>([
    ["real", []],
    ["simulated", []],
  ]);
  const subscriber = redis.client.duplicate();
  subscriber.on("error", () => {});
  onTestFinished(() => subscriber.destroy());
  await subscriber.connect();
  await subscriber.subscribe("channel", (message) => heard.get("real")?.push(message));
  const steps = fc.array(step, { maxLength: 100, size: "max" });
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      await redis.send("FLUSHALL");
      const simulated = new SimulatedRedis({ clock: new ManualClock(0, await redis.nowMs()) });
      simulated.subscribe(["channel"], (message) => heard.get("simulated")?.push(message));
      const expected = await play(redis, steps);
      const answers = await play(
        { send: async (...command) => simulated.execute(command as unknown as Command) },
        steps,
      );
      for (const [n, answer] of answers.entries()) {
        if (!alike(answer, expected[n])) expect({ n, answer }).toEqual({ n, answer: expected[n] });
      }
      const end = randomUUID();
      await redis.send("PUBLISH", "channel", end);
      simulated.execute(["PUBLISH", "channel", end]);
      await expect.poll(() => heard.get("real")?.at(-1)).toBe(end);
      expect(heard.get("simulated")?.splice(0)).toEqual(heard.get("real")?.splice(0));
    }),
    { numRuns: RUNS },
  );
});
