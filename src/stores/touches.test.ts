import { describe, expect, test } from "vitest";
import { Touches } from "./touches.js";

const ID = "an-id";

/** Touches that are answered when the test says so. */
class Redis {
  readonly answers: ((touched: boolean) => void)[] = [];
  readonly failures: ((error: Error) => void)[] = [];

  readonly send = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      this.answers.push(resolve);
      this.failures.push(reject);
    });

  get sent(): number {
    return this.answers.length;
  }
}

describe("a touch joins the one on its way", () => {
  test.each([
    ["it asks for the same", 1_000, 1_000, 1],
    ["it asks for less", 1_000, 999, 1],
    ["both ask for the session's own TTL", undefined, undefined, 1],
    ["but not if it asks for more", 1_000, 1_001, 2],
    ["but not if it asks for a TTL where that one asks for the session's own", undefined, 1, 2],
    ["but not if it asks for the session's own TTL where that one asks for another", 1_000, undefined, 2],
  ])("if %s", (_, underWay, asked, sent) => {
    const redis = new Redis();
    const touches = new Touches();
    touches.join(ID, underWay, redis.send);
    touches.join(ID, asked, redis.send);
    expect(redis.sent).toBe(sent);
  });

  test("and shares its outcome", async () => {
    const redis = new Redis();
    const touches = new Touches();
    const outcomes = [1, 2, 3].map(() => touches.join(ID, 1_000, redis.send));
    redis.answers[0]?.(false);
    expect(await Promise.all(outcomes)).toEqual([false, false, false]);
  });

  test("and its failure", async () => {
    const redis = new Redis();
    const touches = new Touches();
    const outcomes = [1, 2].map(() => touches.join(ID, 1_000, redis.send));
    redis.failures[0]?.(new Error("no reply"));
    for (const outcome of outcomes) await expect(outcome).rejects.toThrow("no reply");
  });

  test("but not of another session", () => {
    const redis = new Redis();
    const touches = new Touches();
    touches.join("one", 1_000, redis.send);
    touches.join("other", 1_000, redis.send);
    expect(redis.sent).toBe(2);
  });
});

describe("a touch that is answered", () => {
  test.each(["answered", "failed"])("or, here, %s, is joined no more", async (outcome) => {
    const redis = new Redis();
    const touches = new Touches();
    const first = touches.join(ID, 1_000, redis.send);
    if (outcome === "answered") redis.answers[0]?.(true);
    else redis.failures[0]?.(new Error("no reply"));
    await first.catch(() => {});
    touches.join(ID, 1_000, redis.send);
    expect(redis.sent).toBe(2);
  });

  test("leaves a later one, which asked for more, open to join", async () => {
    const redis = new Redis();
    const touches = new Touches();
    const first = touches.join(ID, 1_000, redis.send);
    touches.join(ID, 2_000, redis.send);
    redis.answers[0]?.(true);
    await first;
    touches.join(ID, 2_000, redis.send);
    expect(redis.sent).toBe(2);
  });
});
