import assert from "node:assert/strict";
import { until } from "../until.js";
import { clear, count, destroy, outcome, read, touch, write } from "./calls.js";
import type { Cases } from "./scenario.js";
import type { Callback, ExpressStore } from "./types.js";

const ID = "an-id";
const SESSION = { cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: "/" }, user: "Ada" };

/** Every method, called with a callback; some of a session that exists, some of one that does not. */
const CALLS: Readonly<Record<string, (store: ExpressStore, callback: Callback) => unknown>> = {
  "get a session": (store, callback) => store.get(ID, callback),
  "get no session": (store, callback) => store.get("missing", callback),
  "set a session": (store, callback) => store.set(ID, { ...SESSION, user: "Grace" }, callback),
  "set the same": (store, callback) => store.set(ID, SESSION, callback),
  "touch a session": (store, callback) => store.touch(ID, SESSION, callback),
  "touch no session": (store, callback) => store.touch("missing", SESSION, callback),
  "destroy a session": (store, callback) => store.destroy(ID, callback),
  "destroy no session": (store, callback) => store.destroy("missing", callback),
  all: (store, callback) => store.all(callback),
  length: (store, callback) => store.length((error) => callback(error)),
  clear: (store, callback) => store.clear(callback),
};

/** Runs `provoke` and waits for the exception that nobody catches. A test runner does not see it. */
async function uncaught(provoke: () => void): Promise<Error> {
  const errors: Error[] = [];
  process.setUncaughtExceptionCaptureCallback((error) => errors.push(error));
  try {
    provoke();
    await until(() => errors.length > 0);
    await turns();
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
  assert.equal(errors.length, 1);
  return errors[0] as Error;
}

/** Waits until whatever was about to happen in this process without I/O has happened. */
async function turns(): Promise<void> {
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
}

function callsBackOnce(call: (typeof CALLS)[string]): Cases[string] {
  return async ({ store }) => {
    await write(store, ID, SESSION);
    let returned = false;
    let times = 0;
    call(store, (error) => {
      assert.ok(returned, "it called back before it returned");
      assert.ok(!error, String(error));
      times++;
    });
    returned = true;
    await until(() => times > 0);
    await turns();
    assert.equal(times, 1);
  };
}

function leavesErrorsAlone(call: (typeof CALLS)[string]): Cases[string] {
  return async ({ store }) => {
    await write(store, ID, SESSION);
    let times = 0;
    const error = await uncaught(() => {
      call(store, () => {
        times++;
        throw new Error("of the application");
      });
    });
    assert.equal(error.message, "of the application");
    assert.equal(times, 1);
  };
}

function casesOfAllCalls(promise: string, of: (call: (typeof CALLS)[string]) => Cases[string]): Cases {
  return Object.fromEntries(Object.entries(CALLS).map(([name, call]) => [`${name}: ${promise}`, of(call)]));
}

/** How methods are called, and how they answer. */
export const METHODS: Cases = {
  ...casesOfAllCalls("calls back once, after it returned", callsBackOnce),
  ...casesOfAllCalls(
    "an error that the callback throws is uncaught, and calls it no second time",
    leavesErrorsAlone,
  ),

  "set needs no callback": async ({ store }) => {
    store.set(ID, SESSION);
    await until(async () => (await read(store, ID))?.user === "Ada");
  },

  "touch needs no callback": async ({ store }) => {
    await write(store, ID, SESSION);
    store.touch(ID, { ...SESSION, cookie: { ...SESSION.cookie, path: "/shop" } });
    await until(async () => (await read(store, ID)).cookie.path === "/shop");
  },

  "destroy needs no callback": async ({ store }) => {
    await write(store, ID, SESSION);
    store.destroy(ID);
    await until(async () => !(await read(store, ID)));
  },

  "clear needs no callback": async ({ store }) => {
    await write(store, ID, SESSION);
    store.clear();
    await until(async () => (await count(store)) === 0);
  },

  "get finds nothing where nothing was stored": async ({ store }) => {
    assert.ok(!(await read(store, "missing")));
  },

  "destroy succeeds also the second time": async ({ store }) => {
    await write(store, ID, SESSION);
    for (let n = 0; n < 2; n++) await destroy(store, ID);
    assert.ok(!(await read(store, ID)));
  },

  "touch creates nothing": async ({ store }) => {
    await touch(store, ID, SESSION);
    assert.ok(!(await read(store, ID)));
    assert.equal(await count(store), 0);
  },

  "clear succeeds also on an empty store": async ({ store }) => {
    await clear(store);
    assert.equal(await count(store), 0);
  },

  "regenerate makes a new session even if the old one cannot be destroyed": async ({ store, open }) => {
    await open(); // gives the store its `generate`
    store.destroy = (_id, callback) => setImmediate(() => callback?.(new Error("no answer")));
    const request = { sessionID: ID, session: undefined, headers: {} };
    await assert.rejects(
      outcome((callback) => store.regenerate(request, callback)),
      /no answer/,
    );
    assert.notEqual(request.sessionID, ID);
    assert.ok(request.session);
  },
};
