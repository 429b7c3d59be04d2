import { describe, expect, test } from "vitest";
import { A_TAG, recordOf } from "../../../test/support/records.js";
import { useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { DELETE } from "./delete.js";

const { redis, names, run, listen } = useScripts();

interface Delete {
  /** Default: whatever tag it has. */
  expected?: string;
  tag?: string;
  channel?: string;
}

function remove({ expected, tag = newTag(), channel = names.channel }: Delete = {}) {
  const condition = expected === undefined ? "" : `=${expected}`;
  return run(DELETE, [names.key, names.chain], [condition, tag, channel, "node"]);
}

const exists = () => redis.send("EXISTS", names.key);

test("1: deleted", async () => {
  await redis.send("SET", names.key, recordOf());
  expect(await remove()).toBe(1);
  expect(await exists()).toBe(0);
});

test("0: there was none", async () => {
  expect(await remove()).toBe(0);
  expect(await remove({ expected: A_TAG })).toBe(0);
});

describe("with a tag that is expected", () => {
  test("1: it had that tag", async () => {
    await redis.send("SET", names.key, recordOf());
    expect(await remove({ expected: A_TAG })).toBe(1);
    expect(await exists()).toBe(0);
  });

  test("-1: it has another tag, and stays", async () => {
    await redis.send("SET", names.key, recordOf());
    for (const expected of [newTag(), "", "*", A_TAG.slice(0, 11)])
      expect(await remove({ expected })).toBe(-1);
    expect(await redis.send("GET", names.key)).toBe(recordOf());
  });

  test("the record of another store has the empty one", async () => {
    await redis.send("SET", names.key, "{}");
    expect(await remove({ expected: A_TAG })).toBe(-1);
    expect(await remove({ expected: "" })).toBe(1);
  });
});

describe("the nodes", () => {
  test("are told, even if there was none: one of them may still hold it", async () => {
    const messages = await listen(names.channel);
    const [first, second] = [newTag(), newTag()];
    await redis.send("SET", names.key, recordOf());
    await remove({ tag: first });
    await remove({ tag: second });
    await expect
      .poll(() => messages)
      .toEqual([
        ["SM1D", "", first, "node", names.key],
        ["SM1D", first, second, "node", names.key],
      ]);
  });

  test("are not told of what was refused", async () => {
    const messages = await listen(names.channel);
    await redis.send("SET", names.key, recordOf());
    await remove({ expected: newTag() });
    const tag = newTag();
    await remove({ tag });
    await expect.poll(() => messages).toEqual([["SM1D", "", tag, "node", names.key]]);
  });

  test("are not told by a store without a channel", async () => {
    await redis.send("SET", names.key, recordOf());
    expect(await remove({ channel: "" })).toBe(1);
    expect(await redis.send("EXISTS", names.chain)).toBe(0);
  });
});
