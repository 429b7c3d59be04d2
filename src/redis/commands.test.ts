import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import { CLIENT_KINDS } from "../../test/support/clients.js";
import { A_TAG } from "../../test/support/records.js";
import { useRedis } from "../../test/support/redis-server.js";
import { StoreUnavailableError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { type KeyRequest, RedisCommands } from "./commands.js";
import { portOf, type RedisClient } from "./detect.js";
import type { Command, RedisPort, Reply } from "./port.js";
import { script } from "./scripts/script.js";
import { SessionTable } from "./session-table.js";

describe.each(CLIENT_KINDS)("RedisCommands on $name", (kind) => {
  const redis = useRedis();
  const clock = new ManualClock();

  async function withCommands(use: (commands: RedisCommands) => Promise<void>): Promise<void> {
    const client = await kind.connect(redis.port);
    try {
      await use(
        new RedisCommands({ port: portOf(client as RedisClient), clock, timeoutMs: 100, maxPending: 2 }),
      );
    } finally {
      await kind.close(client);
    }
  }

  test("refuses a reply that is handled too late, though no timer has run: the process was paused", () =>
    withCommands(async (commands) => {
      const reply = commands.send(["PING"]);
      clock.jump(100);
      await expect(reply).rejects.toThrow(StoreUnavailableError);
    }));

  test("gives up when the time is over, without waiting for the reply", () =>
    withCommands(async (commands) => {
      const reply = commands.send(["PING"]);
      clock.advance(100);
      await expect(reply).rejects.toThrow("no reply within 100 ms");
      expect(await commands.send(["PING"])).toBe("PONG");
    }));

  test("refuses at once what is too much, and takes more when replies have come", () =>
    withCommands(async (commands) => {
      const pending = [commands.send(["PING"]), commands.send(["PING"])];
      await expect(commands.send(["PING"])).rejects.toThrow("2 commands wait for it already");
      await Promise.all(pending);
      expect(await commands.send(["PING"])).toBe("PONG");
    }));

  test("does not send a script's text after the caller was told that it failed", () =>
    withCommands(async (commands) => {
      await commands.send(["SCRIPT", "FLUSH"]);
      const late = commands.run(script("return redis.call('SET', KEYS[1], 'late')"), ["late"], []);
      clock.advance(100);
      await expect(late).rejects.toThrow("no reply within 100 ms");
      expect(await commands.send(["PING"])).toBe("PONG"); // the server has answered NOSCRIPT by now
      expect(await commands.send(["EXISTS", "late"])).toBe(0);
    }));

  test("runs a script that the server does not know, and tells its errors apart", () =>
    withCommands(async (commands) => {
      const echo = script("return {KEYS[1], ARGV[1], 7, false}");
      await commands.send(["SCRIPT", "FLUSH"]);
      expect(await commands.run(echo, ["k"], ["a"])).toEqual(["k", "a", 7, null]);
      expect(await commands.run(echo, ["k"], ["b"])).toEqual(["k", "b", 7, null]);
      const failing = script("return redis.error_reply('NOPE is not NOSCRIPT')");
      await expect(commands.run(failing, [], [])).rejects.toThrow("NOPE");
    }));
});

/** A server that fails each command as the test says, then answers, and notes what it was sent and when. */
class FailingPort implements RedisPort {
  readonly sent: Command[] = [];
  readonly sentAtMs: number[] = [];
  readonly #clock: ManualClock;
  readonly #failures: string[];

  constructor(clock: ManualClock, failures: string[]) {
    this.#clock = clock;
    this.#failures = failures;
  }

  async send(command: Command): Promise<Reply> {
    this.sent.push(command);
    this.sentAtMs.push(this.#clock.now());
    const failure = this.#failures.shift();
    if (failure !== undefined) throw new Error(failure);
    return "done";
  }

  subscribe(): Promise<never> {
    throw new Error("nobody subscribes here");
  }
}

const CONNECTION_ERRORS = [
  "Socket closed unexpectedly",
  "Connection is closed.",
  "connect ECONNREFUSED 127.0.0.1:6379",
  "read ECONNRESET",
  "The client is closed",
];
const REFUSALS_FOR_NOW = [
  "LOADING Redis is loading the dataset in memory",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "CLUSTERDOWN The cluster is down",
];
const REFUSALS = [
  "ERR unknown command",
  "READONLY You can't write against a read only replica.",
  "NOREPLICAS Not enough good replicas to write.",
  "OOM command not allowed when used memory > 'maxmemory'.",
  "WRONGTYPE Operation against a key holding the wrong kind of value",
  "NOPERM this user has no permissions",
];

describe("a script that fails", () => {
  const SCRIPT = script("return 'done'");
  const EVALSHA = ["EVALSHA", SCRIPT.sha1, "1", "key", "tag"];
  const EVAL = ["EVAL", SCRIPT.lua, "1", "key", "tag"];
  const always = (failure: string) => Array.from({ length: 10 }, () => failure);
  let clock: ManualClock;

  beforeEach(() => {
    clock = new ManualClock();
  });

  function failing(failures: string[], timeoutMs = 1_000) {
    const port = new FailingPort(clock, failures);
    return { port, commands: new RedisCommands({ port, clock, timeoutMs, maxPending: 1 }) };
  }

  const run = (commands: RedisCommands, mayRepeat = true) =>
    commands.run(SCRIPT, ["key"], ["tag"], { mayRepeat });

  /** Lets time pass until the promise has ended; its outcome. */
  async function whileTimePasses<R>(promise: Promise<R>): Promise<R> {
    let ended = false;
    const end = () => {
      ended = true;
    };
    promise.then(end, end);
    for (let n = 0; !ended && n < 10_000; n++) {
      await nextTurn();
      clock.advance(0.25);
    }
    return promise;
  }

  test.each([
    ...CONNECTION_ERRORS,
    ...REFUSALS_FOR_NOW,
  ])("for a moment is sent again, the same: %s", async (failure) => {
    const { port, commands } = failing([failure]);
    expect(await whileTimePasses(run(commands))).toBe("done");
    expect(port.sent).toEqual([EVALSHA, EVALSHA]);
    expect(commands.repetitions).toBe(1);
  });

  test("is sent four times in all, and fails with what was said last", async () => {
    const { port, commands } = failing([
      "Socket closed",
      "Socket closed",
      "Socket closed",
      "still closed",
      "no",
    ]);
    const outcome = await whileTimePasses(run(commands)).catch((error) => error);
    expect(outcome).toBeInstanceOf(StoreUnavailableError);
    expect(outcome).toMatchObject({ cause: { message: "still closed" } });
    expect(port.sent).toEqual([EVALSHA, EVALSHA, EVALSHA, EVALSHA]);
    expect(commands.repetitions).toBe(3);
  });

  test("is sent again after waits that double, with jitter", async () => {
    const { port, commands } = failing(always("Socket closed"));
    await expect(whileTimePasses(run(commands))).rejects.toThrow("Socket closed");
    // 25, 50 and 100 ms, of which a manual clock takes three quarters
    expect(port.sentAtMs).toEqual([0, 18.75, 56.25, 131.25]);
  });

  test.each(REFUSALS)("for good is not sent again: %s", async (failure) => {
    const { port, commands } = failing([failure]);
    await expect(whileTimePasses(run(commands))).rejects.toThrow(failure);
    expect(port.sent).toEqual([EVALSHA]);
    expect(commands.repetitions).toBe(0);
  });

  test("for a moment, then for good, is not sent a third time", async () => {
    const { port, commands } = failing(["Socket closed", "READONLY You can't write", "Socket closed"]);
    await expect(whileTimePasses(run(commands))).rejects.toThrow("READONLY");
    expect(port.sent).toHaveLength(2);
  });

  test.each(CONNECTION_ERRORS)("is sent once if it may not be repeated: %s", async (failure) => {
    const { port, commands } = failing([failure]);
    await expect(whileTimePasses(run(commands, false))).rejects.toThrow(failure);
    expect(port.sent).toEqual([EVALSHA]);
  });

  test.each(REFUSALS_FOR_NOW)("that did nothing is sent again, whatever it is: %s", async (failure) => {
    const { port, commands } = failing([failure, failure]);
    expect(await whileTimePasses(run(commands, false))).toBe("done");
    expect(port.sent).toEqual([EVALSHA, EVALSHA, EVALSHA]);
  });

  test("that may not be repeated, and was refused, is not sent again after it may have been carried out", async () => {
    const { port, commands } = failing([
      "TRYAGAIN Multiple keys request during rehashing of slot",
      "Socket closed",
    ]);
    await expect(whileTimePasses(run(commands, false))).rejects.toThrow("Socket closed");
    expect(port.sent).toEqual([EVALSHA, EVALSHA]);
  });

  test("since its slot goes to another master is sent again for as long as it has time", async () => {
    const migrating = "TRYAGAIN Multiple keys request during rehashing of slot";
    const { port, commands } = failing(Array.from({ length: 6 }, () => migrating));
    expect(await whileTimePasses(run(commands))).toBe("done");
    expect(port.sent).toHaveLength(7);
    const endless = failing(Array.from({ length: 1_000 }, () => migrating));
    await expect(whileTimePasses(run(endless.commands))).rejects.toThrow("no reply within 1000 ms");
    expect(endless.port.sent.length).toBeGreaterThan(5);
    expect(endless.port.sent.length).toBeLessThan(20);
  });

  test("may not be repeated unless somebody says so, and a plain command never", async () => {
    const { port, commands } = failing(always("Socket closed"));
    await expect(whileTimePasses(commands.run(SCRIPT, ["key"], ["tag"]))).rejects.toThrow("Socket closed");
    await expect(whileTimePasses(commands.send(["PING"]))).rejects.toThrow("Socket closed");
    expect(port.sent).toEqual([EVALSHA, ["PING"]]);
  });

  test("is not sent again when its time is over, however often it might", async () => {
    const { port, commands } = failing(always("Socket closed"), 50);
    const outcome = await whileTimePasses(run(commands)).catch((error) => error);
    expect(outcome).toMatchObject({ message: expect.stringContaining("no reply within 50 ms") });
    expect(clock.now()).toBeLessThanOrEqual(51);
    clock.advance(1_000);
    await nextTurn();
    expect(port.sentAtMs).toEqual([0, 18.75]);
  });

  test("is not sent again by a process that was paused over its time", async () => {
    const { port, commands } = failing(always("Socket closed"));
    const outcome = run(commands);
    clock.jump(1_000);
    await expect(whileTimePasses(outcome)).rejects.toThrow(StoreUnavailableError);
    expect(port.sent).toHaveLength(1);
  });

  test("is sent by its text to a server that does not know it, also when it is sent again", async () => {
    const { port, commands } = failing([
      "NOSCRIPT No matching script.",
      "Socket closed",
      "NOSCRIPT No matching script.",
    ]);
    expect(await whileTimePasses(run(commands))).toBe("done");
    expect(port.sent).toEqual([EVALSHA, EVAL, EVALSHA, EVAL]);
    expect(commands.repetitions).toBe(1);
  });

  test("counts as one that waits, until its last repetition is over", async () => {
    const { commands } = failing(["Socket closed"]);
    const outcome = run(commands);
    await nextTurn();
    await expect(commands.send(["PING"])).rejects.toThrow("1 commands wait for it already");
    await whileTimePasses(outcome);
    expect(await commands.send(["PING"])).toBe("done");
  });

  describe("of a session", () => {
    const REQUEST = { id: "an-id", payload: "{}" };
    const DELETION = { reason: "deleted" } as const;

    function table() {
      const { port, commands } = failing(always("Socket closed"));
      const names = { prefix: "p:", channel: "channel", nodeId: "node" };
      return {
        port,
        table: new SessionTable({ ...names, commands, clock, defaultTtlMs: 1_000, tombstoneTtlMs: 1_000 }),
      };
    }

    test("is not repeated if the write is unconditional: it could undo what others wrote in between", async () => {
      const { port, table: sessions } = table();
      await expect(whileTimePasses(sessions.put({ ...REQUEST, mode: "set" }))).rejects.toThrow(
        "Socket closed",
      );
      expect(port.sent).toHaveLength(1);
    });

    test.each<[string, (sessions: SessionTable) => Promise<unknown>]>([
      ["a creation", (sessions) => sessions.put({ ...REQUEST, mode: "create" })],
      ["a conditional write", (sessions) => sessions.put({ ...REQUEST, mode: "update", expectedTag: A_TAG })],
      ["a read", (sessions) => sessions.read("an-id")],
      ["a touch", (sessions) => sessions.touch("an-id", {})],
      ["a deletion that was lost", (sessions) => sessions.reassert(["an-id"])],
    ])("is repeated with the same tag if it is %s", async (_, call) => {
      const { port, table: sessions } = table();
      await expect(whileTimePasses(call(sessions))).rejects.toThrow("Socket closed");
      expect(port.sent).toHaveLength(4);
      expect(new Set(port.sent.map((command) => command.join("\n"))).size).toBe(1);
    });

    test("is repeated under the same name, with other links for the chain, if it is a deletion", async () => {
      const { port, table: sessions } = table();
      await expect(whileTimePasses(sessions.delete("an-id", DELETION))).rejects.toThrow("Socket closed");
      expect(port.sent).toHaveLength(4);
      const argument = (n: number) => new Set(port.sent.map((command) => command[5 + n]));
      expect([argument(2).size, argument(9).size, argument(10).size]).toEqual([4, 4, 1]);
    });

    test("is not repeated if it is the revocation of a user: it would end what began since", async () => {
      const { port, table: sessions } = table();
      await expect(whileTimePasses(sessions.revokeUser("ann"))).rejects.toThrow("Socket closed");
      expect(port.sent).toHaveLength(1);
    });
  });
});

describe("a late reply", () => {
  /** A command on its way, whose reply comes when the test says so. */
  function underWay() {
    const clock = new ManualClock();
    let reply!: (value: Reply) => void;
    let fail!: (error: Error) => void;
    const send = () =>
      new Promise<Reply>((resolve, reject) => {
        [reply, fail] = [resolve, reject];
      });
    const port = { send, subscribe: () => Promise.reject(new Error("nobody subscribes here")) };
    const commands = new RedisCommands({ port, clock, timeoutMs: 100, maxPending: 10 });
    const outcome = commands.send(["PING"]).catch((error) => error);
    return { clock, commands, outcome, reply, fail };
  }

  test("is counted, and not handed out, also if no timer has told that it is late", async () => {
    const { clock, commands, outcome, reply } = underWay();
    clock.jump(100);
    reply("PONG");
    expect(await outcome).toBeInstanceOf(StoreUnavailableError);
    expect(commands.lateReplies).toBe(1);
  });

  test("is counted after its caller was told", async () => {
    const { clock, commands, outcome, reply } = underWay();
    clock.advance(100);
    expect(await outcome).toMatchObject({ message: expect.stringContaining("no reply within 100 ms") });
    expect(commands.lateReplies).toBe(0);
    reply("PONG");
    await nextTurn();
    expect(commands.lateReplies).toBe(1);
  });

  test("is none if it came in time", async () => {
    const { clock, commands, outcome, reply } = underWay();
    clock.jump(99);
    reply("PONG");
    expect(await outcome).toBe("PONG");
    expect(commands.lateReplies).toBe(0);
  });

  test("is none if it is an error, however late", async () => {
    const { clock, commands, outcome, fail } = underWay();
    clock.jump(1_000);
    fail(new Error("Socket closed"));
    expect(await outcome).toBeInstanceOf(StoreUnavailableError);
    expect(commands.lateReplies).toBe(0);
  });
});

/** Holds what it is sent until the test answers. */
class HoldingPort implements RedisPort {
  readonly sent: string[] = [];
  readonly #replies: ((reply: Reply) => void)[] = [];

  send([, , ...rest]: Command): Promise<Reply> {
    this.sent.push(rest.join(" "));
    return new Promise((resolve) => this.#replies.push(resolve));
  }

  subscribe(): never {
    throw new Error("not part of this test");
  }

  /** Answers the oldest. */
  async answer(...replies: string[]): Promise<void> {
    this.#replies.shift()?.(replies);
    await nextTurn();
  }
}

describe("scripts that take turns", () => {
  const SCRIPT = script("return 'done'");
  let clock: ManualClock;
  let port: HoldingPort;
  let commands: RedisCommands;
  const read = (key: string) =>
    commands.runForKey({
      script: SCRIPT,
      commonKeys: ["common"],
      key,
      args: [`${key}?`],
      mayRepeat: true,
      takesTurns: true,
    });
  /** One after the other; what fails gives its message. */
  async function readEach(...keys: string[]) {
    const replies: Promise<Reply>[] = [];
    for (const key of keys) {
      replies.push(read(key).catch(({ message }: Error) => message));
      await nextTurn();
    }
    return { replies };
  }

  beforeEach(() => {
    clock = new ManualClock();
    port = new HoldingPort();
    commands = new RedisCommands({ port, clock, timeoutMs: 1_000, maxPending: 6, maxConcurrent: 2 });
  });

  test("are sent while fewer than so many are on their way; those that wait go together, and others do not wait", async () => {
    const { replies } = await readEach("a", "b", "c", "d");
    const other = commands.run(SCRIPT, ["other"], []);
    await nextTurn();
    expect(port.sent).toEqual(["2 common a a?", "2 common b b?", "1 other"]);
    await port.answer("A");
    expect(port.sent.slice(3)).toEqual(["3 common c d c? d?"]);
    for (const reply of [["B"], ["done"], ["C", "D"]]) await port.answer(...reply);
    expect(await Promise.all([...replies, other])).toEqual(["A", "B", "C", "D", ["done"]]);
  });

  test("count as pending while they wait", async () => {
    for (const key of ["a", "b", "c", "d", "e", "f"]) void read(key);
    await expect(read("g")).rejects.toThrow("6 commands wait for it already");
  });

  test("are sent when less than half of their time is over, and not at all after that", async () => {
    const { replies } = await readEach("a", "b", "c");
    clock.advance(499);
    replies.push(read("d"));
    await port.answer("A");
    expect(port.sent[2]).toBe("3 common c d c? d?");
    replies.push(read("e").catch(({ message }: Error) => message));
    clock.advance(500);
    replies.push(read("f"));
    await port.answer("B");
    expect(await replies[4]).toContain("not sent: it waited 500 ms for its turn");
    expect(port.sent[3]).toBe("2 common f f?");
    await port.answer("C", "D");
    await port.answer("F");
    expect(await Promise.all(replies.slice(0, 2))).toEqual(["A", "B"]);
    expect(await replies[5]).toBe("F");
  });

  test("hang nobody if no reply ever comes, and keep their places: Redis has not done with them", async () => {
    const { replies } = await readEach("a", "b", "c");
    clock.advance(1_000);
    for (const message of await Promise.all(replies)) expect(message).toContain("no reply within 1000 ms");
    void read("d").catch(() => {});
    await nextTurn();
    expect(port.sent).toHaveLength(2);
  });
});

describe("scripts that do not take turns", () => {
  const SCRIPT = script("return 'done'");
  const other = script("return 'other'");
  let clock: ManualClock;
  let port: HoldingPort;
  let commands: RedisCommands;
  const write = (key: string, request: Partial<KeyRequest> = {}) =>
    commands.runForKey({
      script: SCRIPT,
      commonKeys: ["common"],
      commonArgs: ["all"],
      key,
      args: [`${key}1`, `${key}2`],
      ...request,
    });

  beforeEach(() => {
    clock = new ManualClock();
    port = new HoldingPort();
    commands = new RedisCommands({ port, clock, timeoutMs: 1_000, maxPending: 50, maxConcurrent: 1 });
  });

  test("go together if they are asked for together, and wait for nobody", async () => {
    const replies = [write("a"), write("b")];
    await nextTurn();
    replies.push(write("c"));
    await nextTurn();
    expect(port.sent).toEqual(["3 common a b all a1 a2 b1 b2", "2 common c all c1 c2"]);
    await port.answer("A", "B");
    await port.answer("C");
    expect(await Promise.all(replies)).toEqual(["A", "B", "C"]);
  });

  test("do not go with what must not be repeated as they are, nor with what goes alone, nor with another script", async () => {
    void write("a", { mayRepeat: true });
    void write("b");
    void write("c");
    void write("d", { goesAlone: true });
    void write("e", { script: other });
    await nextTurn();
    expect(port.sent.map((sent) => sent.split(" ").slice(2, -1).join(" "))).toEqual([
      "a all a1",
      "b c all b1 b2 c1",
      "d all d1",
      "e all e1",
    ]);
  });

  test("go before what is asked for after them", async () => {
    void write("a");
    void commands.run(other, ["later"], []);
    void write("b");
    void commands.send(["PING"]);
    await nextTurn();
    expect(port.sent).toEqual(["2 common a all a1 a2", "1 later", "2 common b all b1 b2", ""]);
  });

  test("are told before they are sent again though they may have been carried out", async () => {
    const told: string[] = [];
    const failing = new FailingPort(clock, [
      "LOADING Redis is loading the dataset in memory",
      "Socket closed",
    ]);
    commands = new RedisCommands({ port: failing, clock, timeoutMs: 1_000, maxPending: 50 });
    const replies = ["a", "b"].map((key) => {
      return write(key, {
        mayRepeat: true,
        onRepeat: () => told.push(`${key}: ${failing.sent.length} sent`),
      });
    });
    for (let n = 0; failing.sent.length < 3 && n < 10_000; n++) {
      await nextTurn();
      clock.advance(0.25);
    }
    await Promise.all(replies);
    expect(told).toEqual(["a: 2 sent", "b: 2 sent"]);
  });
});
