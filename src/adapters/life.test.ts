import { describe, expect, test } from "vitest";
import { isShortened, lifeUntil } from "./life.js";

const NOW_MS = Date.parse("2026-01-01T00:00:00.000Z");
const TTL_MS = 86_400_000;
const MINUTE_MS = 60_000;

describe("lifeUntil", () => {
  const life = (endMs: number | undefined) => lifeUntil(endMs, TTL_MS, NOW_MS);

  test("is until that end", () => {
    expect(life(NOW_MS + MINUTE_MS)).toEqual({ expiresAtMs: NOW_MS + MINUTE_MS });
  });

  test("is the store's TTL without an end", () => {
    expect(life(undefined)).toEqual({ ttlMs: TTL_MS });
  });

  test.each([[0], [-1], [-TTL_MS]])("is over %d ms after now", (fromNowMs) => {
    expect(life(NOW_MS + fromNowMs)).toBeUndefined();
  });

  test("is a duration where the end is so near that it might pass on the way to Redis", () => {
    expect(life(NOW_MS + 1)).toEqual({ ttlMs: 1 });
    expect(life(NOW_MS + 9_999)).toEqual({ ttlMs: 9_999 });
    expect(life(NOW_MS + 10_000)).toEqual({ expiresAtMs: NOW_MS + 10_000 });
  });

  test("is no longer than a store takes", () => {
    const { expiresAtMs = 0 } = life(8.64e15) ?? {};
    expect(expiresAtMs - NOW_MS).toBe(100 * 365 * 86_400_000);
  });
});

describe("isShortened", () => {
  function shortened(storedEndMs: number, endMs: number | undefined) {
    const stored = { id: "an-id", data: {}, revision: "r", createdAtMs: NOW_MS, expiresAtMs: storedEndMs };
    return isShortened(stored, endMs, TTL_MS, NOW_MS);
  }

  test("is true of an end that is sooner by more than a tenth of the new life", () => {
    expect(shortened(NOW_MS + 1_101, NOW_MS + 1_000)).toBe(true);
    expect(shortened(NOW_MS + TTL_MS, NOW_MS + MINUTE_MS)).toBe(true);
  });

  test("is false of an end that is later, or sooner by less", () => {
    expect(shortened(NOW_MS + 1_100, NOW_MS + 1_000)).toBe(false);
    expect(shortened(NOW_MS + MINUTE_MS, NOW_MS + TTL_MS)).toBe(false);
  });

  test("counts a session without an end as one with the store's TTL", () => {
    expect(shortened(NOW_MS + TTL_MS, undefined)).toBe(false);
    expect(shortened(NOW_MS + 2 * TTL_MS, undefined)).toBe(true);
  });

  test("is false of a record that another store wrote without an end", () => {
    expect(shortened(Number.POSITIVE_INFINITY, NOW_MS + MINUTE_MS)).toBe(false);
  });
});
