import { describe, expect, onTestFinished, test } from "vitest";
import { useScripts } from "../../../test/support/script-runner.js";
import { newTag } from "../../session/record.js";
import { BEAT } from "./beat.js";

const { redis, names, run, listen } = useScripts();

const beat = (nonce: string, fresh = newTag()) => run(BEAT, [names.chain], [nonce, fresh, names.channel]);
const head = () => redis.send("HGET", names.chain, "c");
const epoch = () => redis.send("HGET", names.chain, "e");

/** Moves the head of the chain, as a write does. */
async function write(): Promise<string> {
  const tag = newTag();
  await redis.send("HSET", names.chain, "c", tag);
  return tag;
}

test("says how many heard it, and tells them the nonce and the head of the chain", async () => {
  expect(await beat(newTag())).toBe(0);
  const messages = await listen(names.channel);
  const tag = await write();
  const nonce = newTag();
  expect(await beat(nonce)).toBe(1);
  await expect.poll(() => messages).toEqual([["SM1B", nonce, tag]]);
});

test("begins a chain where there is none", async () => {
  const fresh = newTag();
  await beat(newTag(), fresh);
  expect(await head()).toBe(fresh);
  expect(await epoch()).toMatch(/^[0-9a-f]{40}$/);
});

test("leaves the chain of this server alone", async () => {
  await beat(newTag());
  const tag = await write();
  await beat(newTag());
  expect(await head()).toBe(tag);
});

test("breaks a chain that another server wrote", async () => {
  await beat(newTag());
  const tag = await write();
  await redis.send("HSET", names.chain, "e", "0".repeat(40));
  const fresh = newTag();
  await beat(newTag(), fresh);
  expect(await head()).toBe(fresh);
  expect(fresh).not.toBe(tag);
  await beat(newTag());
  expect(await head()).toBe(fresh); // once: from then on the chain is this server's
});

describe("a server that must not be written to", () => {
  test("refuses the beat, though it would deliver a message", async () => {
    const messages = await listen(names.channel);
    await redis.send("CONFIG", "SET", "min-replicas-to-write", "1");
    onTestFinished(async () => void (await redis.send("CONFIG", "SET", "min-replicas-to-write", "0")));
    await expect(beat(newTag())).rejects.toThrow("NOREPLICAS");
    expect(await redis.send("PUBLISH", names.channel, "a message")).toBe(1);
    await expect.poll(() => messages).toEqual([["a message"]]);
  });
});

test("where INFO is forbidden, a beat does without", async () => {
  const acl = ["ACL", "SETUSER", "careful", "on", "nopass", "~*", "&*", "+@all", "-info"];
  await redis.send(...acl);
  const careful = redis.client.duplicate({ username: "careful", password: "any" });
  onTestFinished(() => careful.destroy());
  await careful.connect();
  const tag = await write();
  const args = ["EVAL", BEAT.lua, "1", names.chain, newTag(), newTag(), names.channel];
  await careful.sendCommand(args); // the first one cannot tell whose chain it is, and breaks it
  const begun = await head();
  expect(begun).not.toBe(tag);
  await careful.sendCommand(args);
  expect(await head()).toBe(begun);
});
