import assert from "node:assert/strict";
import { until } from "../until.js";
import { count, list, read, touch, write } from "./calls.js";
import type { Cases, Scenario } from "./scenario.js";
import type { ExpressStore, Untyped } from "./types.js";

const ID = "an-id";
const LONG_MS = 60_000;
/** So short that a case can wait for the end, and so long that it is not over before it has begun. */
const SHORT_MS = 100;

/** A session as it is stored when its cookie ends so many milliseconds from now. */
function endingIn(lifeMs: number, originalMaxAge: Untyped) {
  const expires = new Date(Date.now() + lifeMs);
  return { cookie: { originalMaxAge, expires, httpOnly: true, path: "/" }, user: "Ada" };
}

function withEnd(expires: Untyped) {
  return { cookie: { originalMaxAge: null, expires, httpOnly: true, path: "/" }, user: "Ada" };
}

/** Stores a session that ends soon, has its life extended, and waits for its first end. */
async function outliveFirstEnd(
  { store }: Scenario,
  extend: (store: ExpressStore, id: string, session: Untyped) => Promise<unknown>,
): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const short = endingIn(SHORT_MS, LONG_MS);
    const firstEndMs = short.cookie.expires.getTime();
    await write(store, ID, short);
    await extend(store, ID, endingIn(LONG_MS, LONG_MS));
    if (Date.now() >= firstEndMs) continue; // that was too late: the machine is busy
    await until(() => Date.now() > firstEndMs);
    return;
  }
  assert.fail(`The store took longer than ${SHORT_MS} ms every time.`);
}

async function assertGone({ store }: Scenario): Promise<void> {
  assert.ok(!(await read(store, ID)));
  assert.equal(await count(store), 0);
  assert.deepEqual(await list(store), []);
}

/** An end that nobody can use is the same as none: the session is there, and lives as long as the store says. */
function isNoEnd(expires: Untyped) {
  return async ({ store }: Scenario) => {
    await write(store, ID, withEnd(expires));
    assert.equal((await read(store, ID)).user, "Ada");
    await touch(store, ID, withEnd(expires));
    assert.equal((await read(store, ID)).user, "Ada");
    assert.equal(await count(store), 1);
  };
}

function keepsOriginalMaxAge(originalMaxAge: Untyped) {
  return async ({ store }: Scenario) => {
    await write(store, ID, endingIn(LONG_MS, originalMaxAge));
    await touch(store, ID, endingIn(LONG_MS, originalMaxAge));
    assert.equal((await read(store, ID)).cookie.originalMaxAge, originalMaxAge);
  };
}

/** How long a session lives. */
export const LIFE: Cases = {
  "the end is given back to the millisecond": async ({ store }) => {
    for (const lifeMs of [LONG_MS, 2 * LONG_MS]) {
      const session = endingIn(lifeMs, LONG_MS);
      await write(store, ID, session);
      assert.equal((await read(store, ID)).cookie.expires, session.cookie.expires.toISOString());
    }
  },

  "the end may be a string": async ({ store }) => {
    const expires = new Date(Date.now() + LONG_MS).toISOString();
    await write(store, ID, withEnd(expires));
    assert.equal((await read(store, ID)).cookie.expires, expires);
    await write(store, ID, withEnd(new Date(0).toISOString()));
    assert.ok(!(await read(store, ID)));
  },

  "a session ends at its end, and not before": async ({ store }) => {
    const session = endingIn(SHORT_MS, LONG_MS);
    await write(store, ID, session);
    let askedAtMs = 0;
    await until(async () => {
      const found = await read(store, ID);
      askedAtMs = Date.now();
      return !found;
    });
    assert.ok(askedAtMs >= session.cookie.expires.getTime(), "it ended too early");
  },

  "an end may be as far away as a date can say": async ({ store }) => {
    const expires = new Date(8.64e15);
    await write(store, ID, withEnd(expires));
    await touch(store, ID, withEnd(expires));
    assert.equal((await read(store, ID)).user, "Ada");
  },

  "a touch lets a session live on": async (scenario) => {
    await outliveFirstEnd(scenario, touch);
    assert.equal((await read(scenario.store, ID)).user, "Ada");
    assert.equal((await list(scenario.store)).length, 1);
  },

  "a touch gives a session its new end to the millisecond": async ({ store }) => {
    await write(store, ID, endingIn(LONG_MS, LONG_MS));
    const session = endingIn(2 * LONG_MS, LONG_MS);
    await touch(store, ID, session);
    assert.equal((await read(store, ID)).cookie.expires, session.cookie.expires.toISOString());
  },

  "a touch lets a session end earlier": async ({ store }) => {
    await write(store, ID, endingIn(LONG_MS, LONG_MS));
    await touch(store, ID, endingIn(SHORT_MS, LONG_MS));
    await until(async () => !(await read(store, ID)));
  },

  "a set of the same data lets a session live on": async (scenario) => {
    await outliveFirstEnd(scenario, write);
    assert.equal((await read(scenario.store, ID)).user, "Ada");
  },

  "a set of the same data lets a session end earlier": async ({ store }) => {
    await write(store, ID, endingIn(LONG_MS, LONG_MS));
    await write(store, ID, endingIn(SHORT_MS, LONG_MS));
    await until(async () => !(await read(store, ID)));
  },

  "a set of the same data may take the end away": async ({ store }) => {
    await write(store, ID, endingIn(LONG_MS, null));
    await write(store, ID, withEnd(null));
    assert.equal((await read(store, ID)).cookie.expires, null);
  },

  "a set with a past end stores nothing": async (scenario) => {
    await write(scenario.store, ID, endingIn(-1, LONG_MS));
    await assertGone(scenario);
  },

  "a set with a past end ends the session": async (scenario) => {
    await write(scenario.store, ID, endingIn(LONG_MS, LONG_MS));
    await write(scenario.store, ID, endingIn(-LONG_MS, LONG_MS));
    await assertGone(scenario);
  },

  "a touch with a past end ends the session": async (scenario) => {
    await write(scenario.store, ID, endingIn(LONG_MS, LONG_MS));
    await touch(scenario.store, ID, endingIn(-LONG_MS, LONG_MS));
    await assertGone(scenario);
  },

  "an end that is near is never an error": async ({ store }) => {
    for (let lifeMs = -2; lifeMs < 8; lifeMs++) {
      for (let n = 0; n < 5; n++) {
        await write(store, ID, endingIn(lifeMs, LONG_MS));
        await touch(store, ID, endingIn(lifeMs, LONG_MS));
      }
    }
    await until(async () => !(await read(store, ID)));
  },

  "no end is no end: null": isNoEnd(null),
  "no end is no end: undefined": isNoEnd(undefined),
  "no end is no end: false": isNoEnd(false),
  "no end is no end: an invalid date": isNoEnd(new Date(Number.NaN)),

  "a session without a cookie lives as long as the store says": async ({ store }) => {
    await write(store, ID, { user: "Ada" });
    assert.deepEqual(await read(store, ID), { user: "Ada" });
    assert.equal(await count(store), 1);
  },

  "originalMaxAge is kept: a number": keepsOriginalMaxAge(LONG_MS),
  "originalMaxAge is kept: null": keepsOriginalMaxAge(null),
  "originalMaxAge is kept: false": keepsOriginalMaxAge(false),
  "originalMaxAge is kept: a negative number": keepsOriginalMaxAge(-5_004),
  "originalMaxAge is kept: none": keepsOriginalMaxAge(undefined),
};
