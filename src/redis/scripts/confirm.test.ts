import { expect, test } from "vitest";
import { A_TAG, recordOf } from "../../../test/support/records.js";
import { aliasOf, FUTURE_MS, PAST_MS, tombstoneOf, useScripts } from "../../../test/support/script-runner.js";
import { CONFIRM } from "./confirm.js";

const { redis, names, run } = useScripts();

const confirm = () => run(CONFIRM, [names.meta, names.generations, names.key], []);
const confirmUser = (generation: number) =>
  run(CONFIRM, [names.meta, names.generations], ["ann", generation]);

test.each([
  ["a tombstone", tombstoneOf(A_TAG, 1)],
  ["an alias", aliasOf("new", FUTURE_MS)],
  ["an alias whose grace is over", aliasOf("new", PAST_MS)],
])("a session is over where there is %s", async (_, record) => {
  await redis.send("SET", names.key, record);
  expect(await confirm()).toBe(1);
  expect(await redis.send("GET", names.key)).toBe(record);
});

test("a session is over where there is nothing", async () => {
  expect(await confirm()).toBe(1);
  expect(await redis.send("EXISTS", names.key)).toBe(0);
});

test.each([
  ["a session", recordOf()],
  ["a record of another store", "{}"],
  ["text", "hello"],
])("it is not where there is %s", async (_, record) => {
  await redis.send("SET", names.key, record);
  expect(await confirm()).toBe(0);
  expect(await redis.send("GET", names.key)).toBe(record);
});

test("sessions of a user are over from their generation on", async () => {
  expect(await confirmUser(1)).toBe(0);
  await redis.send("HSET", names.generations, "ann", "2");
  expect(await confirmUser(3)).toBe(0);
  expect(await confirmUser(2)).toBe(1);
  expect(await confirmUser(1)).toBe(1);
});

test("each writes something, and leaves the chain and the registry", async () => {
  await redis.send("HSET", names.meta, "c", "head", "n:a", "1");
  await confirm();
  await confirmUser(1);
  expect(await redis.send("HGETALL", names.meta)).toEqual({ c: "head", "n:a": "1", w: "2" });
});
