import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { eachFaultOnce, losesMaster } from "../scripts/soak/faults.mjs";
import { leftOpen } from "../scripts/soak/left-open.mjs";
import { growth } from "../scripts/soak/memory.mjs";
import { SeededRandom } from "../src/testing/simulation/random.js";

const MEBIBYTE = 1_024 * 1_024;
const FLAT = { heap: 20 * MEBIBYTE, external: 5 * MEBIBYTE, rss: 100 * MEBIBYTE };
const SHORT_MS = 250;
const LONG_MS = 10_000;

/** Samples of which one kind of memory grows from one to another. */
function growing(kind: keyof typeof FLAT, fromMiB: number, toMiB: number, count = 30) {
  return Array.from({ length: count }, (_, n) => {
    const mebibytes = fromMiB + ((toMiB - fromMiB) * n) / (count - 1);
    return { ...FLAT, [kind]: mebibytes * MEBIBYTE };
  });
}

const notFlat = (samples: ReturnType<typeof growing>, sampleMs: number) =>
  growth(samples, sampleMs).flatMap(({ kind, isFlat }) => (isFlat ? [] : [kind]));

describe("memory", () => {
  test.each([
    ["heap", 20, 60, SHORT_MS],
    ["external", 5, 30, SHORT_MS],
    ["rss", 100, 500, LONG_MS],
  ] as const)("of %s that grows from %i to %i MiB is found", (kind, from, to, sampleMs) => {
    expect(notFlat(growing(kind, from, to), sampleMs)).toEqual([kind]);
    expect(notFlat(growing(kind, from, from + 2), sampleMs)).toEqual([]);
    expect(notFlat(growing(kind, to, from), sampleMs)).toEqual([]);
  });

  test("of a process that has just started says nothing", () => {
    expect(notFlat(growing("heap", 20, 60, 8), SHORT_MS)).toEqual([]);
  });

  test("that the system gave is not judged in a short run", () => {
    expect(notFlat(growing("rss", 100, 500), SHORT_MS)).toEqual([]);
  });
});

test("what was left open is found, and what was closed is not", async () => {
  const idle = process.getActiveResourcesInfo();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  expect(await leftOpen(idle)).toContain("TCPServerWrap");
  server.close();
  expect(await leftOpen(idle)).not.toContain("TCPServerWrap");
});

describe("the faults of servers", () => {
  test("come each once, in an order of the seed, and a master is lost first", () => {
    const orders = ["a", "b", "c", "d"].map((seed) =>
      eachFaultOnce(new SeededRandom(seed)).map(({ name }) => name),
    );
    for (const order of orders) {
      expect(new Set(order).size).toBe(9);
      expect(order).toHaveLength(9);
      expect(losesMaster({ [order[0] as string]: 1 })).toBe(true);
    }
    expect(new Set(orders.map(String)).size).toBeGreaterThan(1);
  });

  test("by which no master is lost are not taken for one", () => {
    expect(losesMaster({ "failover on demand": 3, "moved slot": 1, "master suspended briefly": 1 })).toBe(
      false,
    );
    expect(losesMaster({ "attempted suspended master": 1 })).toBe(true);
  });
});
