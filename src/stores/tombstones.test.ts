import { expect, test } from "vitest";
import { Tombstones } from "./tombstones.js";

const TTL_MS = 100;

test("an id is over for as long as it is remembered", () => {
  const tombstones = new Tombstones(TTL_MS);
  expect(tombstones.has("a", 0)).toBe(false);
  tombstones.add("a", 10);
  expect(tombstones.has("a", 109)).toBe(true);
  expect(tombstones.has("a", 110)).toBe(false);
  expect(tombstones.has("b", 10)).toBe(false);
});

test("an id leads to another one during its grace, and is over as long after it", () => {
  const tombstones = new Tombstones(TTL_MS);
  tombstones.add("a", 10, { newId: "b", graceMs: 20 });
  expect(tombstones.pathOf("a", 29)).toEqual(["a", "b"]);
  expect(tombstones.pathOf("a", 30)).toEqual(["a"]);
  expect(tombstones.has("a", 29)).toBe(true);
  expect(tombstones.has("a", 129)).toBe(true);
  expect(tombstones.has("a", 130)).toBe(false);
});

test("an id without a grace leads nowhere", () => {
  const tombstones = new Tombstones(TTL_MS);
  tombstones.add("a", 10, { newId: "b", graceMs: 0 });
  expect(tombstones.pathOf("a", 10)).toEqual(["a"]);
  expect(tombstones.has("a", 109)).toBe(true);
});

test("ids are followed four times", () => {
  const tombstones = new Tombstones(TTL_MS);
  for (let n = 0; n < 6; n++) tombstones.add(`${n}`, 0, { newId: `${n + 1}`, graceMs: 50 });
  expect(tombstones.pathOf("0", 0)).toEqual(["0", "1", "2", "3", "4"]);
  expect(tombstones.pathOf("2", 0)).toEqual(["2", "3", "4", "5", "6"]);
});

test("an id that is deleted leads nowhere any more, and aliases may be forgotten at once", () => {
  const tombstones = new Tombstones(TTL_MS);
  for (const id of ["a", "b"]) tombstones.add(id, 0, { newId: "c", graceMs: 50 });
  tombstones.add("d", 0);
  tombstones.add("a", 1);
  expect(tombstones.pathOf("a", 1)).toEqual(["a"]);
  tombstones.clearAliases(1);
  expect(["a", "b", "d"].map((id) => tombstones.has(id, 1))).toEqual([true, false, true]);
});

test("an id is over by the deletion that came last", () => {
  const tombstones = new Tombstones(TTL_MS);
  tombstones.add("a", 10, undefined, "one");
  expect(tombstones.isOverBy("one", "a", 109)).toBe(true);
  expect(tombstones.isOverBy("other", "a", 109)).toBe(false);
  expect(tombstones.isOverBy("one", "b", 109)).toBe(false);
  expect(tombstones.isOverBy("one", "a", 110)).toBe(false);
  tombstones.add("a", 20);
  expect(tombstones.isOverBy("one", "a", 20)).toBe(false);
});
