import { beforeEach, describe, expect, test } from "vitest";
import {
  ClusteredRedisStore,
  type RedisStore,
  SessionCorruptError,
  SessionMeshError,
} from "../../src/index.js";
import { hashForLog } from "../../src/session/session.js";
import { storeOn, useRawRedis } from "../support/raw-redis.js";
import { A_TAG, recordOf } from "../support/records.js";

const ID = "secret-id";
const WHOLE = recordOf({ user: "é" });

const set = (text: string) => (key: string) => ["SET", key, text];

interface Corruption {
  readonly kind: string;
  /** The command that writes it. */
  readonly write: (key: string) => string[];
  readonly reason: string;
}

/** Records that are none of ours, or whose header is broken: what they hold cannot be told. */
const UNREADABLE: readonly Corruption[] = [
  { kind: "a record cut off in its tag", write: set(WHOLE.slice(0, 9)), reason: "truncated" },
  { kind: "a record cut off in its times", write: set(WHOLE.slice(0, 30)), reason: "truncated" },
  { kind: "a record cut off before its absolute end", write: set(WHOLE.slice(0, 53)), reason: "truncated" },
  {
    kind: "a record cut off before the length of its user",
    write: set(WHOLE.slice(0, 74)),
    reason: "truncated",
  },
  { kind: "a record cut off in its user", write: set(WHOLE.slice(0, 80)), reason: "truncated" },
  { kind: "a record with letters in its times", write: set(WHOLE.replace("17", "xx")), reason: "truncated" },
  { kind: "a record of a newer format", write: set(`L2${WHOLE.slice(2)}`), reason: "newer" },
  { kind: "a text of another program", write: set("hello"), reason: "not written by sessionmesh" },
  { kind: "a text that begins with a T", write: set("Total: 3"), reason: "not written by sessionmesh" },
  { kind: "a number", write: set("42"), reason: "not written by sessionmesh" },
  { kind: "an array in JSON", write: set('[{"n":1}]'), reason: "not written by sessionmesh" },
  { kind: "a hash", write: (key) => ["HSET", key, "field", "value"], reason: "no string" },
  { kind: "a list", write: (key) => ["RPUSH", key, "item"], reason: "no string" },
];

/** Records whose data is broken or missing, and nothing else. Whoever writes them anew need not know what they held. */
const UNDECODABLE: readonly Corruption[] = [
  { kind: "a record that is empty", write: set(""), reason: "empty" },
  { kind: "a record cut off before its data", write: set(WHOLE.slice(0, 84)), reason: "truncated" },
  { kind: "a record with broken data", write: set(WHOLE.slice(0, -1)), reason: "cannot be decoded" },
  { kind: "a record of another store, cut off", write: set('{"cookie":{'), reason: "cannot be decoded" },
];

const redis = useRawRedis();

function describeEach(corruptions: readonly Corruption[], tests: (setup: Setup) => void): void {
  describe.each(corruptions)("$kind", ({ write, reason }) => {
    const setup = { reason } as Setup;
    beforeEach(async () => {
      Object.assign(setup, storeOn(redis));
      setup.key = setup.prefix + ID;
      await redis.send(...write(setup.key));
      setup.content = await redis.dump(setup.key);
    });
    tests(setup);
  });
}

interface Setup {
  store: RedisStore;
  prefix: string;
  key: string;
  content: string | null;
  reason: string;
}

/** Checks that this fails for the record, and leaves it byte for byte as it was, with its end. */
async function failsFor(setup: Setup, operation: () => Promise<unknown>): Promise<SessionCorruptError> {
  const before = setup.store.corruptRecords;
  const error = await operation().then(
    () => expect.fail("did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SessionCorruptError);
  expect(await redis.dump(setup.key)).toEqual(setup.content);
  expect(await redis.send("PTTL", setup.key)).toBe(-1);
  expect(setup.store.corruptRecords).toBe(before + 1);
  return error as SessionCorruptError;
}

describeEach([...UNREADABLE, ...UNDECODABLE], (setup) => {
  test("is named by its hashed key, and why", async () => {
    const error = await failsFor(setup, () => setup.store.get(ID));
    expect(error.reason).toContain(setup.reason);
    expect(error.keyHash).toBe(hashForLog(setup.key));
    expect(error.message).toContain(error.keyHash);
    expect(error.message).not.toContain(ID);
  });

  test("cannot be updated", async () => {
    await failsFor(setup, () => setup.store.update(ID, () => expect.fail("nothing can be changed")));
  });

  test("is passed over where sessions are listed", async () => {
    const session = await setup.store.create({ readable: true });
    expect(await setup.store.find(() => true)).toEqual([session]);
    expect(await setup.store.count(() => true)).toBe(1);
    expect(await setup.store.deleteWhere(() => true)).toBe(1);
    expect(await redis.dump(setup.key)).toEqual(setup.content);
  });

  test("is never answered from memory, nor taken for absent", async () => {
    await using store = new ClusteredRedisStore({ client: redis.client, prefix: setup.prefix });
    await store.start();
    for (let n = 0; n < 2; n++) await expect(store.get(ID)).rejects.toThrow(SessionCorruptError);
    expect(store.peek(ID)).toBeUndefined();
    expect(store.redisStore.corruptRecords).toBe(2);
  });
});

describeEach(UNREADABLE, (setup) => {
  test("is not overwritten by set()", async () => {
    await failsFor(setup, () => setup.store.set(ID, { n: 1 }));
    await failsFor(setup, () => setup.store.set(ID, { n: 1 }, { ifRevision: A_TAG }));
  });

  test("is not touched", async () => {
    await failsFor(setup, () => setup.store.touch(ID, { ttlMs: 1_000_000 }));
  });

  test("is not deleted on a condition", async () => {
    const outcome = setup.store.delete(ID, { ifRevision: "another" });
    await expect(outcome).rejects.toThrow(SessionMeshError);
    expect(await redis.dump(setup.key)).toEqual(setup.content);
  });
});

describe.each(UNDECODABLE)("$kind", ({ write }) => {
  test("can be replaced by set()", async () => {
    const { store, prefix } = storeOn(redis);
    await redis.send(...write(prefix + ID));
    const session = await store.set(ID, { n: 1 });
    expect(await store.get(ID)).toEqual(session);
  });
});

test("a codec that cannot read what it wrote before finds the record corrupt, and leaves it", async () => {
  const { store, prefix } = storeOn(redis);
  await store.set(ID, "old");
  const codec = {
    encode: JSON.stringify,
    decode: (): never => {
      throw new RangeError("key rotated");
    },
  };
  const { store: later } = storeOn(redis, { prefix, codec });
  const record = await redis.send("GET", prefix + ID);
  const error = await later.get(ID).then(
    () => expect.fail("did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SessionCorruptError);
  expect(error).toMatchObject({ reason: "its data cannot be decoded (RangeError)" });
  expect((error as Error).cause).toBeUndefined(); // a codec may quote the data in its errors, as JSON.parse does
  expect(await redis.send("GET", prefix + ID)).toBe(record);
});
