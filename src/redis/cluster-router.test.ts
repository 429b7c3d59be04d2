import { expect, test } from "vitest";
import { ClusterNode } from "./cluster-node.js";
import { ClusterRouter } from "./cluster-router.js";
import type { Command } from "./port.js";

const SLOT = 7;

/** A node that notes what it is sent. */
function noting() {
  const sent: Command[] = [];
  const send = async (command: Command) => {
    sent.push(command);
    return "OK";
  };
  const subscribe = async () => ({ close: () => {} });
  const connect = async () => ({ send, close: () => {} });
  return { sent, node: new ClusterNode("127.0.0.1:7000", { send, subscribe, connect }) };
}

test("a command that comes when the master has just been found is behind those that waited for it", async () => {
  const { sent, node } = noting();
  let last: Promise<unknown> | undefined;
  let asked = 0;
  const router = new ClusterRouter({
    isClosed: false,
    canTrack: false,
    master: () => {
      if (++asked < 3) return undefined;
      if (asked === 3) queueMicrotask(() => (last = router.send(SLOT, ["GET", "last"])));
      return node;
    },
    at: () => undefined,
    refresh: async () => {},
  });
  const waiting = ["first", "second"].map((key) => router.send(SLOT, ["GET", key]));
  await Promise.all(waiting);
  await last;
  expect(sent.map(([, key]) => key)).toEqual(["first", "second", "last"]);
});

test("a redirection is followed only so often", async () => {
  let sent = 0;
  const send = async () => {
    sent++;
    throw new Error(`MOVED ${SLOT} 127.0.0.1:7000`);
  };
  const subscribe = async () => ({ close: () => {} });
  const connect = async () => ({ send, close: () => {} });
  const node = new ClusterNode("127.0.0.1:7000", { send, subscribe, connect });
  let refreshed = 0;
  const refresh = async () => {
    refreshed++;
  };
  const router = new ClusterRouter({
    isClosed: false,
    canTrack: false,
    master: () => node,
    at: () => node,
    refresh,
  });
  await expect(router.send(SLOT, ["GET", "key"])).rejects.toThrow(/^MOVED/);
  expect(sent).toBe(6);
  expect(refreshed).toBe(1);
});

test("a command whose time is over when its master is found is not sent", async () => {
  const { sent, node } = noting();
  let isFound = false;
  const router = new ClusterRouter({
    isClosed: false,
    canTrack: false,
    master: () => (isFound ? node : undefined),
    at: () => undefined,
    refresh: async () => {},
  });
  let isOver = false;
  const late = router.send(SLOT, ["SET", "key", "late"], () => isOver);
  const inTime = router.send(SLOT, ["SET", "key", "in time"], () => false);
  isOver = true;
  isFound = true;
  await expect(late).rejects.toThrow("too late to send it");
  expect(await inTime).toBe("OK");
  expect(sent).toEqual([["SET", "key", "in time"]]);
});

test.each(["MOVED", "ASK"])("nor is one after %s", async (word) => {
  const { sent, node: other } = noting();
  let isOver = false;
  const send = async () => {
    isOver = true;
    throw new Error(`${word} ${SLOT} ${other.address}`);
  };
  const node = new ClusterNode("127.0.0.1:7001", { ...other.port, send });
  const router = new ClusterRouter({
    isClosed: false,
    canTrack: false,
    master: () => node,
    at: () => other,
    refresh: async () => {},
  });
  await expect(router.send(SLOT, ["INCR", "key"], () => isOver)).rejects.toThrow(word);
  expect(sent).toEqual([]);
});
