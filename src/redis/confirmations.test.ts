import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { StoreClosedError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { Confirmations } from "./confirmations.js";
import type { Connection, RedisPort } from "./port.js";

/** A port whose connections never answer, and what became of them. */
function silentPort() {
  const connections: { closed: boolean }[] = [];
  const connect = async (): Promise<Connection> => {
    const state = { closed: false };
    connections.push(state);
    return {
      send: () => new Promise(() => {}),
      close: () => {
        state.closed = true;
      },
    };
  };
  const port = { connect, send: () => Promise.reject(new Error("not by this connection")) };
  return { connections, port: port as unknown as RedisPort };
}

test("close() ends what waits for the next round, too, and no connection is opened after it", async () => {
  const { connections, port } = silentPort();
  const confirmations = new Confirmations({
    port,
    clock: new ManualClock(),
    replicas: 1,
    timeoutMs: 100,
    commandTimeoutMs: 1_000,
    maxPending: 10,
  });
  const ends = [1, 2, 3].map((n) => confirmations.confirm([`key-${n}`], []).catch((error) => error));
  await turn();
  expect(connections).toEqual([{ closed: false }]);
  confirmations.close();
  for (const end of ends) expect(await end).toBeInstanceOf(StoreClosedError);
  await turn();
  expect(connections).toEqual([{ closed: true }]);
});
