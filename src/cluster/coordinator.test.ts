import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import type { Command, RedisPort, Reply } from "../redis/port.js";
import { BEAT } from "../redis/scripts/beat.js";
import { LEAVE } from "../redis/scripts/leave.js";
import type { Script } from "../redis/scripts/script.js";
import { ManualClock } from "../testing/manual-clock.js";
import { SimulatedRedis } from "../testing/simulated-redis.js";
import { ClusterCoordinator } from "./coordinator.js";

const CHANNEL = "channel";

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

async function started(client: RedisPort) {
  const coordinator = new ClusterCoordinator({ client, target, channel: CHANNEL, nodeId: "a", clock });
  await coordinator.start();
  return coordinator;
}

const registered = () =>
  (server.execute(["HGETALL", `sessionmesh:meta:${CHANNEL}`]) as string[]).filter((field) => field === "n:a");

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
