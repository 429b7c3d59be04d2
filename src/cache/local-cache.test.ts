import { queryObjects } from "node:v8";
import { beforeEach, describe, expect, test } from "vitest";
import { InvalidOptionError } from "../errors.js";
import { DEFAULT_CACHE_MAX_BYTES, DEFAULT_CACHE_MAX_ENTRIES, DEFAULT_CACHE_TTL_MS } from "../options.js";
import { ManualClock } from "../testing/manual-clock.js";
import { LocalCache, type LocalCacheOptions } from "./local-cache.js";

const TTL_MS = 1_000;
/** What an entry weighs beside its value. */
const OVERHEAD_BYTES = 256;

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock(5_000);
});

function makeCache<V extends {} = string>(options: Omit<LocalCacheOptions, "clock"> = {}): LocalCache<V> {
  return new LocalCache<V>({ ttlMs: TTL_MS, clock, ...options });
}

/** Which of these ids are there, without a lookup that would count or change the order. */
function held(cache: LocalCache<never>, ids: string): string {
  return [...ids].filter((id) => cache.peek(id) !== undefined).join("");
}

describe("time", () => {
  test("an entry is served until its TTL is over, and not at that moment", () => {
    const cache = makeCache();
    cache.set("a", "1");
    clock.advance(TTL_MS - 1);
    expect(cache.get("a")).toBe("1");
    expect(cache.peek("a")).toBe("1");
    clock.advance(1);
    expect(cache.peek("a")).toBeUndefined();
    expect(cache.get("a")).toBeUndefined();
  });

  test("a lookup does not prolong an entry's time", () => {
    const cache = makeCache();
    cache.set("a", "1");
    for (let n = 0; n < 4; n++) {
      clock.advance(TTL_MS / 4);
      cache.get("a");
    }
    expect(cache.get("a")).toBeUndefined();
  });

  test("an entry's own TTL counts if it is shorter, and not if it is longer", () => {
    const cache = makeCache();
    cache.set("short", "1", { ttlMs: 10 });
    cache.set("long", "1", { ttlMs: 10 * TTL_MS });
    clock.advance(10);
    expect(cache.get("short")).toBeUndefined();
    clock.advance(TTL_MS - 11);
    expect(cache.get("long")).toBe("1");
    clock.advance(1);
    expect(cache.get("long")).toBeUndefined();
  });

  test.each([0, -1, Number.NaN])("an entry with a TTL of %d is not kept, and replaces none", (ttlMs) => {
    const cache = makeCache();
    cache.set("a", "old");
    cache.set("a", "new", { ttlMs });
    expect(cache.get("a")).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test("the caller may tell the time", () => {
    const cache = makeCache();
    cache.set("a", "1");
    expect(cache.get("a", clock.now() + TTL_MS - 1)).toBe("1");
    expect(cache.peek("a", clock.now() + TTL_MS)).toBeUndefined();
    expect(cache.get("a", clock.now() + TTL_MS)).toBeUndefined();
  });

  test("a step of the wall clock changes nothing", () => {
    const cache = makeCache();
    cache.set("a", "1");
    clock.stepWall(1_000_000);
    expect(cache.get("a")).toBe("1");
  });
});

describe("an entry that is not fresh any more", () => {
  test("is told of by the lookup that finds it so, once, and served for all of its time", () => {
    const cache = makeCache();
    const aging: string[] = [];
    cache.onAging = (id) => aging.push(id);
    cache.set("a", "1", { freshMs: 100 });
    cache.set("b", "1");
    clock.advance(99);
    cache.lookUp("a");
    expect(aging).toEqual([]);
    clock.advance(1);
    cache.peek("a");
    cache.get("a");
    expect(aging).toEqual([]);
    for (let n = 0; n < 3; n++) expect(cache.lookUp("a")).toBe("1");
    clock.advance(TTL_MS - 101);
    for (const id of "ab") expect(cache.lookUp(id)).toBe("1");
    clock.advance(1);
    for (const id of "ab") expect(cache.lookUp(id)).toBeUndefined();
    expect(aging).toEqual(["a"]);
    cache.set("a", "2", { freshMs: 0 });
    expect(cache.lookUp("a")).toBe("2");
    expect(aging).toEqual(["a", "a"]);
  });

  test("is no more than an entry if nobody wants to know", () => {
    const cache = makeCache();
    cache.set("a", "1", { freshMs: 0 });
    expect(cache.lookUp("a")).toBe("1");
  });
});

describe("room", () => {
  test("the least recently used entry makes room", () => {
    const cache = makeCache({ maxEntries: 3 });
    for (const id of "abc") cache.set(id, id);
    cache.get("a");
    cache.set("d", "d");
    expect(held(cache as never, "abcd")).toBe("acd");
    cache.set("c", "again");
    cache.set("e", "e");
    cache.set("f", "f");
    expect(held(cache as never, "abcdef")).toBe("cef");
  });

  test("peek() and replace() are no use", () => {
    const cache = makeCache({ maxEntries: 2 });
    cache.set("a", "1");
    cache.set("b", "1");
    cache.peek("a");
    cache.replace("a", "2");
    cache.set("c", "1");
    expect(held(cache as never, "abc")).toBe("bc");
  });

  test.each([-1, Number.NaN])("a weight of %d is refused, and what is there stays", (bytes) => {
    const cache = makeCache();
    cache.set("a", "old");
    expect(() => cache.set("a", "new", { bytes })).toThrow('Option "bytes"');
    expect(cache.get("a")).toBe("old");
  });

  test("entries make room until their bytes are few enough", () => {
    const bytes = 1_000;
    const cache = makeCache({ maxBytes: 3 * (bytes + OVERHEAD_BYTES) });
    for (const id of "abc") cache.set(id, id, { bytes });
    expect(cache.stats().bytes).toBe(3 * (bytes + OVERHEAD_BYTES));
    cache.set("d", "d", { bytes: bytes + 1 });
    expect(held(cache as never, "abcd")).toBe("cd");
    expect(cache.stats().bytes).toBe(2 * (bytes + OVERHEAD_BYTES) + 1);
  });

  test("a value weighs twice its JSON unless the caller knows better", () => {
    const cache = makeCache<object>();
    cache.set("a", { name: "Ada" });
    expect(cache.stats().bytes).toBe(2 * '{"name":"Ada"}'.length + OVERHEAD_BYTES);
    cache.set("a", { name: "Ada" }, { bytes: 0.5 });
    expect(cache.stats().bytes).toBe(1 + OVERHEAD_BYTES);
  });

  test("a value larger than the cache is not kept, replaces none, and costs no other entry its place", () => {
    const cache = makeCache({ maxBytes: 1_000 });
    cache.set("a", "old");
    cache.set("b", "other");
    cache.set("a", "new", { bytes: 1_001 - OVERHEAD_BYTES });
    expect(held(cache as never, "ab")).toBe("b");
    expect(cache.stats().evictionsByReason).toEqual({ expired: 0, capacity: 0, invalidated: 1 });
    cache.set("a", "fits", { bytes: 1_000 - OVERHEAD_BYTES });
    expect(held(cache as never, "ab")).toBe("a");
  });
});

describe("groups", () => {
  test("are dropped one by one", () => {
    const cache = makeCache<string>();
    const [one, two] = [cache.group(), cache.group()];
    cache.set("a", "1", { group: one });
    cache.set("b", "2", { group: two });
    cache.set("c", "3");
    cache.clear(one);
    expect(["a", "b", "c"].map((id) => cache.peek(id))).toEqual([undefined, "2", "3"]);
    expect(cache.stats()).toMatchObject({ size: 2, evictionsByReason: { invalidated: 1 } });
    cache.set("a", "4", { group: one });
    expect(cache.get("a")).toBe("4");
    cache.clear();
    expect(cache.stats()).toMatchObject({ size: 0, bytes: 0, evictionsByReason: { invalidated: 4 } });
  });

  test("one that is set aside does not bring back what another one has dropped", () => {
    const cache = makeCache<string>();
    const [one, two] = [cache.group(), cache.group()];
    cache.set("a", "1", { group: one });
    cache.set("b", "2", { group: two });
    cache.setAside(one);
    cache.clear(two);
    expect(["a", "b"].map((id) => cache.stale(id, 0))).toEqual(["1", undefined]);
    cache.clear(one);
    expect(cache.stale("a", 0)).toBeUndefined();
  });

  test("one that is dropped costs no other one an entry, however they lie among each other, and all of it leaves", () => {
    const cache = makeCache<string>({ maxEntries: 90 }); // as many as live in the end
    const [one, two] = [cache.group(), cache.group()];
    for (let n = 0; n < 40; n++) cache.set(`${n}`, "1", { group: n % 4 === 3 ? two : one });
    cache.clear(two);
    const living = Array.from({ length: 40 }, (_, n) => `${n}`).filter((_, n) => n % 4 !== 3);
    for (let n = 0; n < 60; n++) cache.set(`new ${n}`, "2", { group: two });
    expect(living.filter((id) => cache.peek(id) === "1")).toEqual(living);
    expect(cache.stats().evictionsByReason).toMatchObject({ capacity: 0, invalidated: 10 });
  });

  test("an entry that moves to another group is dropped with that one", () => {
    const cache = makeCache<string>();
    const [one, two] = [cache.group(), cache.group()];
    cache.set("a", "1", { group: one });
    cache.set("a", "2", { group: two });
    cache.clear(one);
    expect(cache.peek("a")).toBe("2");
    expect(cache.stats()).toMatchObject({ size: 1, evictionsByReason: { invalidated: 0 } });
    cache.clear(two);
    expect(cache.stats()).toMatchObject({ size: 0, bytes: 0 });
  });
});

describe("delete() and clear()", () => {
  test("delete() drops an entry, and says whether there was one", () => {
    const cache = makeCache();
    cache.set("a", "1");
    expect(cache.delete("a")).toBe(true);
    expect(cache.delete("a")).toBe(false);
    expect(cache.get("a")).toBeUndefined();
    expect(cache.stats()).toMatchObject({ size: 0, bytes: 0 });
  });

  test("clear() drops all entries", () => {
    const cache = makeCache();
    for (const id of "abc") cache.set(id, id);
    cache.clear();
    expect(held(cache as never, "abc")).toBe("");
    expect(cache.get("a")).toBeUndefined();
    expect(cache.delete("b")).toBe(false);
    expect(cache.stats()).toMatchObject({ size: 0, bytes: 0, evictionsByReason: { invalidated: 3 } });
  });

  test("an entry that comes after clear() stays", () => {
    const cache = makeCache();
    cache.set("a", "old");
    cache.clear();
    cache.set("a", "new");
    expect(cache.get("a")).toBe("new");
    expect(cache.size).toBe(1);
  });

  test("replace() revives nothing that was cleared", () => {
    const cache = makeCache();
    cache.set("a", "old");
    cache.clear();
    cache.replace("a", "new");
    expect(cache.peek("a")).toBeUndefined();
  });

  test("what was cleared costs the living no room", () => {
    const cache = makeCache({ maxEntries: 10 });
    for (const id of "abcdefghij") cache.set(id, id);
    cache.clear();
    for (const id of "ABCDEFGHIJ") cache.set(id, id);
    expect(held(cache as never, "ABCDEFGHIJ")).toBe("ABCDEFGHIJ");
    expect(cache.stats().evictionsByReason).toEqual({ expired: 0, capacity: 0, invalidated: 10 });
  });

  test("what was cleared and is looked for after it costs the living no place", () => {
    const cache = makeCache({ maxEntries: 100 });
    for (const id of "abcdefghij") cache.set(id, id);
    cache.clear();
    cache.set("living", "1");
    for (const id of "abcdefghij") expect(cache.lookUp(id)).toBeUndefined();
    for (const id of "klm") cache.set(id, id);
    expect(cache.peek("living")).toBe("1");
    expect(cache.stats().evictionsByReason.capacity).toBe(0);
  });

  test("nor does what was set aside", () => {
    const cache = makeCache({ maxEntries: 100 });
    for (const id of "abcdefghij") cache.set(id, id);
    cache.setAside();
    cache.set("living", "1");
    for (const id of "abcdefghij") expect(cache.lookUp(id)).toBeUndefined();
    expect(cache.stale("j", 5)).toBe("j");
    for (const id of "klm") cache.set(id, id);
    expect(cache.peek("living")).toBe("1");
    expect(cache.stats().evictionsByReason.capacity).toBe(0);
  });

  test("the memory of what was cleared is given back, two entries for each that comes", () => {
    class Held {}
    const cache = makeCache<object>();
    for (let n = 0; n < 20; n++) cache.set(`old ${n}`, Object.freeze(new Held()), { bytes: 1 });
    cache.clear();
    expect(queryObjects(Held)).toBe(20);
    for (let n = 0; n < 10; n++) {
      cache.set(`new ${n}`, {});
      const left = 18 - 2 * n;
      expect(queryObjects(Held)).toBeLessThanOrEqual(left + 1); // the collector may still find one on the stack
    }
    expect(cache.size).toBe(10);
  });
});

describe("snapshots", () => {
  test("a value is copied, and the copy frozen all the way down", () => {
    const cache = makeCache<{ list: number[] }>();
    const value = { list: [1] };
    cache.set("a", value);
    value.list.push(2);
    const snapshot = cache.get("a");
    expect(snapshot).toEqual({ list: [1] });
    expect(Object.isFrozen(snapshot) && Object.isFrozen(snapshot?.list)).toBe(true);
    expect(Object.isFrozen(value)).toBe(false);
  });

  test("a value that is frozen already is kept itself, and every lookup hands it out", () => {
    const cache = makeCache<object>();
    const value = Object.freeze({ n: 1 });
    cache.set("a", value);
    expect(cache.get("a")).toBe(value);
    expect(cache.peek("a")).toBe(value);
  });

  test("replace() swaps the value, and neither the time nor the weight", () => {
    const cache = makeCache();
    cache.set("a", "old", { bytes: 100 });
    const { bytes } = cache.stats();
    clock.advance(TTL_MS - 1);
    cache.replace("a", "new");
    expect(cache.get("a")).toBe("new");
    expect(cache.stats()).toMatchObject({ bytes, size: 1, evictions: 0 });
    clock.advance(1);
    expect(cache.get("a")).toBeUndefined();
  });

  test("replace() makes no entry", () => {
    const cache = makeCache();
    cache.replace("a", "new");
    expect(cache.peek("a")).toBeUndefined();
    expect(cache.size).toBe(0);
  });

  test.each(["__proto__", "constructor", ""])("%o is an id like any other", (id) => {
    const cache = makeCache();
    expect(cache.get(id)).toBeUndefined();
    cache.set(id, "1");
    expect(cache.get(id)).toBe("1");
  });
});

describe("stats()", () => {
  test("are all zero in the beginning", () => {
    expect(makeCache().stats()).toEqual({
      hits: 0,
      misses: 0,
      hitRate: 0,
      evictions: 0,
      evictionsByReason: { expired: 0, capacity: 0, invalidated: 0 },
      size: 0,
      bytes: 0,
    });
  });

  test("count lookups, and not what only peeks", () => {
    const cache = makeCache();
    cache.set("a", "1");
    for (let n = 0; n < 3; n++) cache.get("a");
    cache.get("b");
    cache.peek("a");
    cache.peek("b");
    expect(cache.stats()).toMatchObject({ hits: 3, misses: 1, hitRate: 0.75 });
    cache.countMiss();
    expect(cache.stats()).toMatchObject({ hits: 3, misses: 2, hitRate: 0.6 });
  });

  test("count what left, once and by reason", () => {
    const cache = makeCache({ maxEntries: 2 });
    cache.set("a", "1");
    cache.set("b", "1");
    cache.set("c", "1"); // a makes room
    cache.delete("b");
    clock.advance(TTL_MS);
    cache.get("c");
    cache.get("c");
    expect(cache.stats()).toMatchObject({
      evictions: 3,
      evictionsByReason: { expired: 1, capacity: 1, invalidated: 1 },
    });
  });

  test("do not count an entry that another one of its id replaces", () => {
    const cache = makeCache();
    cache.set("a", "1");
    cache.set("a", "2");
    expect(cache.stats()).toMatchObject({ size: 1, evictions: 0 });
  });

  test("are a copy", () => {
    const cache = makeCache();
    const before = cache.stats();
    cache.set("a", "1");
    cache.get("a");
    cache.delete("a");
    expect(before).toMatchObject({ hits: 0, evictionsByReason: { invalidated: 0 } });
  });

  test("begin anew with resetStats(), which leaves the entries", () => {
    const cache = makeCache();
    cache.set("a", "1");
    cache.get("a");
    cache.get("b");
    cache.delete("a");
    cache.set("c", "1");
    const { bytes } = cache.stats();
    cache.resetStats();
    expect(cache.stats()).toEqual({ ...makeCache().stats(), size: 1, bytes });
    expect(cache.get("c")).toBe("1");
  });
});

describe("what must not be served in good times", () => {
  test("is an entry past its time, which lookUp() leaves where it is, until the grace is over", () => {
    const cache = makeCache();
    cache.set("a", "1", { ttlMs: 10 });
    clock.advance(10);
    expect(cache.lookUp("a")).toBeUndefined();
    clock.advance(4);
    expect(cache.stale("a", 5)).toBe("1");
    clock.advance(1);
    expect(cache.stale("a", 5)).toBeUndefined();
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 1, size: 1, evictions: 0 });
  });

  test("counts as expired when it is replaced", () => {
    const cache = makeCache();
    cache.set("a", "1", { ttlMs: 10 });
    clock.advance(10);
    cache.set("a", "2");
    expect(cache.lookUp("a")).toBe("2");
    expect(cache.stats()).toMatchObject({ size: 1, evictionsByReason: { expired: 1, capacity: 0 } });
  });

  test("is what was set aside, until that happens again or all is dropped", () => {
    const cache = makeCache();
    cache.set("a", "1");
    cache.setAside();
    expect([cache.lookUp("a"), cache.get("a"), cache.peek("a")]).toEqual([undefined, undefined, undefined]);
    cache.set("a", "1");
    cache.setAside();
    expect(cache.stale("a", 5)).toBe("1");
    expect(cache.stats()).toMatchObject({ size: 0, bytes: 0 });
    cache.setAside();
    expect(cache.stale("a", 5)).toBeUndefined();
    cache.set("b", "1");
    cache.setAside();
    cache.clear();
    expect(cache.stale("b", 5)).toBeUndefined();
  });

  test("is not what was dropped", () => {
    const cache = makeCache();
    cache.set("a", "1");
    cache.setAside();
    expect(cache.delete("a")).toBe(false);
    expect(cache.stale("a", 5)).toBeUndefined();
    expect(cache.stale("nobody", 5)).toBeUndefined();
  });
});

describe("options", () => {
  test.each(["ttlMs", "maxEntries", "maxBytes"])("%s must be a whole number of at least 1", (option) => {
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null]) {
      const make = () => new LocalCache({ [option]: value });
      expect(make).toThrow(InvalidOptionError);
      expect(make).toThrow(`"localCache.${option}"`);
    }
  });

  test("have defaults", () => {
    const cache = new LocalCache<string>({ clock });
    for (let n = 0; n <= DEFAULT_CACHE_MAX_ENTRIES; n++) cache.set(`${n}`, "1");
    expect(cache.size).toBe(DEFAULT_CACHE_MAX_ENTRIES);
    clock.advance(DEFAULT_CACHE_TTL_MS - 1);
    expect(cache.get("1")).toBe("1");
    clock.advance(1);
    expect(cache.get("1")).toBeUndefined();
    cache.set("a", "1", { bytes: DEFAULT_CACHE_MAX_BYTES - OVERHEAD_BYTES });
    expect(cache.get("a")).toBe("1");
    cache.set("a", "1", { bytes: DEFAULT_CACHE_MAX_BYTES - OVERHEAD_BYTES + 1 });
    expect(cache.get("a")).toBeUndefined();
  });

  test("the machine's clock is the default", () => {
    const cache = new LocalCache<string>();
    cache.set("a", "1");
    expect(cache.get("a", performance.now())).toBe("1");
    expect(cache.get("a", performance.now() + DEFAULT_CACHE_TTL_MS)).toBeUndefined();
  });
});
