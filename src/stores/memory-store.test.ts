import { queryObjects } from "node:v8";
import { beforeEach, describe, expect, test } from "vitest";
import { InvalidOptionError } from "../errors.js";
import type { Codec } from "../session/codec.js";
import { ManualClock } from "../testing/manual-clock.js";
import { MemoryStore } from "./memory-store.js";

const TTL_MS = 1_000;

let clock: ManualClock;
let store: MemoryStore<{ n: number }>;
beforeEach(() => {
  clock = new ManualClock(1_234.567);
  store = new MemoryStore({ ttlMs: TTL_MS, clock });
});

describe("time", () => {
  test("a session ends with its TTL, and not a millisecond before", async () => {
    const { id } = await store.create({ n: 1 });
    clock.advance(TTL_MS - 1);
    expect(await store.get(id)).toBeDefined();
    clock.advance(1);
    expect(store.peek(id)).toBeUndefined();
    expect(await store.get(id)).toBeUndefined();
  });

  test("a step of the wall clock ends no session, and keeps none alive", async () => {
    const { id } = await store.create({ n: 1 });
    clock.stepWall(10 * TTL_MS);
    expect(await store.get(id)).toBeDefined();
    clock.stepWall(-20 * TTL_MS);
    clock.advance(TTL_MS);
    expect(await store.get(id)).toBeUndefined();
  });

  test("the end that is told is the wall clock's, to the millisecond", async () => {
    for (const ttlMs of [1, TTL_MS, 86_400_000, 100 * 365 * 86_400_000]) {
      clock.advance(0.1);
      const wallNowMs = Math.floor(clock.wallNow());
      const { createdAtMs, expiresAtMs } = await store.create({ n: 1 }, { ttlMs });
      expect(Math.floor(createdAtMs)).toBe(wallNowMs);
      expect(expiresAtMs).toBe(wallNowMs + ttlMs);
    }
  });

  test("touches move the end up to the absolute one", async () => {
    const { id, createdAtMs } = await store.create({ n: 1 }, { absoluteTtlMs: 2.5 * TTL_MS });
    for (const endMs of [1.5, 2, 2.5, 2.5]) {
      clock.advance(TTL_MS / 2);
      expect(await store.touch(id)).toBe(true);
      expect((await store.get(id))?.expiresAtMs).toBe(Math.floor(createdAtMs + endMs * TTL_MS));
    }
    clock.advance(TTL_MS / 2 - 1);
    expect(await store.touch(id)).toBe(true);
    clock.advance(1);
    expect(await store.touch(id)).toBe(false);
  });
});

test("sessions that have ended are given back as others come, without a timer", async () => {
  class Held {}
  const codec: Codec<{ n: number }> = {
    encode: JSON.stringify,
    decode: (text) => Object.assign(new Held(), JSON.parse(text)),
  };
  const store = new MemoryStore({ ttlMs: TTL_MS, clock, codec });
  for (let n = 0; n < 100; n++) await store.create({ n });
  clock.advance(TTL_MS);
  expect(queryObjects(Held)).toBeGreaterThanOrEqual(100);
  for (let n = 0; n < 60; n++) await store.create({ n });
  expect(queryObjects(Held)).toBeLessThanOrEqual(61); // the collector may still find one on the stack
  expect(await store.size()).toBe(60);
});

test("the codec is asked as it would be for Redis", async () => {
  const seen: string[] = [];
  const codec: Codec<number> = {
    encode: (n) => {
      seen.push(`encode ${n}`);
      return `<${n}>`;
    },
    decode: (text) => {
      seen.push(`decode ${text}`);
      return Number(text.slice(1, -1));
    },
  };
  const { data } = await new MemoryStore({ codec }).create(7);
  expect(data).toBe(7);
  expect(seen).toEqual(["encode 7", "decode <7>"]);
});

test.each([
  ["ttlMs", 0],
  ["ttlMs", "1000"],
  ["ttlMs", 3_153_600_000_001],
  ["client", {}],
  ["maxEntries", 1],
])("the option %s must not be %o", (option, value) => {
  const make = () => new MemoryStore({ [option]: value });
  expect(make).toThrow(InvalidOptionError);
  expect(make).toThrow(`Option "${option}"`);
});
