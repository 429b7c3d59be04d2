import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { recordOf } from "../../test/support/records.js";
import { systemClock } from "../clock.js";
import { RedisStore } from "../index.js";
import type { Command, RedisPort } from "../redis/port.js";
import { BEAT } from "../redis/scripts/beat.js";
import { LEAVE } from "../redis/scripts/leave.js";
import { READ } from "../redis/scripts/read.js";
import { newTag } from "../session/record.js";
import { ManualClock } from "./manual-clock.js";
import { SCRIPTS } from "./simulated-redis/scripts.js";
import { SimulatedRedis } from "./simulated-redis.js";
import { sessionStoreContract } from "./store-contract.js";

let clock: ManualClock;
let server: SimulatedRedis;
beforeEach(() => {
  clock = new ManualClock();
  server = new SimulatedRedis({ clock });
});

const send = (...command: string[]) => server.execute(command as unknown as Command);
const beat = (fresh = newTag()) => send("EVAL", BEAT.lua, "1", "meta", newTag(), fresh, "private", "node");

describe("keys", () => {
  test("expire by the wall clock of the server", () => {
    send("SET", "key", "value", "PX", "1000");
    clock.advance(400);
    expect([send("PTTL", "key"), send("GET", "key")]).toEqual([600, "value"]);
    clock.advance(601);
    expect([send("PTTL", "key"), send("GET", "key"), send("EXISTS", "key")]).toEqual([-2, null, 0]);
    expect(send("SCAN", "0")).toEqual(["0", []]);
  });

  test("written again without a life have none", () => {
    send("SET", "key", "value", "PX", "1000");
    send("SET", "key", "other");
    expect(send("PTTL", "key")).toBe(-1);
  });

  test("of another type are refused", () => {
    send("HSET", "hash", "field", "value");
    expect(() => send("GET", "hash")).toThrow(/^WRONGTYPE/);
    expect(() => send("ZADD", "hash", "1", "member")).toThrow(/^WRONGTYPE/);
    expect(send("TYPE", "hash")).toBe("hash");
  });

  test("that hold nothing any more are gone", () => {
    send("HSET", "hash", "field", "value");
    send("HDEL", "hash", "field");
    send("ZADD", "set", "1", "member");
    send("ZREMRANGEBYSCORE", "set", "-inf", "1");
    expect(send("EXISTS", "hash", "set")).toBe(0);
  });
});

describe("SCAN", () => {
  function scan(options: string[], between = () => {}): string[] {
    const found: string[] = [];
    let cursor = "0";
    do {
      const [next, keys] = send("SCAN", cursor, ...options) as [string, string[]];
      found.push(...keys);
      cursor = next;
      between();
    } while (cursor !== "0");
    return found;
  }

  test("finds every key once, though others come and go meanwhile", () => {
    for (let n = 0; n < 100; n++) send("SET", `key${n}`, "");
    let n = 0;
    const found = scan(["COUNT", "7"], () => {
      send("DEL", `key${n}`);
      send("SET", `new${n++}`, "");
    });
    expect(found).toEqual(expect.arrayContaining(Array.from({ length: 80 }, (_, n) => `key${n + 20}`)));
    expect(new Set(found).size).toBe(found.length);
  });

  test("matches a prefix, whatever characters it has", () => {
    for (const key of ["a*[b]?\\:1", "a*[b]?\\:", "ab:1", "x a*[b]?\\:1", "a.b"]) send("SET", key, "");
    expect(scan(["MATCH", "a\\*\\[b\\]\\?\\\\:*"])).toEqual(["a*[b]?\\:1", "a*[b]?\\:"]);
    expect(scan(["MATCH", "a.*"])).toEqual(["a.b"]);
  });

  test("leaves out other types", () => {
    send("SET", "string", "");
    send("RPUSH", "list", "item");
    expect(scan(["TYPE", "string"])).toEqual(["string"]);
  });
});

describe("messages", () => {
  test("come in the order in which they were published, across channels", () => {
    const heard: string[] = [];
    const end = server.subscribe(["a", "b"], (message, channel) => heard.push(`${channel}: ${message}`));
    const other = server.subscribe(["b"], () => {});
    expect([send("PUBLISH", "a", "1"), send("PUBLISH", "b", "2"), send("PUBLISH", "c", "3")]).toEqual([
      1, 2, 0,
    ]);
    end();
    expect(send("PUBLISH", "b", "4")).toBe(1);
    other();
    expect(send("PUBLISH", "b", "5")).toBe(0);
    expect(heard).toEqual(["a: 1", "b: 2"]);
  });
});

describe("scripts", () => {
  test("are known once their text was sent", () => {
    const args = ["1", "meta", "node", "*"];
    expect(() => send("EVALSHA", LEAVE.sha1, ...args)).toThrow(/^NOSCRIPT/);
    expect(send("EVAL", LEAVE.lua, ...args)).toBe(0);
    expect(send("EVALSHA", LEAVE.sha1, ...args)).toBe(0);
  });

  test("of ours are all there", async () => {
    const folder = join(import.meta.dirname, "../redis/scripts");
    const files = readdirSync(folder).filter((file) => /^[a-z-]+\.ts$/.test(file));
    const modules = await Promise.all(files.map((file) => import(join(folder, file)) as Promise<object>));
    const digests = modules
      .flatMap((module) => Object.values(module))
      .filter((value) => typeof value === "object" && "sha1" in value)
      .map(({ sha1 }) => sha1);
    expect(digests.sort()).toEqual([...SCRIPTS.keys()].sort());
  });

  test("of others, and commands that we do not use, are refused", () => {
    expect(() => send("EVAL", "return 1", "0")).toThrow("only the scripts of sessionmesh");
    expect(() => send("LPUSH", "list", "item")).toThrow("unknown command 'LPUSH'");
    expect(() => send("SET", "key", "value", "PX", "1.5")).toThrow(/^ERR/);
    expect(() => send("SET", "key", "value", "EX", "1")).toThrow(/^ERR/);
  });
});

describe("a server", () => {
  test("that must not be written to refuses what writes, and only that", () => {
    send("SET", "key", recordOf());
    const messages: string[] = [];
    server.subscribe(["private"], (message) => messages.push(message));
    server.readOnly = true;
    expect(() => beat()).toThrow(/^READONLY/);
    expect(() => send("SET", "key", "")).toThrow(/^READONLY/);
    expect(messages).toEqual([]);
    expect(send("EVAL", READ.lua, "2", "generations", "key", "")).toEqual([[recordOf(), -1]]);
    expect(send("PUBLISH", "private", "a message")).toBe(1);
    server.readOnly = false;
    expect(beat()).toBe(1);
  });

  test("that was promoted breaks the chain with the next beat", () => {
    const [first, second] = [newTag(), newTag()];
    beat(first);
    server.replid = "0".repeat(40);
    beat(second);
    expect(send("HGET", "meta", "c")).toBe(second);
  });

  test.each(["kept", "lost"] as const)("that restarts has its data %s, and nobody listens", (data) => {
    beat();
    send("SET", "key", "value");
    server.subscribe(["channel"], () => {});
    server.restart({ replid: "1".repeat(40), data });
    expect(send("GET", "key")).toBe(data === "kept" ? "value" : null);
    expect(send("PUBLISH", "channel", "")).toBe(0);
    expect(() => send("EVALSHA", BEAT.sha1, "1", "meta")).toThrow(/^NOSCRIPT/);
    expect(send("INFO")).toContain(`master_replid:${"1".repeat(40)}`);
  });

  test("can be copied, as it is at that moment", () => {
    send("SET", "key", "value", "PX", "1000");
    send("HSET", "hash", "field", "1");
    const replica = new SimulatedRedis({ clock });
    const snapshot = server.snapshot();
    send("HSET", "hash", "field", "2");
    send("DEL", "key");
    replica.execute(["SET", "own", ""]);
    replica.restore(snapshot);
    replica.execute(["HSET", "hash", "field", "3"]);
    replica.restore(snapshot);
    expect(replica.execute(["HGET", "hash", "field"])).toBe("1");
    expect(replica.execute(["PTTL", "key"])).toBe(1_000);
    expect(replica.execute(["EXISTS", "own"])).toBe(0);
    replica.execute(["SET", "later", ""]);
    expect(replica.execute(["SCAN", "0", "COUNT", "10"])).toEqual(["0", ["key", "hash", "later"]]);
  });
});

describe("a RedisStore on it", () => {
  const redis = new SimulatedRedis({ clock: systemClock });
  const client: RedisPort = {
    send: async (command) => redis.execute(command),
    subscribe: async () => ({ close: () => {} }),
  };
  const makeStore = (options: object) => new RedisStore({ client, prefix: `${randomUUID()}:`, ...options });
  for (const { name, run } of sessionStoreContract({ makeStore })) test.concurrent(name, run);
});
