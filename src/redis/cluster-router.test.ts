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
