import assert from "node:assert/strict";
import { SessionConflictError } from "../../errors.js";
import type { Session } from "../../session/session.js";
import { until } from "../until.js";
import { type Cases, listed, read, type Scenario, type Store } from "./scenario.js";

/** So short that a case can wait for the end. */
const SHORT_MS = 100;
/** So long that no case sees the end. */
const LONG_MS = 600_000;
/** A store may count whole milliseconds, on another clock than this process. */
const CLOCK_SLACK_MS = 2;
const HUNDRED_YEARS_MS = 100 * 365 * 86_400_000;

/** Waits until a session that was given its life after `fromMs` has ended, and checks that it lived for `lifeMs`. */
async function assertEnds(store: Store, id: string, fromMs: number, lifeMs: number): Promise<void> {
  await until(async () => (await store.get(id)) === undefined);
  const livedMs = performance.now() - fromMs;
  assert.ok(
    livedMs >= lifeMs - CLOCK_SLACK_MS,
    `It ended after ${livedMs} ms, and should live ${lifeMs} ms.`,
  );
}

/** Waits for longer than a short life, and checks that the session has not ended. */
async function assertOutlives(store: Store, id: string, fromMs: number): Promise<void> {
  await until(() => performance.now() > fromMs + 2 * SHORT_MS);
  assert.ok(await store.get(id, { consistency: "strong" }), "the session has ended");
  assert.ok(await store.get(id), "the session has ended");
}

/** Runs what grants a life of `ttlMs`, and checks the end that the session tells then. */
async function assertTells<R>(store: Store, id: string, ttlMs: number, grant: () => Promise<R>): Promise<R> {
  const beforeMs = Date.now();
  const granted = await grant();
  const { expiresAtMs } = await read(store, id);
  assert.ok(
    beforeMs + ttlMs <= expiresAtMs && expiresAtMs <= Date.now() + ttlMs,
    `${expiresAtMs - beforeMs}`,
  );
  return granted;
}

/** What gives a session a short life; each is done on a session that would live long. */
const SHORT_LIVES: Readonly<
  Record<string, (store: Store, id: string) => Promise<Session<unknown> | undefined>>
> = {
  "create({ ttlMs })": (store) => store.create({}, { ttlMs: SHORT_MS }),
  "create({ expiresAtMs })": (store) => store.create({}, { expiresAtMs: Date.now() + SHORT_MS }),
  "create({ absoluteTtlMs })": (store) => store.create({}, { absoluteTtlMs: SHORT_MS }),
  "set({ ttlMs })": (store, id) => store.set(id, {}, { ttlMs: SHORT_MS }),
  "set({ expiresAtMs })": (store, id) => store.set(id, {}, { expiresAtMs: Date.now() + SHORT_MS }),
  "update({ ttlMs })": (store, id) => store.update(id, () => ({}), { ttlMs: SHORT_MS }),
};

/** What asks for a life beyond the absolute end. `false` if it came too late, when the session had ended. */
const LONG_LIVES: Readonly<Record<string, (store: Store, session: Session<unknown>) => Promise<boolean>>> = {
  "touch()": (store, { id }) => store.touch(id, { ttlMs: LONG_MS }),
  "set()": (store, { id, revision }) =>
    store.set(id, {}, { ttlMs: LONG_MS, ifRevision: revision }).then(
      () => true,
      (error) => {
        if (error instanceof SessionConflictError) return false;
        throw error;
      },
    ),
  "update()": async (store, { id }) => (await store.update(id, () => ({}), { ttlMs: LONG_MS })) !== undefined,
};

/** How long a session lives. */
export const LIFE: Cases = {
  ...Object.fromEntries(
    Object.entries(SHORT_LIVES).map(([name, grant]) => [
      `${name} gives a session its life, no more and no less`,
      async ({ store }: Scenario) => {
        const { id: other } = await store.create({});
        const fromMs = performance.now();
        const session = await grant(store, other);
        assert.ok(session);
        await assertEnds(store, session.id, fromMs, SHORT_MS);
      },
    ]),
  ),

  "a session that says nothing else lives for the TTL of the store": async ({ open }) => {
    const store = await open({ ttlMs: SHORT_MS });
    assert.equal(store.ttlMs, SHORT_MS);
    const fromMs = performance.now();
    const { id } = await store.create({});
    await assertEnds(store, id, fromMs, SHORT_MS);
  },

  "a session that has ended is gone for every method": async ({ store }) => {
    const { id, revision } = await store.create({ n: 1 }, { ttlMs: SHORT_MS });
    await until(async () => (await store.get(id, { consistency: "strong" })) === undefined);
    assert.equal(await store.get(id), undefined);
    assert.equal(store.peek(id), undefined);
    assert.equal(await store.touch(id), false);
    assert.equal(await store.delete(id, { ifRevision: revision }), false);
    assert.equal(await store.update(id, (data) => data), undefined);
    assert.equal(await store.size(), 0);
    assert.deepEqual(await listed(store.ids()), []);
    assert.deepEqual(await listed(store.all()), []);
    const anew = await store.set(id, { n: 2 });
    assert.notEqual(anew.revision, revision);
  },

  "the longest life is a hundred years": async ({ store }) => {
    const { id } = await store.create({}, { ttlMs: LONG_MS });
    await assertTells(store, id, HUNDRED_YEARS_MS, () => store.set(id, {}, { ttlMs: HUNDRED_YEARS_MS }));
    await assertTells(store, id, HUNDRED_YEARS_MS, () => store.touch(id));
  },

  "a session tells its end": async ({ store }) => {
    const { id } = await store.create({});
    await assertTells(store, id, store.ttlMs, () => store.set(id, {}));
    await assertTells(store, id, LONG_MS, () => store.set(id, {}, { ttlMs: LONG_MS }));
    await assertTells(store, id, LONG_MS + 1, () => store.update(id, () => ({}), { ttlMs: LONG_MS + 1 }));
  },

  "an end that was asked for is told to the millisecond": async ({ store }) => {
    const endMs = Date.now() + LONG_MS;
    for (let n = 0; n < 20; n++) {
      const expiresAtMs = endMs + n;
      const { id, expiresAtMs: createdWith } = await store.create({}, { expiresAtMs });
      assert.equal(createdWith, expiresAtMs);
      assert.equal((await read(store, id)).expiresAtMs, expiresAtMs);
      await store.touch(id, { expiresAtMs: expiresAtMs + LONG_MS });
      assert.equal((await read(store, id)).expiresAtMs, expiresAtMs + LONG_MS);
      const { expiresAtMs: setTo } = await store.set(id, {}, { expiresAtMs });
      assert.equal(setTo, expiresAtMs);
    }
  },

  "touch() prolongs a session's life": async ({ store }) => {
    let id = "";
    await until(async () => {
      ({ id } = await store.create({}, { ttlMs: SHORT_MS }));
      return store.touch(id, { ttlMs: LONG_MS }); // too late for it only if this process was suspended: once more, then
    });
    await assertOutlives(store, id, performance.now());
  },

  "touch() leaves the data alone": async ({ store }) => {
    const created = await store.create({ n: 1 }, { user: "ada" });
    await store.touch(created.id, { ttlMs: 2 * store.ttlMs });
    const { expiresAtMs, ...touched } = await read(store, created.id);
    assert.deepEqual({ ...touched, expiresAtMs: created.expiresAtMs }, created);
    assert.ok(expiresAtMs > created.expiresAtMs);
  },

  "touch() grants the session's own TTL": async ({ store }) => {
    const { id } = await store.create({}, { ttlMs: LONG_MS });
    await assertTells(store, id, LONG_MS, () => store.touch(id));
    await store.set(id, {}, { ttlMs: 2 * LONG_MS });
    await assertTells(store, id, 2 * LONG_MS, () => store.touch(id));
  },

  "touch() never shortens a session's life": async ({ store }) => {
    const { id, expiresAtMs } = await store.create({}, { ttlMs: LONG_MS });
    const fromMs = performance.now();
    for (const life of [{ ttlMs: SHORT_MS }, { expiresAtMs: Date.now() + SHORT_MS }]) {
      assert.equal(await store.touch(id, life), true);
      assert.ok((await read(store, id)).expiresAtMs >= expiresAtMs, "it tells an earlier end");
    }
    await assertOutlives(store, id, fromMs);
  },

  "touch() says where there is no session, and makes none": async ({ store }) => {
    assert.equal(await store.touch("nobody"), false);
    assert.equal(await store.touch("nobody", { ttlMs: LONG_MS }), false);
    assert.equal(await store.get("nobody"), undefined);
    assert.equal(await store.size(), 0);
  },

  "set() keeps the session's own TTL": async ({ store }) => {
    const { id } = await store.create({}, { ttlMs: LONG_MS });
    await assertTells(store, id, LONG_MS, () => store.set(id, {}));
    await assertTells(store, id, LONG_MS, () => store.update(id, () => ({})));
  },

  ...Object.fromEntries(
    Object.entries(LONG_LIVES).map(([name, ask]) => [
      `${name} never passes the absolute end`,
      async ({ store }: Scenario) => {
        let fromMs = 0;
        let id = "";
        await until(async () => {
          fromMs = performance.now();
          const session = await store.create({}, { absoluteTtlMs: SHORT_MS });
          ({ id } = session);
          return ask(store, session);
        });
        const session = await store.get(id);
        if (session) assert.ok(session.expiresAtMs <= Date.now() + SHORT_MS, "it tells a later end");
        await assertEnds(store, id, fromMs, SHORT_MS);
      },
    ]),
  ),

  "an absolute end shortens no life before": async ({ store }) => {
    const { id } = await store.create({}, { ttlMs: LONG_MS, absoluteTtlMs: 2 * LONG_MS });
    await assertTells(store, id, LONG_MS, () => store.touch(id));
    await assertTells(store, id, LONG_MS, () => store.set(id, {}));
  },
};
