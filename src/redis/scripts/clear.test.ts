import { expect, test } from "vitest";
import { useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { CLEAR } from "./clear.js";

const { redis, names, run, listen } = useScripts();

function clear(keys: readonly string[], tag = newTag(), channel = names.channel) {
  return run(CLEAR, [names.chain, ...keys], [tag, channel, "node", "sess:"]);
}

test("deletes a batch, and says how many there were", async () => {
  const keys = ["1", "2", "3"].map((n) => `${names.key}${n}`);
  for (const key of keys.slice(1)) await redis.send("SET", key, "{}");
  expect(await clear(keys)).toBe(2);
  expect(await redis.send("EXISTS", ...keys)).toBe(0);
});

test("takes as many keys as a SCAN may give, and none", async () => {
  const keys = Array.from({ length: 5_000 }, (_, n) => `${names.key}${n}`);
  await redis.send("MSET", ...keys.flatMap((key) => [key, "{}"]));
  expect(await clear(keys)).toBe(5_000);
  expect(await clear([])).toBe(0);
});

test("tells the nodes, each time", async () => {
  const messages = await listen(names.channel);
  const [first, second] = [newTag(), newTag()];
  await clear([names.key], first);
  await clear([], second);
  await expect
    .poll(() => messages)
    .toEqual([
      ["SM1C", "", first, "node", "sess:"],
      ["SM1C", first, second, "node", "sess:"],
    ]);
});

test("tells nobody without a channel", async () => {
  await clear([names.key], newTag(), "");
  expect(await redis.send("EXISTS", names.chain)).toBe(0);
});
