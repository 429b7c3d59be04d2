import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { ConcurrencyLimit } from "./concurrency-limit.js";

test("so many tasks run at a time, the others in their order, whether those before succeed or fail", async () => {
  const limit = new ConcurrencyLimit(2);
  const begun: number[] = [];
  const end: ((error?: Error) => void)[] = [];
  const run = (n: number) =>
    limit.run(() => {
      begun.push(n);
      return new Promise<number>((resolve, reject) => {
        end[n] = (error) => (error === undefined ? resolve(n) : reject(error));
      });
    });
  const tasks = [0, 1, 2, 3].map(run);
  expect(begun).toEqual([0, 1]);
  end[1]?.(new Error("failed"));
  await expect(tasks[1]).rejects.toThrow("failed");
  await nextTurn();
  expect(begun).toEqual([0, 1, 2]);
  end[0]?.();
  end[2]?.();
  expect(await Promise.all([tasks[0], tasks[2]])).toEqual([0, 2]);
  await nextTurn();
  expect([begun, limit.running]).toEqual([[0, 1, 2, 3], 1]);
  end[3]?.();
  expect(await tasks[3]).toBe(3);
  expect(limit.running).toBe(0);
});

test("a task that throws before it waits gives its place on", async () => {
  const limit = new ConcurrencyLimit(1);
  const thrown = limit.run(() => {
    throw new Error("at once");
  });
  const after = limit.run(async () => "after");
  await expect(thrown).rejects.toThrow("at once");
  expect(await after).toBe("after");
  expect(limit.running).toBe(0);
});
