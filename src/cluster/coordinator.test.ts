import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, test } from "vitest";
import type { Command, RedisPort, Reply } from "../redis/port.js";
import { BEAT } from "../redis/scripts/beat.js";
import { LEAVE } from "../redis/scripts/leave.js";
import type { Script } from "../redis/scripts/script.js";
import { metaKey } from "../redis/session-table.js";
import { newTag } from "../session/record.js";
import { ManualClock } from "../testing/manual-clock.js";
import { SimulatedRedis } from "../testing/simulated-redis.js";
import { ClusterCoordinator } from "./coordinator.js";
import type { CoherenceTarget } from "./partition-coordinator.js";

const CHANNEL = "channel";
const META = metaKey(CHANNEL);

let clock: ManualClock;
let server: SimulatedRedis;
beforeEach(() => {
  clock = new ManualClock();
  server = new SimulatedRedis({ clock });
});

/** A client that holds back what is sent of one script, and what it has sent. */
function clientThatHolds({ sha1, lua }: Script) {
  const client = {
    holds: false,
    release: () => {},
    async send(command: Command): Promise<Reply> {
      if (client.holds && (command[1] === sha1 || command[1] === lua)) {
        client.holds = false;
        await new Promise<void>((resolve) => {
          client.release = resolve;
        });
      }
      return server.execute(command);
    },
    async subscribe({ channels, onMessage }: Parameters<RedisPort["subscribe"]>[0]) {
      return { close: server.subscribe(channels, onMessage) };
    },
  };
  return client;
}

const target = { changed() {}, deleted() {}, flush() {} };

async function started(client: RedisPort, more: Partial<CoherenceTarget> = {}) {
  const coordinator = new ClusterCoordinator({
    client,
    target: { ...target, ...more },
    channel: CHANNEL,
    nodeId: "a",
    clock,
  });
  await coordinator.start();
  return coordinator;
}

const registered = () => (server.execute(["HGETALL", META]) as string[]).filter((field) => field === "n:a");

test("close() is over when the node has left the registry, also if it was called before", async () => {
  const client = clientThatHolds(LEAVE);
  const coordinator = await started(client);
  client.holds = true;
  const over: string[] = [];
  const closing = ["first", "second"].map((name) => coordinator.close().then(() => over.push(name)));
  await turn();
  expect(over).toEqual([]);
  expect(registered()).toEqual(["n:a"]);
  client.release();
  await Promise.all(closing);
  expect(registered()).toEqual([]);
});

test("a beat that the server carries out late does not register a node that is closed", async () => {
  const client = clientThatHolds(BEAT);
  const coordinator = await started(client);
  client.holds = true;
  clock.advance(1_000); // a beat is on its way, in which the server knows no script any more
  server = new SimulatedRedis({ clock });
  const closed = coordinator.close();
  await turn();
  client.release();
  await closed;
  await turn();
  expect(registered()).toEqual([]);
});

describe("what is remembered", () => {
  let asked: (readonly string[])[];
  let end: (outcome: Promise<number>) => void;
  let coordinator: ClusterCoordinator;
  beforeEach(async () => {
    asked = [];
    coordinator = await started(clientThatHolds(BEAT), {
      reassert: (ids) => {
        asked.push(ids);
        return new Promise((resolve) => {
          end = resolve;
        });
      },
    });
    coordinator.partitions.at(0).forget("gone");
  });

  /** Another history, and the beats that tell of it. */
  async function lose(): Promise<void> {
    server.execute(["HSET", META, "c", newTag()]);
    const { chainBreaks } = coordinator.stats();
    for (let n = 0; coordinator.stats().chainBreaks === chainBreaks && n < 20; n++) await pass(50);
    expect(coordinator.stats().chainBreaks).toBe(chainBreaks + 1);
  }

  async function pass(ms: number): Promise<void> {
    clock.advance(ms);
    await turn();
  }

  test("is repeated a moment after a loss if it is much, since all nodes have to", async () => {
    for (let n = 1; n < 600; n++) coordinator.partitions.at(0).forget(`gone ${n}`);
    await lose();
    expect(asked).toEqual([]);
    await pass(249);
    expect(asked).toEqual([]);
    await pass(1);
    expect(asked.map(({ length }) => length)).toEqual([600]);
  });

  test("is repeated at once if it is little", async () => {
    await lose();
    await pass(0.5);
    expect(asked).toEqual([["gone"]]);
  });

  test("is repeated once for two losses that come together", async () => {
    await lose();
    server.execute(["PUBLISH", CHANNEL, `SM1C\n${newTag()}\n${newTag()}\nb\nother:`]);
    expect(coordinator.stats().chainBreaks).toBe(2);
    await pass(2_000);
    end(Promise.resolve(1));
    await pass(2_000);
    expect(asked).toHaveLength(1);
    expect(coordinator.stats().reasserted).toBe(1);
  });

  test("is repeated once more after a loss meanwhile, and not at the same time", async () => {
    await lose();
    await pass(250);
    await lose();
    await pass(2_000);
    expect(asked).toHaveLength(1);
    end(Promise.resolve(0));
    await pass(0);
    await pass(250);
    expect(asked).toHaveLength(2);
  });

  test("is what was remembered before the loss: what comes after it is of the new history", async () => {
    await lose();
    coordinator.partitions.at(0).forget("rotated since");
    await pass(250);
    expect(asked).toEqual([["gone"]]);
  });

  test("is repeated again after a failure", async () => {
    await lose();
    await pass(250);
    end(Promise.reject(new Error("not now")));
    await pass(0);
    for (let n = 0; n < 20; n++) await pass(50);
    expect(asked).toHaveLength(2);
  });

  test("is not repeated by a node that is closed", async () => {
    await lose();
    await coordinator.close();
    await pass(2_000);
    expect(asked).toEqual([]);
  });
});
