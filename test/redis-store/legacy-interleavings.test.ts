import { beforeEach, describe, expect, test } from "vitest";
import { RedisStore, type Session } from "../../src/index.js";
import type { Command, RedisPort } from "../../src/redis/port.js";
import { ManualClock } from "../../src/testing/manual-clock.js";
import { inEveryOrder, play, SteppedPort } from "../support/interleavings.js";
import { useRawRedis } from "../support/raw-redis.js";

type Store = RedisStore<{ n: number }>;
const ID = "id";
const KEYS = { ours: `new:${ID}`, theirs: `old:${ID}` };
const LIFE_MS = 60_000;
const TOMBSTONE_MS = 10_000;

/** Of the nodes: the server has its own. */
let clock: ManualClock;
const redis = useRawRedis();

const send = redis.send;
const execute = (command: Command) => redis.send(...command);
const storeOn = (client: RedisPort): Store =>
  new RedisStore({
    client,
    prefix: "new:",
    legacy: { prefix: "old:" },
    tombstoneTtlMs: TOMBSTONE_MS,
    channel: "told",
    nodeId: "a",
    clock,
  });

/** A port whose commands are carried out at once. */
class Direct {
  send = execute;
  subscribe = () => Promise.reject(new Error("nobody subscribes here"));
}

beforeEach(async () => {
  clock = new ManualClock();
  const store = storeOn(new Direct()); // the server learns the scripts, so that each is one command from now on
  for (const warmUp of ["a", "b"]) {
    await send("SET", `old:${warmUp}`, "{}");
    await store.touch(warmUp);
    await store.set(warmUp, { n: 0 }, { ifRevision: (await store.get(warmUp))?.revision ?? "none" });
    await store.delete(warmUp);
  }
  await begin();
});

/** Everything as it was, with one session that the other store left. */
async function begin(): Promise<void> {
  await send("FLUSHALL");
  await send("SET", KEYS.theirs, '{"n":1}', "PX", String(LIFE_MS));
}

/** What has come of a call: its result, or the code of its error. */
function outcomeOf<R>(call: Promise<R>): Promise<R | string> {
  return call.catch((error: { code?: string }) => error.code ?? String(error));
}

/** Plays two calls in every order of their commands, and checks each time what came of them and what the session is then. */
async function together<A, B>(
  one: (store: Store) => Promise<A>,
  other: (store: Store) => Promise<B>,
  check: (a: A | string, b: B | string, session: Session<{ n: number }> | undefined) => unknown,
): Promise<void> {
  const orders = await inEveryOrder(async (choose) => {
    await begin();
    const ports = [1, 2].map(() => new SteppedPort(execute));
    const [first, second] = ports.map(storeOn) as [Store, Store];
    const outcomes = Promise.all([outcomeOf(one(first)), outcomeOf(other(second))]);
    await play(ports, choose);
    const [a, b] = await outcomes;
    await check(a, b, await storeOn(new Direct()).get(ID));
  });
  expect(orders).toBeGreaterThan(2);
}

const firstSave = (n: number) => (store: Store) => store.set(ID, { n }, { ifRevision: "" });
const isSaved = (outcome: unknown) => typeof outcome === "object";
const nothingLeft = async () => expect(await send("EXISTS", KEYS.theirs)).toBe(0);

describe("in every order of the commands of two nodes,", () => {
  test("one of two first saves wins, and the other one is a conflict", () =>
    together(firstSave(2), firstSave(3), (a, b, session) => {
      expect([isSaved(a), isSaved(b)].filter(Boolean)).toHaveLength(1);
      expect([a, b]).toContain("SESSION_CONFLICT");
      expect(session).toEqual(isSaved(a) ? a : b);
      return nothingLeft();
    }));

  test("a deletion that has resolved holds, whoever saves the session for the first time", () =>
    together(
      firstSave(2),
      (store) => store.delete(ID),
      (saved, deleted, session) => {
        expect(session).toBeUndefined();
        expect(deleted).toBe(true);
        expect(isSaved(saved) || saved === "SESSION_REVOKED" || saved === "SESSION_CONFLICT").toBe(true);
        return nothingLeft();
      },
    ));

  test("a deletion that has resolved holds, whoever saves without a condition", () =>
    together(
      (store) => store.set(ID, { n: 2 }),
      (store) => store.delete(ID),
      (_saved, _deleted, session) => {
        expect(session).toBeUndefined();
        return nothingLeft();
      },
    ));

  test("a conditional deletion and a conditional save are not both done", () =>
    together(
      firstSave(2),
      (store) => store.delete(ID, { ifRevision: "" }),
      (saved, deleted, session) => {
        expect([isSaved(saved), deleted === true].filter(Boolean)).toHaveLength(1);
        expect(session).toEqual(isSaved(saved) ? saved : undefined);
        return nothingLeft();
      },
    ));

  test("a read finds the session, while another node writes it for the first time", () =>
    together(
      firstSave(2),
      (store) => store.get(ID),
      (saved, read) => {
        expect(isSaved(saved)).toBe(true);
        expect(read).toMatchObject({ data: { n: expect.any(Number) } });
      },
    ));

  test("a touch finds the session likewise, and leaves nothing behind", () =>
    together(
      firstSave(2),
      (store) => store.touch(ID),
      (saved, touched) => {
        expect(isSaved(saved)).toBe(true);
        expect(touched).toBe(true);
        return nothingLeft();
      },
    ));
});

describe("a node that ends after any of its commands,", () => {
  /** Carries out the first commands of a call, 0, 1, 2, … of them, and then no more. */
  async function cutShort(call: (store: Store) => Promise<unknown>, check: () => Promise<void>) {
    for (let allowed = 0; ; allowed++) {
      await begin();
      let left = allowed;
      const port = new SteppedPort(execute);
      const outcome = outcomeOf(call(storeOn(port)).then(() => "done"));
      await play([port], () => (left-- > 0 ? 0 : undefined));
      await check();
      if (!port.isWaiting) return expect(await outcome).toBe("done");
    }
  }

  const get = () => storeOn(new Direct()).get(ID);
  const lifeOf = async (key: string) => Number(await send("PTTL", key));

  test("while it deletes, leaves the session or a deletion that holds", () =>
    cutShort(
      (store) => store.delete(ID),
      async () => {
        const session = await get();
        const isTombstone = String(await send("GET", KEYS.ours)).startsWith("T1");
        if (isTombstone) await send("PEXPIRE", KEYS.ours, "0"); // its time is over
        if (session === undefined) expect(await get()).toBeUndefined();
      },
    ));

  test("while it deletes on a condition, leaves the session or a deletion that holds", () =>
    cutShort(
      (store) => store.delete(ID, { ifRevision: "" }),
      async () => {
        const session = await get();
        if (session === undefined) await nothingLeft();
      },
    ));

  test.each<[string, { ifRevision?: string }]>([
    ["", {}],
    [" for the first time", { ifRevision: "" }],
  ])("while it saves%s, loses no session, and leaves no copy that outlives it", (_, condition) =>
    cutShort(
      (store) => store.set(ID, { n: 2 }, { ...condition, ttlMs: 1_000 }),
      async () => {
        expect([{ n: 1 }, { n: 2 }]).toContainEqual((await get())?.data);
        const oursMs = await lifeOf(KEYS.ours);
        if (oursMs >= 0) expect(await lifeOf(KEYS.theirs)).toBeLessThanOrEqual(oursMs);
      },
    ));
});

test("a read whose commands together take longer than one may is not answered: the first may be older than the bound", async () => {
  const port = new SteppedPort(execute);
  const read = outcomeOf(storeOn(port).get(ID));
  await play([port], () => {
    clock.advance(600); // each of them is in time
    return 0;
  });
  expect(await read).toBe("STORE_UNAVAILABLE");
});
