import { beforeEach, describe, expect, test } from "vitest";
import { inEveryOrder, play, SteppedPort } from "../../test/support/interleavings.js";
import { recordOf } from "../../test/support/records.js";
import { RedisCommands } from "../redis/commands.js";
import type { Command, RedisPort } from "../redis/port.js";
import { RedisStore } from "../stores/redis-store.js";
import { ManualClock } from "../testing/manual-clock.js";
import { SimulatedRedis } from "../testing/simulated-redis.js";
import { Migration } from "./migration.js";
import type { MigrationPlan } from "./resolve.js";

const PLAN: MigrationPlan = {
  to: "sessionmesh",
  fromPrefix: "new:",
  prefix: "new:",
  idPrefix: "",
  url: "redis://127.0.0.1:1",
  client: undefined,
  ttlMs: 120_000,
  batch: 10,
  cursor: "0",
  dryRun: false,
};
const TOMBSTONE = "T1abcDEF012-_91";

let clock: ManualClock;
let server: SimulatedRedis;
beforeEach(() => {
  clock = new ManualClock();
  server = new SimulatedRedis({ clock });
});

const send = (...command: string[]) => server.execute(command as unknown as Command);
const direct: RedisPort = {
  send: async (command) => server.execute(command),
  subscribe: () => Promise.reject(new Error("nobody subscribes here")),
};
const migrationOn = (port: RedisPort, plan: Partial<MigrationPlan>) =>
  new Migration(new RedisCommands({ port, clock, timeoutMs: 1_000, maxPending: 10 }), { ...PLAN, ...plan });
const rewrite = (key: string, plan: Partial<MigrationPlan>) => migrationOn(direct, plan).rewrite(key);

describe("a record", () => {
  test("of another store becomes ours where it is, with the life that it had", async () => {
    send("SET", "new:a", '{"n":1}', "PX", "60000");
    expect(await rewrite("new:a", {})).toBe("rewritten");
    expect(send("GET", "new:a")).toMatch(/^L1[\w-]{12}\d{26}0000000120000\d{25}\{"n":1\}$/);
    expect(send("PTTL", "new:a")).toBe(60_000);
    expect(await rewrite("new:a", {})).toBe("done");
  });

  test("without an end becomes ours with one", async () => {
    send("SET", "new:a", "{}");
    expect(await rewrite("new:a", {})).toBe("rewritten");
    expect(send("PTTL", "new:a")).toBe(120_000);
  });

  test("of ours becomes plain JSON, whose cookie ends when the session does", async () => {
    const expiresAtMs = 1_900_000_000_000;
    const payload = JSON.stringify({ cookie: { expires: "2001-01-01T00:00:00.000Z", path: "/" }, n: 1 });
    send("SET", "new:a", recordOf({ expiresAtMs, payload }), "PX", "60000");
    expect(await rewrite("new:a", { to: "connect-redis" })).toBe("rewritten");
    const expires = new Date(expiresAtMs).toISOString();
    expect(JSON.parse(String(send("GET", "new:a")))).toEqual({ cookie: { expires, path: "/" }, n: 1 });
    expect(send("PTTL", "new:a")).toBe(60_000);
    expect(await rewrite("new:a", { to: "connect-redis" })).toBe("done");
  });

  test("of ours goes under the bare key of koa-redis, and does not end before its life", async () => {
    const expiresAtMs = 1_900_000_000_000;
    send(
      "SET",
      "new:koa:1",
      recordOf({ expiresAtMs, payload: '{"n":1,"_expire":5,"_maxAge":9}' }),
      "PX",
      "60000",
    );
    expect(await rewrite("new:koa:1", { to: "koa-redis", prefix: "" })).toBe("rewritten");
    expect(JSON.parse(String(send("GET", "koa:1")))).toEqual({ n: 1, _expire: expiresAtMs, _maxAge: 9 });
    expect(send("EXISTS", "new:koa:1")).toBe(0);
  });

  test.each([
    ["of a codec of one's own", recordOf({ payload: "?" }), "connect-redis"],
    ["with JSON that is cut off", '{"n":', "sessionmesh"],
    ["of somebody else", "hello", "sessionmesh"],
    ["of somebody else", "hello", "connect-redis"],
  ] as const)("%s is left: %s for %s", async (_, text, to) => {
    send("SET", "new:a", text);
    expect(await rewrite("new:a", { to })).toBe("unreadable");
    expect(send("GET", "new:a")).toBe(text);
  });

  test("is counted by a dry run, and left", async () => {
    for (const text of ["{}", recordOf(), TOMBSTONE]) {
      send("SET", "new:a", text);
      for (const to of ["sessionmesh", "connect-redis"] as const)
        await rewrite("new:a", { to, dryRun: true });
      expect(send("GET", "new:a")).toBe(text);
    }
  });

  test("that is gone is not counted", async () => {
    expect(await rewrite("new:a", {})).toBeUndefined();
  });
});

describe("what is over", () => {
  const alias = (graceMs: number) => `A1${String(1_900_000_000_000 + graceMs).padStart(13, "0")}b`;
  test.each([
    ["is over", -1_000],
    ["runs", 60_000],
  ])("since it was rotated, and its grace %s, stays so, and stands in no other store's way", async (_, graceMs) => {
    send("SET", "new:a", alias(graceMs), "PX", "600000");
    expect(await rewrite("new:a", {})).toBe("over");
    expect(await rewrite("new:a", { to: "connect-redis", dryRun: true })).toBe("over");
    expect(send("GET", "new:a")).toBe(alias(graceMs));
    expect(await rewrite("new:a", { to: "connect-redis" })).toBe("over");
    expect(send("EXISTS", "new:a")).toBe(0);
    send("SET", "new:a", alias(graceMs));
    send("SET", "old:a", '{"n":1}');
    expect(await rewrite("new:a", { to: "connect-redis", prefix: "old:" })).toBe("over");
    expect(send("EXISTS", "new:a", "old:a")).toBe(0);
  });

  test("stays over on the way to sessionmesh", async () => {
    send("SET", "new:a", TOMBSTONE);
    expect(await rewrite("new:a", {})).toBe("over");
    expect(send("GET", "new:a")).toBe(TOMBSTONE);
    send("SET", "old:a", "{}");
    expect(await rewrite("old:a", { fromPrefix: "old:" })).toBe("done");
    expect([send("GET", "new:a"), send("EXISTS", "old:a")]).toEqual([TOMBSTONE, 0]);
  });

  test("is deleted on the way back, together with what another store has left of it", async () => {
    send("SET", "new:a", TOMBSTONE);
    send("SET", "old:a", "{}");
    expect(await rewrite("new:a", { to: "connect-redis", prefix: "old:" })).toBe("over");
    expect(send("EXISTS", "new:a", "old:a")).toBe(0);
  });

  test("since its user was revoked, is deleted on the way back, and not the sessions that came later", async () => {
    send("HSET", "sessionmesh:generations:new:", "Zo%C3%AB", "2");
    send("SET", "new:before", recordOf({ user: "Zoë", generation: 1 }));
    send("SET", "new:after", recordOf({ user: "Zoë", generation: 2 }));
    expect(await rewrite("new:before", { to: "connect-redis" })).toBe("over");
    expect(await rewrite("new:after", { to: "connect-redis" })).toBe("rewritten");
    expect([send("EXISTS", "new:before"), send("GET", "new:after")]).toEqual([0, '{"n":1}']);
  });
});

describe("between two prefixes", () => {
  test("a record of ours is there already, and wins", async () => {
    send("SET", "old:a", '{"n":1}');
    send("SET", "new:a", recordOf({ payload: '{"n":2}' }));
    expect(await rewrite("old:a", { fromPrefix: "old:" })).toBe("done");
    expect(send("GET", "new:a")).toBe(recordOf({ payload: '{"n":2}' }));
    expect(send("EXISTS", "old:a")).toBe(0);
  });

  test("on the way back ours wins likewise, but not over what is no session", async () => {
    for (const key of ["new:a", "new:b"]) send("SET", key, recordOf({ payload: '{"n":2}' }));
    send("SET", "old:a", '{"n":1}');
    send("SET", "old:b", "hello");
    expect(await rewrite("new:a", { to: "connect-redis", prefix: "old:" })).toBe("rewritten");
    expect(await rewrite("new:b", { to: "connect-redis", prefix: "old:" })).toBe("unreadable");
    expect([send("GET", "old:a"), send("GET", "old:b"), send("EXISTS", "new:a", "new:b")]).toEqual([
      '{"n":2}',
      "hello",
      1,
    ]);
  });

  test("a run that ended between the two keys is ended by the next", async () => {
    send("SET", "new:a", recordOf(), "PX", "60000");
    const port = new SteppedPort((command) => server.execute(command));
    await rewrite("new:warm-up", { to: "connect-redis", prefix: "old:" });
    let steps = 0;
    void migrationOn(port, { to: "connect-redis", prefix: "old:" }).rewrite("new:a");
    await play([port], () => (send("EXISTS", "old:a") === 1 || steps++ > 9 ? undefined : 0));
    expect(send("EXISTS", "old:a", "new:a")).toBe(2);
    expect(await rewrite("new:a", { to: "connect-redis", prefix: "old:" })).toBe("rewritten");
    expect([send("GET", "old:a"), send("EXISTS", "new:a")]).toEqual(['{"n":1}', 0]);
  });
});

describe("in every order of its commands and those of a node, a rewriting", () => {
  const storeOn = (client: RedisPort) =>
    new RedisStore<{ n: number }>({ client, prefix: "new:", legacy: { prefix: "old:" }, clock, nodeId: "a" });
  type Call = (store: ReturnType<typeof storeOn>) => Promise<unknown>;

  const ways: [string, Partial<MigrationPlan>, string, string][] = [
    ["into ours", {}, "new:a", '{"n":1}'],
    ["back into JSON", { to: "connect-redis" }, "new:a", recordOf()],
    ["into ours, from another prefix", { fromPrefix: "old:" }, "old:a", '{"n":1}'],
  ];
  const calls: [string, Call, object | undefined][] = [
    ["save", (store) => store.set("a", { n: 2 }), { n: 2 }],
    [
      "conditional save",
      (store) => store.set("a", { n: 2 }, { ifRevision: "" }).catch(() => store.set("a", { n: 2 })),
      { n: 2 },
    ],
    ["touch", (store) => store.touch("a"), { n: 1 }],
    ["deletion", (store) => store.delete("a"), undefined],
    ["read", (store) => store.get("a"), { n: 1 }],
  ];
  const rows = ways.flatMap(([way, ...rest]) =>
    calls.map(([name, ...call]) => [way, name, ...rest, ...call] as const),
  );

  test.each(rows)("%s loses no %s", async (_way, name, plan, key, text, call, expected) => {
    const warmUp = () => {
      server.restore(new Map());
      send("SET", key, text, "PX", "60000");
    };
    warmUp();
    for (const ready of [call, (store: ReturnType<typeof storeOn>) => store.set("a", { n: 0 })]) {
      await ready(storeOn(direct)); // the server learns the scripts
      warmUp();
    }
    await rewrite(key, plan);
    const orders = await inEveryOrder(async (choose) => {
      warmUp();
      const ports = [1, 2].map(() => new SteppedPort((command) => server.execute(command)));
      const [ours, nodes] = ports as [SteppedPort, SteppedPort];
      const both = Promise.all([migrationOn(ours, plan).rewrite(key), call(storeOn(nodes))]);
      await play(ports, choose);
      const [outcome, answer] = await both;
      expect(outcome).not.toBe("unreadable");
      if (name === "touch" || name === "deletion") expect(answer).toBe(true);
      if (name === "read") expect(answer).toMatchObject({ data: { n: 1 } });
      expect((await storeOn(direct).get("a"))?.data).toEqual(expected);
      if (key === "old:a") expect(send("EXISTS", key)).toBe(0);
    });
    expect(orders).toBeGreaterThan(2);
  });
});
