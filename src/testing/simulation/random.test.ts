import { expect, test } from "vitest";
import { SeededRandom } from "./random.js";

const draw = (random: SeededRandom, count = 5) => Array.from({ length: count }, () => random.next());

test("a seed determines what comes", () => {
  expect(draw(new SeededRandom("1"))).toEqual(draw(new SeededRandom("1")));
  expect(draw(new SeededRandom("1"))).not.toEqual(draw(new SeededRandom("2")));
});

test("a stream of its own does not depend on what was drawn elsewhere", () => {
  const parent = new SeededRandom("1");
  const before = draw(parent.fork("a"));
  draw(parent);
  expect(draw(parent.fork("a"))).toEqual(before);
  expect(draw(parent.fork("b"))).not.toEqual(before);
});

test("numbers are spread evenly from 0 to 1", () => {
  const random = new SeededRandom("1");
  const counts = Array.from({ length: 10 }, () => 0);
  for (const number of draw(random, 100_000))
    counts[Math.floor(number * 10)] = 1 + Number(counts[Math.floor(number * 10)]);
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("what is drawn is within its bounds", () => {
  const random = new SeededRandom("1");
  for (let i = 0; i < 100; i++) {
    expect(random.between(-3, 5)).toSatisfy((number: number) => number >= -3 && number < 5);
    expect([0, 1, 2]).toContain(random.below(3));
    expect(["a", "b"]).toContain(random.pick(["a", "b"]));
  }
  expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  expect(random.hex(40)).toMatch(/^[0-9a-f]{40}$/);
});
