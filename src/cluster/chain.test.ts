import fc from "fast-check";
import { expect, test } from "vitest";
import { Chain } from "./chain.js";

test("writes that name one another are a chain", () => {
  const chain = new Chain();
  chain.confirm("a");
  expect(chain.follow("a", "b")).toBe(true);
  expect(chain.follow("b", "c")).toBe(true);
  expect(chain.confirm("c")).toBe(true);
});

test("a node that has seen nothing yet follows nothing", () => {
  expect(new Chain().confirm("a")).toBe(false);
  expect(new Chain().follow("a", "b")).toBe(false);
  expect(new Chain().follow("", "b")).toBe(false);
});

test.each([
  ["a write that follows another one than the last", (chain: Chain) => chain.follow("x", "b")],
  ["a write that follows none, since Redis forgot", (chain: Chain) => chain.follow("", "b")],
  ["a head that is another write than the last", (chain: Chain) => chain.confirm("b")],
])("%s is a gap, and the chain goes on from there", (_, step) => {
  const chain = new Chain();
  chain.confirm("a");
  expect(step(chain)).toBe(false);
  expect(chain.follow("b", "c")).toBe(true);
});

test("a message that arrives twice is a gap: it cannot be told from one of another history", () => {
  const chain = new Chain();
  chain.confirm("a");
  expect(chain.follow("a", "b")).toBe(true);
  expect(chain.follow("a", "b")).toBe(false);
});

test("whichever messages are missed, the next link tells", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), (arrives) => {
      const chain = new Chain();
      chain.confirm("0");
      let missed = false;
      arrives.forEach((heard, n) => {
        if (heard) expect(chain.follow(`${n}`, `${n + 1}`)).toBe(!missed);
        missed = !heard;
      });
      expect(chain.confirm(`${arrives.length}`)).toBe(!missed);
    }),
  );
});
