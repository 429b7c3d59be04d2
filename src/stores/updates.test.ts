import { beforeEach, describe, expect, test, vi } from "vitest";
import { systemClock } from "../clock.js";
import { SessionConflictError } from "../errors.js";
import { MemoryStore } from "./memory-store.js";
import { changeByRevision, Updates } from "./updates.js";

interface Counter {
  n: number;
}

let store: MemoryStore<Counter>;
let updates: Updates<Counter>;
beforeEach(() => {
  store = new MemoryStore<Counter>();
  updates = new Updates(store, systemClock);
});

const increment = ({ n }: Counter) => ({ n: n + 1 });

test("an update reads what is there now, not what is cached, and writes on that revision", async () => {
  const { id, revision } = await store.create({ n: 1 });
  const get = vi.spyOn(store, "get");
  const set = vi.spyOn(store, "set");
  await updates.update(id, increment, { ttlMs: 1_000 });
  expect(get).toHaveBeenCalledExactlyOnceWith(id, { consistency: "strong" });
  expect(set).toHaveBeenCalledExactlyOnceWith(id, { n: 2 }, { ttlMs: 1_000, ifRevision: revision });
});

test("an update of a session that is known reads nothing", async () => {
  const session = await store.create({ n: 1 });
  const get = vi.spyOn(store, "get");
  await changeByRevision(store, systemClock, { id: session.id, change: increment, known: session });
  expect(get).not.toHaveBeenCalled();
  expect(store.peek(session.id)?.data).toEqual({ n: 2 });
});

test("a conflict brings the session that the next attempt is based on", async () => {
  const known = await store.create({ n: 1 });
  await store.set(known.id, { n: 10 });
  const get = vi.spyOn(store, "get");
  await changeByRevision(store, systemClock, { id: known.id, change: increment, known });
  expect(get).not.toHaveBeenCalled();
  expect(store.peek(known.id)?.data).toEqual({ n: 11 });
});

describe("a change that may have been made before it met another one", () => {
  /** The reply to the first write is lost, somebody else writes, and the repetition is refused. */
  async function lostReply() {
    const known = await store.create({ n: 1 });
    const set = store.set.bind(store);
    vi.spyOn(store, "set").mockImplementationOnce(async (id, data, options) => {
      await set(id, data, options);
      throw new SessionConflictError("hash", await set(id, { n: 10 }), true);
    });
    return { id: known.id, change: increment, known };
  }

  test("is not made again", async () => {
    const { id, change } = await lostReply();
    await expect(updates.update(id, change)).rejects.toMatchObject({
      code: "SESSION_CONFLICT",
      maybeApplied: true,
      current: { data: { n: 10 } },
    });
    expect(store.peek(id)?.data).toEqual({ n: 10 });
  });

  test("is made again if that is the same", async () => {
    const changing = await lostReply();
    await changeByRevision(store, systemClock, { ...changing, isIdempotent: true });
    expect(store.peek(changing.id)?.data).toEqual({ n: 11 });
  });
});

test("a session that vanished meanwhile is not brought back", async () => {
  const known = await store.create({ n: 1 });
  await store.clear();
  expect(
    await changeByRevision(store, systemClock, { id: known.id, change: increment, known }),
  ).toBeUndefined();
  expect(await store.size()).toBe(0);
});

test("a session that was deleted meanwhile is not brought back", async () => {
  const { id } = await store.create({ n: 1 });
  const outcome = updates.update(id, async (data) => {
    await store.delete(id);
    return increment(data);
  });
  expect(await outcome).toBeUndefined();
  expect(await store.size()).toBe(0);
});

test("simultaneous updates are all done, each once", async () => {
  const { id } = await store.create({ n: 0 });
  const change = vi.fn(async (data: Counter) => increment(data));
  await Promise.all(Array.from({ length: 50 }, () => updates.update(id, change)));
  expect(store.peek(id)?.data).toEqual({ n: 50 });
  expect(change).toHaveBeenCalledTimes(50);
});

test("an update inside of another one of the same session ends", async () => {
  const { id } = await store.create({ n: 0 });
  let isFirst = true;
  await updates.update(id, async (data) => {
    if (isFirst) await updates.update(id, increment);
    isFirst = false;
    return increment(data);
  });
  expect(store.peek(id)?.data).toEqual({ n: 2 });
});
