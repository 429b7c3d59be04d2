import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { PartitionMismatchError, StoreUnavailableError } from "../errors.js";
import { ManualClock } from "../testing/manual-clock.js";
import { RedisCommands } from "./commands.js";
import { NotSentError } from "./failures.js";
import { type Gate, gateOf } from "./gate.js";
import type { Reply } from "./port.js";
import { script } from "./scripts/script.js";

const THRESHOLD = 5;
const gone = () => new Error("connect ECONNREFUSED 127.0.0.1:6379");
const MISMATCH = new PartitionMismatchError("a:key", "1 8 sharded", { partitions: 16, pubsub: "sharded" });

function gateWith(clock = new ManualClock()): { gate: Gate; clock: ManualClock; told: string[] } {
  const told: string[] = [];
  const gate = gateOf({
    clock,
    breaker: { threshold: THRESHOLD, halfOpenAfterMs: 100 },
    onOpened: () => told.push("opened"),
    onClosed: () => told.push("closed"),
  });
  return { gate: gate as Gate, clock, told };
}

function fail(gate: Gate, clock: ManualClock, cause: Error): void {
  gate.failed(gate.enter(clock.now()) as number, cause);
}

test.each([
  new NotSentError("not sent"),
  MISMATCH,
])("what was not sent neither opens nor closes: %s", (cause) => {
  const { gate, clock, told } = gateWith();
  for (let n = 0; n < THRESHOLD - 1; n++) fail(gate, clock, gone());
  for (let n = 0; n < THRESHOLD; n++) fail(gate, clock, cause);
  expect(gate.state).toBe("closed");
  fail(gate, clock, gone());
  expect(told).toEqual(["opened"]);
});

test("what fails with one and the same error counts once, and as a trial again", () => {
  const { gate, clock } = gateWith();
  const error = gone();
  for (let n = 0; n < 10; n++) fail(gate, clock, error);
  expect(gate.state).toBe("closed");
  for (let n = 1; n < THRESHOLD - 1; n++) fail(gate, clock, gone());
  fail(gate, clock, error);
  expect(gate.state).toBe("open");
  clock.advance(100);
  fail(gate, clock, error);
  expect(gate.state).toBe("open");
});

test("a trial that was not sent leaves its place to the next command", () => {
  const { gate, clock, told } = gateWith();
  for (let n = 0; n < THRESHOLD; n++) fail(gate, clock, gone());
  clock.advance(100);
  const trial = gate.enter(clock.now()) as number;
  expect(gate.enter(clock.now())).toBeInstanceOf(StoreUnavailableError);
  gate.failed(trial, new NotSentError("not sent"));
  const next = gate.enter(clock.now());
  expect(next).toBeTypeOf("number");
  gate.succeeded(trial); // says nothing any more
  expect(gate.state).toBe("half-open");
  gate.succeeded(next as number);
  expect(told).toEqual(["opened", "closed"]);
});

test("an outage that a store tells of opens, as any other", () => {
  const { gate, clock } = gateWith();
  for (let n = 0; n < THRESHOLD; n++) fail(gate, clock, new StoreUnavailableError("no reply within 10 ms"));
  expect(gate.state).toBe("open");
});

test("reads that have waited too long for their turn do not stop what comes after them", async () => {
  const { gate, clock } = gateWith();
  const answers: ((reply: Reply) => void)[] = [];
  const port = {
    send: () => new Promise<Reply>((resolve) => answers.push(resolve)),
    subscribe: async () => ({ close: () => {} }),
  };
  const commands = new RedisCommands({
    port,
    clock,
    gate,
    timeoutMs: 1_000,
    maxPending: 100,
    maxConcurrent: 1,
  });
  const reading = { script: script("return {}"), commonKeys: [], args: [""], takesTurns: true };
  const first = commands.runForKey({ ...reading, key: "first" });
  await nextTurn();
  const others = Array.from({ length: 32 }, (_, n) => commands.runForKey({ ...reading, key: `${n}` }));
  const refusals = Promise.allSettled(others);
  clock.advance(500);
  answers[0]?.(["reply"]);
  expect(await first).toBe("reply");
  for (const refusal of await refusals) {
    expect(refusal).toMatchObject({
      reason: { code: "STORE_UNAVAILABLE", message: expect.stringContaining("not sent") },
    });
  }
  expect(gate.opened).toBe(0);
  const logout = commands.send(["UNLINK", "key"]);
  answers[1]?.(1);
  expect(await logout).toBe(1);
});
