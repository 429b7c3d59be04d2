import fc from "fast-check";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../clock.js";
import { SessionConflictError, StoreUnavailableError } from "../errors.js";
import { MemoryStore } from "./memory-store.js";
import {
  BATCH_SIZE,
  countMatching,
  deleteMatching,
  findMatching,
  inBatches,
  retryOnConflict,
} from "./queries.js";
import type { Predicate } from "./store.js";

interface Counter {
  n: number;
}

let store: MemoryStore<Counter>;
beforeEach(() => {
  store = new MemoryStore<Counter>();
});

const conflict = () => new SessionConflictError("0123456789ab");

describe("retryOnConflict()", () => {
  test("answers with the first success", async () => {
    const attempt = vi.fn(async () => "done");
    attempt.mockRejectedValueOnce(conflict()).mockRejectedValueOnce(conflict());
    expect(await retryOnConflict(systemClock, attempt)).toBe("done");
    expect(attempt).toHaveBeenCalledTimes(3);
  });

  test("gives up after 32 conflicts, with the last one", async () => {
    const errors = Array.from({ length: 33 }, conflict);
    let attempts = 0;
    const outcome = retryOnConflict(systemClock, () => Promise.reject(errors[attempts++]));
    await expect(outcome).rejects.toBe(errors[31]);
    expect(attempts).toBe(32);
  });

  test("fails at once for any other reason", async () => {
    const attempt = vi.fn(() => Promise.reject(new StoreUnavailableError("no reply")));
    await expect(retryOnConflict(systemClock, attempt)).rejects.toThrow("no reply");
    expect(attempt).toHaveBeenCalledOnce();
  });
});

describe("findMatching() and countMatching()", () => {
  test("ask for every session once", async () => {
    for (let n = 0; n < 10; n++) await store.create({ n });
    const isSmall = vi.fn<Predicate<Counter>>(({ data }) => data.n < 3);
    const found = await findMatching(store.all(), isSmall);
    expect(found.map(({ data }) => data.n)).toEqual([0, 1, 2]);
    expect(isSmall).toHaveBeenCalledTimes(10);
    expect(await countMatching(store.all(), isSmall)).toBe(3);
    expect(isSmall).toHaveBeenCalledTimes(20);
  });
});

describe("deleteMatching()", () => {
  test("deletes what matches, more than one batch of it, and says how many", async () => {
    for (let n = 0; n < 3 * BATCH_SIZE; n++) await store.create({ n });
    expect(await deleteMatching(store, systemClock, ({ data }) => data.n % 3 > 0)).toBe(2 * BATCH_SIZE);
    expect(await store.count(({ data }) => data.n % 3 === 0)).toBe(BATCH_SIZE);
    expect(await store.size()).toBe(BATCH_SIZE);
  });

  /** Deletes all with n = 1; before the first deletion is sent, somebody else does something. */
  async function deleteAfter(meanwhile: () => Promise<unknown>): Promise<number> {
    let first = true;
    const remove: typeof store.delete = async (id, options) => {
      if (first) await meanwhile();
      first = false;
      return store.delete(id, options);
    };
    const raced = { all: () => store.all(), get: store.get.bind(store), delete: remove };
    return deleteMatching(raced, systemClock, ({ data }) => data.n === 1);
  }

  test("leaves a session that was changed meanwhile and does not match any more", async () => {
    const { id } = await store.create({ n: 1 });
    expect(await deleteAfter(() => store.set(id, { n: 2 }))).toBe(0);
    expect((await store.get(id))?.data).toEqual({ n: 2 });
  });

  test("deletes a session that was changed meanwhile and matches still", async () => {
    const { id } = await store.create({ n: 1 });
    expect(await deleteAfter(() => store.set(id, { n: 1 }))).toBe(1);
    expect(await store.get(id)).toBeUndefined();
  });

  test("does not count a session that somebody else deleted", async () => {
    const { id } = await store.create({ n: 1 });
    expect(await deleteAfter(() => store.delete(id))).toBe(0);
  });

  test("gives up on a session that changes at every attempt", async () => {
    const { id } = await store.create({ n: 1 });
    const remove = vi.fn(async (id: string, options?: { ifRevision?: string }) => {
      await store.set(id, { n: 1 });
      return store.delete(id, options);
    });
    const raced = { all: () => store.all(), get: store.get.bind(store), delete: remove };
    await expect(deleteMatching(raced, systemClock, () => true)).rejects.toThrow(SessionConflictError);
    expect(remove).toHaveBeenCalledTimes(32);
    expect(await store.get(id)).toBeDefined();
  });
});

describe("inBatches()", () => {
  async function* each<I>(items: readonly I[]): AsyncGenerator<I> {
    yield* items;
  }

  test("gives every item, in order, in batches that are full but for the last one", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        async (items, size) => {
          const batches: number[][] = [];
          for await (const batch of inBatches(each(items), size)) batches.push(batch);
          expect(batches.flat()).toEqual(items);
          expect(batches).toHaveLength(Math.ceil(items.length / size));
          for (const batch of batches.slice(0, -1)) expect(batch).toHaveLength(size);
        },
      ),
    );
  });

  test("gives a full batch before it asks for the next item", async () => {
    let asked = 0;
    const endless = (async function* () {
      for (;;) yield asked++;
    })();
    for await (const batch of inBatches(endless, 3)) {
      expect(batch).toEqual([0, 1, 2]);
      break;
    }
    expect(asked).toBe(3);
    expect((await endless.next()).done).toBe(true);
  });
});
