import { expect, test } from "vitest";
import { recordOf } from "../../../test/support/records.js";
import { useScripts } from "../../../test/support/script-runner.js";
import { READ } from "./read.js";

const { redis, names, run } = useScripts();
const read = () => run(READ, [names.key], []);

test("gives the record and what is left of its life", async () => {
  await redis.send("SET", names.key, recordOf(), "PX", "60000");
  const [record, lifeMs] = (await read()) as [string, number];
  expect(record).toBe(recordOf());
  expect(lifeMs).toBeLessThanOrEqual(60_000);
  expect(lifeMs).toBeGreaterThan(0);
});

test("gives -1 for a record that has no end", async () => {
  await redis.send("SET", names.key, "{}");
  expect(await read()).toEqual(["{}", -1]);
});

test("gives nil where there is no record, or a tombstone", async () => {
  expect(await read()).toBeNull();
  await redis.send("SET", names.key, `T1${recordOf().slice(2)}`);
  expect(await read()).toBeNull();
});

test("gives whatever string there is, and fails for anything else", async () => {
  await redis.send("SET", names.key, "hello");
  expect(await read()).toEqual(["hello", -1]);
  await redis.send("DEL", names.key);
  await redis.send("HSET", names.key, "field", "value");
  await expect(read()).rejects.toThrow("WRONGTYPE");
});
