import { describe, expect, test } from "vitest";
import { ManualClock } from "../testing/manual-clock.js";
import { hashTags, SLOTS, slotOf } from "./cluster-slots.js";
import { Partitioned, partitionsOf } from "./partitions.js";
import type { PubSubMode, RedisClusterPort, RedisPort } from "./port.js";

const PORT: RedisPort = { send: async () => null, subscribe: async () => ({ close: () => {} }) };

describe("hash tags", () => {
  test.each([1, 2, 3, 16, 100, 256])("%i partitions lie evenly among the slots", (count) => {
    const tags = hashTags(count);
    expect(new Set(tags).size).toBe(count);
    for (const [partition, tag] of tags.entries()) {
      const slot = slotOf(`sess:{${tag}}id`);
      expect(Math.floor((slot * count) / SLOTS)).toBe(partition);
    }
  });

  test("they are the same for ever: sessions are found by them", () => {
    expect(hashTags(4)).toEqual(["3", "2", "1", "0"]);
    expect(hashTags(16).slice(0, 4)).toEqual(["10", "3", "61", "43"]);
  });
});

describe("a session's partition", () => {
  const partitions = new Partitioned(["a", "b", "c", "d"]);

  test("is the same for ever", () => {
    const ids = ["", "a", "session", "{x}y", "Zoë", "😀"];
    expect(ids.map((id) => partitions.indexOf(id))).toEqual([1, 0, 3, 0, 3, 0]);
    expect(partitions.of("session")).toBe("d");
  });

  test("is one of all alike", () => {
    const counts = [0, 0, 0, 0];
    for (let n = 0; n < 4_000; n++) (counts[partitions.indexOf(`session-${n}`)] as number)++;
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });

  test("is the only one there is", () => {
    expect(new Partitioned(["a"]).of("session")).toBe("a");
  });

  test("ids are grouped by it", () => {
    expect([...partitions.group(["a", "session", "😀"])]).toEqual([
      ["a", ["a", "😀"]],
      ["d", ["session"]],
    ]);
  });
});

describe("the partitions of a client", () => {
  const request = {
    prefix: "sess:",
    channel: "changes",
    partitions: 4,
    pubsub: "sharded" as const,
    clock: new ManualClock(),
    timeoutMs: 1_000,
  };

  test("a single server has one, whatever was asked for", () => {
    const { all } = partitionsOf({ ...request, client: PORT });
    expect(all).toEqual([{ port: PORT, prefix: "sess:", commonPrefix: "sess:", channel: "changes" }]);
  });

  test("those of a cluster have a slot each, which all their keys and channels share", () => {
    const asked: [number, PubSubMode][] = [];
    const client: RedisClusterPort = {
      slot: (slot, mode) => {
        asked.push([slot, mode]);
        return PORT;
      },
    };
    const { all } = partitionsOf({ ...request, client });
    expect(all.map(({ prefix }) => prefix)).toEqual(["sess:{3}", "sess:{2}", "sess:{1}", "sess:{0}"]);
    expect(all.map(({ channel }) => channel)).toEqual([
      "changes{3}",
      "changes{2}",
      "changes{1}",
      "changes{0}",
    ]);
    expect(asked).toEqual(all.map(({ prefix }) => [slotOf(`${prefix}{id}`), "sharded"]));
  });

  test.each([
    { prefix: "se{ss}:" },
    { channel: "}" },
  ])("%o is refused there: its braces would be the hash tag", (names) => {
    const client: RedisClusterPort = { slot: () => PORT };
    expect(() => partitionsOf({ ...request, ...names, client })).toThrow("without braces");
    expect(partitionsOf({ ...request, ...names, client: PORT }).all).toHaveLength(1);
  });
});
