import { expect, test } from "vitest";
import { systemClock } from "../../clock.js";
import { clockOf } from "./clock.js";
import { Server } from "./server.js";

/** A server whose clock is that of this machine, and so much more. */
function serverAhead(differenceMs: number): Server {
  const port = {
    send: async () => {
      const nowMs = Date.now() + differenceMs;
      return [String(Math.floor(nowMs / 1_000)), String((nowMs % 1_000) * 1_000)];
    },
    subscribe: async () => ({ close: () => {} }),
  };
  return new Server({ port, clock: systemClock, timeoutMs: 1_000, maxPending: 1 });
}

test.each([
  [0, "ok", "this machine's"],
  [60_000, "warning", "ahead of this machine's"],
  [-60_000, "warning", "behind this machine's"],
])("a clock that differs by %d ms: %s", async (differenceMs, status, says) => {
  const [finding, ...others] = await clockOf(serverAhead(differenceMs));
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ check: "clock", status, message: expect.stringContaining(says) });
  const [, ms = ""] = /is (\d+) ms/.exec(finding?.message ?? "") ?? [];
  expect(Math.abs(Number(ms) - Math.abs(differenceMs))).toBeLessThan(1_000);
});

test("a server that does not tell the time", async () => {
  const port = {
    send: async () => Promise.reject(new Error("NOPERM")),
    subscribe: async () => ({ close: () => {} }),
  };
  expect(await clockOf(new Server({ port, clock: systemClock, timeoutMs: 1_000, maxPending: 1 }))).toEqual(
    [],
  );
});
