import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Subscription } from "../../redis/port.js";
import { BEAT } from "../../redis/scripts/beat.js";
import { newTag } from "../../session/record.js";
import { ClusteredRedisStore } from "../../stores/clustered-redis-store.js";
import type { WorldNode } from "./node.js";
import { SimulatedWorld } from "./world.js";

let world: SimulatedWorld;
let node: WorldNode;
let other: WorldNode;
beforeEach(() => {
  const random = vi.spyOn(Math, "random").mockImplementation(() => {
    throw new Error("Nothing is left to chance");
  });
  onTestFinished(() => random.mockRestore());
  world = new SimulatedWorld({ seed: "world.test" });
  node = world.node("a");
  other = world.node("b");
});

const runFor = (ms: number) => world.run(world.nowMs + ms);
const send = (from: WorldNode, ...[name, ...args]: [string, ...string[]]) =>
  from.perform(() => from.port.send([name, ...args]));
const ask = (from: WorldNode, ...command: [string, ...string[]]) => world.settle(send(from, ...command));

/** What became of a promise so far. */
function outcomeOf(promise: Promise<unknown>): { value?: unknown; error?: string } {
  const outcome: { value?: unknown; error?: string } = {};
  promise.then(
    (value) => Object.assign(outcome, { value }),
    (error: Error) => Object.assign(outcome, { error: error.message }),
  );
  return outcome;
}

/** Subscribes a node; what it hears, and why it lost the subscription. */
async function listen(from: WorldNode, abort = new AbortController()) {
  const heard: string[] = [];
  const lost: string[] = [];
  const subscribed = from.perform(() =>
    from.port.subscribe({
      channels: ["channel", "private"],
      onMessage: (message) => void heard.push(message),
      onClose: (reason) => void lost.push(reason),
      signal: abort.signal,
    }),
  );
  const subscription: Subscription = await world.settle(subscribed);
  return { heard, lost, subscription };
}

const publish = (...messages: string[]) =>
  Promise.all(messages.map((message) => send(other, "PUBLISH", "channel", message)));

describe("a command", () => {
  test("takes its time, and comes back with its reply", async () => {
    expect(await ask(node, "SET", "key", "value")).toBe("OK");
    expect(await ask(other, "GET", "key")).toBe("value");
    expect(world.nowMs).toBeGreaterThan(0.8);
  });

  test("that the server refuses is rejected", async () => {
    await expect(ask(node, "NO")).rejects.toThrow(/^ERR unknown command/);
  });

  test("and the others of its connection keep their order", async () => {
    const done: number[] = [];
    for (let n = 0; n < 200; n++) {
      send(node, "HSET", "hash", "field", `${n}`).then(() => void done.push(n));
    }
    await runFor(1_000);
    expect(done).toEqual(Array.from({ length: 200 }, (_, n) => n));
    expect(world.server.execute(["HGET", "hash", "field"])).toBe("199");
  });
});

describe("a subscription", () => {
  test("hears what is published, in its order, across its channels", async () => {
    const { heard } = await listen(node);
    const published: string[] = [];
    for (let n = 0; n < 100; n++) {
      published.push(`${n}`);
      void send(other, "PUBLISH", n % 2 === 0 ? "channel" : "private", `${n}`);
    }
    await runFor(1_000);
    expect(heard).toEqual(published);
  });

  test("that is closed hears nothing more, and is not told so", async () => {
    const { heard, lost, subscription } = await listen(node);
    void publish("1");
    await world.settle(node.perform(() => subscription.close()));
    await runFor(1_000);
    expect([heard, lost]).toEqual([[], []]);
    expect(await ask(other, "PUBLISH", "channel", "2")).toBe(0);
  });

  test("is given up by its signal, before it stands and after", async () => {
    const early = new AbortController();
    world.fault({ kind: "stall", node, forMs: 500 });
    world.at(world.nowMs + 100, () => early.abort(new Error("no patience")));
    await expect(listen(node, early)).rejects.toThrow("no patience");
    await runFor(1_000);
    const late = new AbortController();
    const { lost } = await listen(node, late);
    late.abort(new Error("not wanted"));
    expect(lost).toEqual(["not wanted"]);
    await runFor(1_000);
    expect(await ask(other, "PUBLISH", "channel", "")).toBe(0);
  });
});

describe("when the connection is lost", () => {
  test("a command is rejected, may have been carried out or not, and the next one waits for a new connection", async () => {
    const outcomes = new Set<string>();
    for (let n = 0; n < 40; n++) {
      const key = `key${n}`;
      const outcome = outcomeOf(send(node, "SET", key, ""));
      world.at(world.nowMs + world.random.between(0, 5), () =>
        world.fault({ kind: "disconnect", node, connection: "commands" }),
      );
      await runFor(300);
      const isThere = world.server.execute(["EXISTS", key]) === 1;
      outcomes.add(`${outcome.error ?? outcome.value}, ${isThere ? "done" : "not done"}`);
      expect(await ask(node, "PING")).toBe("PONG");
    }
    expect([...outcomes].sort()).toEqual([
      "Connection lost: reset, done",
      "Connection lost: reset, not done",
      "OK, done",
    ]);
  });

  test("a client that sends again what was not answered may have it done twice", async () => {
    const again = world.node("c", { resendsUnanswered: true });
    await ask(again, "PING");
    const counts = new Set<number>();
    for (let n = 0; n < 40; n++) {
      world.server.execute(["DEL", "hash"]);
      const reply = send(again, "HINCRBY", "hash", "n", "1");
      world.at(world.nowMs + world.random.between(0, 5), () =>
        world.fault({ kind: "disconnect", node: again, connection: "commands" }),
      );
      counts.add(Number(await world.settle(reply)));
    }
    expect([...counts].sort()).toEqual([1, 2]);
  });

  test("a subscription says so once, and the server knows it", async () => {
    const { lost } = await listen(node);
    world.fault({ kind: "disconnect", node, connection: "subscription" });
    await runFor(100);
    expect(lost).toEqual(["reset"]);
    expect(await ask(other, "PUBLISH", "channel", "")).toBe(0);
    expect(await ask(node, "PING")).toBe("PONG");
  });

  test("what the server had sent still arrives, or does not", async () => {
    for (const delivered of [true, false]) {
      const { heard, lost } = await listen(node);
      world.server.execute(["PUBLISH", "channel", "last"]);
      world.fault({ kind: "disconnect", node, connection: "subscription", delivered });
      await runFor(100);
      expect([heard, lost.length]).toEqual([delivered ? ["last"] : [], 1]);
    }
  });
});

describe("a half-open connection", () => {
  test("brings nothing and raises no event, until somebody gives it up", async () => {
    await ask(node, "PING");
    const { heard, lost } = await listen(node);
    const outcome = outcomeOf(send(node, "SET", "key", ""));
    world.fault({ kind: "half-open", node, forMs: 10_000 });
    const counted = outcomeOf(send(other, "PUBLISH", "channel", "1"));
    await runFor(9_900);
    expect([heard, lost, outcome]).toEqual([[], [], {}]);
    expect(counted.value).toBe(1); // the server does not notice either
    await runFor(500);
    expect([lost, outcome.error]).toEqual([["timed out"], "Connection lost: timed out"]);
    expect(await ask(node, "EXISTS", "key")).toBe(0);
  });

  test("may be so in one way only", async () => {
    await ask(node, "PING");
    const outcome = outcomeOf(send(node, "SET", "key", ""));
    world.fault({ kind: "half-open", node, ways: ["toNode"], forMs: 10_000 });
    await runFor(5_000);
    expect(outcome).toEqual({});
    expect(await ask(other, "EXISTS", "key")).toBe(1);
  });

  test("does not keep a new one from being opened", async () => {
    const { subscription } = await listen(node);
    world.fault({ kind: "half-open", node, connection: "subscription", forMs: 10_000 });
    await world.settle(node.perform(() => subscription.close()));
    const { heard } = await listen(node);
    expect(await ask(other, "PUBLISH", "channel", "1")).toBe(2); // the server never heard that the first was closed
    await runFor(100);
    expect(heard).toEqual(["1"]);
  });
});

describe("a connection that stalls", () => {
  test("brings everything in the end, in its order", async () => {
    const { heard, lost } = await listen(node);
    await world.settle(publish("1"));
    world.fault({ kind: "stall", node, connection: "subscription", forMs: 5_000 });
    void publish("2", "3");
    await runFor(2_000);
    world.fault({ kind: "stall", node, connection: "subscription", ways: ["toNode"], forMs: 1_000 });
    await runFor(2_900);
    expect(heard.length).toBeLessThan(3);
    void publish("4");
    await runFor(200);
    void publish("5");
    await runFor(100);
    expect([heard, lost]).toEqual([["1", "2", "3", "4", "5"], []]);
  });

  test("and is closed by the node meanwhile is so for the server in the end", async () => {
    const { subscription } = await listen(node);
    world.fault({ kind: "stall", node, forMs: 1_000 });
    await world.settle(node.perform(() => subscription.close()));
    await runFor(900);
    expect(await ask(other, "PUBLISH", "channel", "")).toBe(1);
    await runFor(200);
    expect(await ask(other, "PUBLISH", "channel", "")).toBe(0);
  });

  test("is a partition, if all do in both ways: new ones come to nothing either", async () => {
    world.fault({ kind: "stall", node, forMs: 5_000 });
    world.fault({ kind: "disconnect", node });
    const outcome = outcomeOf(send(node, "PING"));
    await runFor(4_900);
    expect(outcome).toEqual({});
    expect(await ask(other, "PING")).toBe("PONG");
    await runFor(300);
    expect(outcome.value).toBe("PONG");
  });
});

describe("a slow subscriber", () => {
  test("is dropped by the server after so many messages", async () => {
    world = new SimulatedWorld({ seed: 1, network: { maxUndelivered: 10 } });
    [node, other] = [world.node("a"), world.node("b")];
    const { heard, lost } = await listen(node);
    world.fault({ kind: "pause", process: node, forMs: 2_000 });
    for (let n = 0; n < 20; n++) void send(other, "PUBLISH", "channel", `${n}`);
    await runFor(1_000);
    expect(await ask(other, "PUBLISH", "channel", "")).toBe(0);
    await runFor(2_000);
    expect([heard.length, lost]).toEqual([10, ["the server closed it"]]);
  });

  test("is dropped by a fault", async () => {
    const { lost } = await listen(node);
    world.fault({ kind: "drop-subscriber", node });
    await runFor(100);
    expect(lost).toEqual(["the server closed it"]);
  });
});

test("a broken proxy loses messages, and nobody notices", async () => {
  const { heard, lost } = await listen(node);
  await world.settle(publish("1"));
  world.fault({ kind: "lose-messages", node, count: 1 });
  await world.settle(publish("2"));
  await world.settle(publish("3"));
  await runFor(100);
  expect([heard, lost]).toEqual([["1", "3"], []]);
});

describe("a process that is paused", () => {
  test("hears nothing and no timer of it runs, while its clock goes on; then all of it", async () => {
    const { heard } = await listen(node);
    const fired: number[] = [];
    const startMs = node.clock.now();
    node.clock.schedule(() => fired.push(node.clock.now() - startMs), 100);
    world.fault({ kind: "pause", process: node, forMs: 3_000 });
    void publish("1");
    const answer = outcomeOf(send(node, "PING"));
    await runFor(2_900);
    expect([heard, fired, answer]).toEqual([[], [], {}]);
    expect(node.clock.now() - startMs).toBeGreaterThan(2_800);
    await runFor(200);
    expect([heard, answer.value]).toEqual([["1"], "PONG"]);
    expect(fired[0]).toBeGreaterThan(2_900);
  });

  test("may be the server: nothing is answered before it goes on", async () => {
    await ask(node, "PING");
    world.fault({ kind: "pause", process: "server", forMs: 1_000 });
    const outcome = outcomeOf(send(node, "PING"));
    await runFor(990);
    expect(outcome).toEqual({});
    await runFor(100);
    expect(outcome.value).toBe("PONG");
  });
});

test("a process that crashed does nothing any more, and the server knows it is gone", async () => {
  const { heard } = await listen(node);
  const outcome = outcomeOf(send(node, "SET", "key", ""));
  world.fault({ kind: "crash", node });
  await runFor(1_000);
  expect([heard, outcome]).toEqual([[], {}]);
  expect(await ask(other, "PUBLISH", "channel", "")).toBe(0);
  expect(await ask(other, "EXISTS", "key")).toBe(0);
});

test("the wall clock of one node can be set", () => {
  const [before, others] = [node.clock.wallNow(), other.clock.wallNow()];
  world.fault({ kind: "step-wall-clock", node, byMs: -10_000 });
  expect([node.clock.wallNow(), other.clock.wallNow()]).toEqual([before - 10_000, others]);
});

describe("a server that restarts", () => {
  test.each([
    "kept",
    "lost",
  ] as const)("has its data %s, another history, and no connection", async (data) => {
    await ask(node, "SET", "key", "value");
    const { lost } = await listen(node);
    const { replid } = world.server;
    world.fault({ kind: "restart", data, downMs: 1_000 });
    const answer = outcomeOf(send(node, "GET", "key"));
    await runFor(900);
    expect([lost, answer.value]).toEqual([["the server is gone"], undefined]);
    await runFor(500);
    expect(await ask(node, "GET", "key")).toBe(data === "kept" ? "value" : null);
    expect(world.server.replid).not.toBe(replid);
    await expect(
      ask(node, "EVALSHA", BEAT.sha1, "1", "meta", newTag(), newTag(), "private", "a"),
    ).rejects.toThrow(/^NOSCRIPT/);
  });
});

describe("a failover", () => {
  test("loses what the replica had not heard", async () => {
    await ask(node, "SET", "before", "");
    const { replid } = world.server;
    world.fault({ kind: "failover", lostMs: 500, downMs: 200 });
    await ask(node, "SET", "lost", "");
    const { lost } = await listen(node);
    await runFor(2_000);
    expect(lost).toEqual(["the server is gone"]);
    expect(await ask(node, "EXISTS", "before")).toBe(1);
    expect(await ask(node, "EXISTS", "lost")).toBe(0);
    expect(world.server.replid).not.toBe(replid);
  });

  test("may leave the old master alive for a while: it delivers, and refuses writes", async () => {
    await ask(node, "PING");
    const { heard, lost } = await listen(node);
    world.fault({ kind: "failover", lostMs: 0, downMs: 100, oldMasterMs: 2_000 });
    await runFor(500);
    const late = world.node("late");
    expect(await ask(late, "SET", "key", "new")).toBe("OK");
    expect(await ask(node, "GET", "key")).toBeNull();
    await expect(ask(node, "SET", "key", "old")).rejects.toThrow(/^READONLY/);
    expect(await ask(node, "PUBLISH", "channel", "still")).toBe(1);
    expect(await ask(late, "PUBLISH", "channel", "not heard")).toBe(0);
    await runFor(2_500);
    expect([heard, lost]).toEqual([["still"], ["the server is gone"]]);
    expect(await ask(node, "GET", "key")).toBe("new");
  });
});

describe("the world", () => {
  test("knows no time but its own", async () => {
    const startMs = performance.now();
    await world.run(86_400_000);
    expect(world.nowMs).toBe(86_400_000);
    expect(performance.now() - startMs).toBeLessThan(5_000);
  });

  test("says when something is never settled, and runs once at a time", async () => {
    await expect(world.settle(new Promise(() => {}), 1_000)).rejects.toThrow("Not settled within 1000 ms");
    const running = world.run(2_000);
    await expect(world.run(3_000)).rejects.toThrow("running already");
    await running;
  });

  test("keeps a bounded log", async () => {
    world = new SimulatedWorld({ seed: 1, logLimit: 10 });
    for (let n = 0; n < 100; n++) world.node(`${n}`).note("is here");
    expect(world.log.entries.length).toBeLessThan(20);
    expect(world.log.entries.at(-1)).toEqual({ atMs: 0, where: "99", what: "is here" });
  });

  test("has each name once", () => {
    expect(() => world.node("a")).toThrow('a node named "a" already');
    expect(world.nodes).toEqual([node, other]);
  });
});

describe("stores in a world", () => {
  interface Data {
    n: number;
  }

  /** The first line of the log that is another one, with what the other run has there. */
  function firstDifference(one: SimulatedWorld, other: SimulatedWorld): unknown {
    const [lines, others] = [one, other].map(({ log }) => log.toString().split("\n"));
    const at = lines?.findIndex((line, n) => line !== others?.[n]) ?? -1;
    return at === -1 ? undefined : [lines?.[at], others?.[at]];
  }

  /** A run with all that may go wrong, as one seed has it; what it came to. */
  async function play(seed: number): Promise<SimulatedWorld> {
    const world = new SimulatedWorld({ seed });
    const nodes = ["a", "b", "c"].map((name) => world.node(name, { resendsUnanswered: name === "c" }));
    const stores = nodes.map((node) => ({
      node,
      store: new ClusteredRedisStore<Data>({
        client: node.port,
        clock: node.clock,
        cluster: { nodeId: node.name },
      }),
    }));
    await world.settle(Promise.all(stores.map(({ node, store }) => node.perform(() => store.start()))));
    const [a, b, c] = nodes as [WorldNode, WorldNode, WorldNode];
    const faults: [number, Parameters<SimulatedWorld["fault"]>[0]][] = [
      [1_000, { kind: "pause", process: a, forMs: 3_000 }],
      [2_000, { kind: "half-open", node: b, forMs: 6_000 }],
      [3_000, { kind: "lose-messages", node: c, count: 1 }],
      [5_000, { kind: "stall", node: c, forMs: 1_500 }],
      [8_000, { kind: "failover", lostMs: 100, downMs: 300, oldMasterMs: 1_000 }],
      [12_000, { kind: "restart", data: "lost", downMs: 500 }],
      [15_000, { kind: "disconnect", node: a }],
    ];
    for (const [atMs, fault] of faults) world.at(atMs, () => world.fault(fault));
    for (let n = 0; n < 600; n++) {
      const { node, store } = stores[world.random.below(stores.length)] as (typeof stores)[number];
      const id = `session-${world.random.below(80)}`; // many: who was deleted cannot come back
      const action = world.random.pick(["get", "get", "get", "set", "touch", "delete", "revoke", "logout"]);
      const act = async (): Promise<unknown> => {
        switch (action) {
          case "get":
            return (await store.get(id))?.data.n;
          case "touch":
            return store.touch(id);
          case "delete":
            return store.delete(id);
          case "revoke":
            return (await store.revoke(id)).acknowledged;
          case "logout":
            return (await store.revokeUser("ann")).acknowledged;
          default:
            return (await store.set(id, { n }, { user: "ann" })).data.n;
        }
      };
      world.at(world.random.between(500, 18_000), () => {
        const done = node.perform(act);
        done.then(
          (value) => node.note(`${action} ${id}: ${value}`),
          (error: Error) => node.note(`${action} ${id}: ${error.name}`),
        );
      });
    }
    await world.run(25_000);
    return world;
  }

  test("work, whatever happens, and go on as before after it", async () => {
    const world = await play(1);
    const text = world.log.toString();
    expect(text).toMatch(/get session-\d+: \d/);
    expect(text).toMatch(/: put .* sess:session-/);
    expect(world.server.execute(["HLEN", "sessionmesh:meta:session:cluster:invalidate"])).toBe(6);
  });

  test("go the same way if the seed is the same, and another way if it is not", async () => {
    const [first, again, another] = [await play(1), await play(1), await play(2)];
    expect(firstDifference(again, first)).toBeUndefined();
    expect(again.log.digest).toBe(first.log.digest);
    expect(another.log.digest).not.toBe(first.log.digest);
  });
});
