import { expect, test } from "vitest";
import { Chain } from "./chain.js";

function chainAt(head: string): Chain {
  const chain = new Chain();
  chain.confirm(head);
  return chain;
}

test("writes that name the one before them are unbroken", () => {
  const chain = chainAt("a");
  expect(chain.follow("a", "b")).toBe(true);
  expect(chain.follow("b", "c")).toBe(true);
  expect(chain.confirm("c")).toBe(true);
});

test("a missed write breaks the chain at the next one, once", () => {
  const chain = chainAt("a");
  expect(chain.follow("b", "c")).toBe(false);
  expect(chain.follow("c", "d")).toBe(true);
});

test("a missed write breaks the chain at the next beat, once", () => {
  const chain = chainAt("a");
  expect(chain.confirm("b")).toBe(false);
  expect(chain.confirm("b")).toBe(true);
});

test("a repeated message, or a Redis that has forgotten the chain, breaks it", () => {
  const chain = chainAt("a");
  chain.follow("a", "b");
  expect(chain.follow("a", "b")).toBe(false);
  expect(chain.follow("", "c")).toBe(false);
});

test("nothing is unbroken before the first head is known", () => {
  expect(new Chain().confirm("a")).toBe(false);
  expect(new Chain().follow("", "a")).toBe(false);
});
