import assert from "node:assert/strict";
import { clear, count, outcome, read, record, untilLater, write } from "./calls.js";
import { countVisits, routes, storePath } from "./handlers.js";
import type { Cases, Scenario } from "./scenario.js";
import type { Handler, Untyped } from "./types.js";

const reload: Handler = async ({ session }, response) => {
  await outcome((callback) => session.reload(callback));
  response.end();
};

/** Saves, and answers with whether the store shows it already. */
function saveAndRead({ store }: Scenario): Handler {
  return async ({ session }, response) => {
    session.saved = true;
    await outcome((callback) => session.save(callback));
    response.end(JSON.stringify((await read(store, session.id)).saved));
  };
}

const save: Handler = async ({ session }, response) => {
  session.user = "Ada";
  await outcome((callback) => session.save(callback));
  response.end();
};

const reloadAndSave: Handler = async (request, response) => {
  await outcome((callback) => request.session.reload(callback)).catch(() => {}); // the first time there is nothing yet
  await save(request, response);
};

/** A save by the application is the request's only one; the session that was there before is touched then. */
function isSavedOnce(handler: Handler, options: Untyped, reads: readonly "get"[]) {
  return async ({ store, open }: Scenario) => {
    const visitor = (await open(options, handler)).visitor();
    const calls = record(store);
    await visitor.visit();
    assert.deepEqual(calls.splice(0), [...reads, "set"]);
    await visitor.visit();
    assert.deepEqual(calls, ["get", ...reads, "set", "touch"]);
  };
}

/** What applications do with `req.session`. */
export const SESSION_METHODS: Cases = {
  "load gives a session, or nothing": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    await visitor.visit();
    const session = await outcome<Untyped>((callback) => store.load(visitor.id, callback));
    assert.equal(session.visits, 1);
    assert.equal(session.id, visitor.id);
    assert.equal(typeof session.save, "function");
    assert.equal((await visitor.visit()).body, "2");
    assert.equal(await outcome((callback) => store.load("missing", callback)), undefined);
  },

  "a cookie is sent when the data changed, and only then": async ({ open }) => {
    const visitor = (await open({}, storePath)).visitor();
    const sent = [];
    for (const path of ["/a", "/b", "/b", "/c"])
      sent.push((await visitor.visit(path)).setCookie !== undefined);
    assert.deepEqual(sent, [true, true, false, true]);
  },

  "between disconnect and connect, requests have no session": async ({ store, open }) => {
    const visitor = (await open({}, ({ session }, response) => response.end(typeof session))).visitor();
    store.emit("disconnect");
    const { status, body, setCookie } = await visitor.visit();
    assert.deepEqual([status, body, setCookie], [200, "undefined", undefined]);
    store.emit("connect");
    assert.equal((await visitor.visit()).body, "object");
  },

  "a store that works says neither disconnect nor connect": async ({ store, open }) => {
    const said: string[] = [];
    for (const event of ["disconnect", "connect"]) store.on(event, () => said.push(event));
    const visitor = (await open()).visitor();
    for (let n = 0; n < 3; n++) await visitor.visit();
    await clear(store);
    assert.deepEqual(said, []);
  },

  "destroy ends a session": async ({ store, open }) => {
    const site = await open(
      {},
      routes({
        "/": countVisits,
        "/out": async (request, response) => {
          await outcome((callback) => request.session.destroy(callback));
          response.end(typeof request.session);
        },
      }),
    );
    const visitor = site.visitor();
    await visitor.visit();
    const { body, setCookie } = await visitor.visit("/out");
    assert.deepEqual([body, setCookie], ["undefined", undefined]);
    assert.equal(await count(store), 0);
    assert.equal((await visitor.visit()).body, "1");
  },

  "destroy ends a session that was never stored": async ({ open }) => {
    const site = await open({}, async (request, response) => {
      await outcome((callback) => request.session.destroy(callback));
      response.end(typeof request.session);
    });
    const { status, body, setCookie } = await site.visitor().visit();
    assert.deepEqual([status, body, setCookie], [200, "undefined", undefined]);
  },

  "destroy needs no callback": async ({ store, open }) => {
    const visitor = (
      await open({ unset: "destroy" }, (request, response) => {
        request.session.destroy();
        response.end();
      })
    ).visitor();
    const { status } = await visitor.visit();
    assert.equal(status, 200);
    assert.equal(await count(store), 0);
  },

  "regenerate begins a session under a new id and ends the old one": async ({ store, open }) => {
    const site = await open({}, async (request, response) => {
      await outcome((callback) => request.session.regenerate(callback));
      countVisits(request, response);
    });
    const visitor = site.visitor();
    const { body, setCookie: first } = await visitor.visit();
    assert.equal(body, "1");
    const { body: again, setCookie: second } = await visitor.visit();
    assert.equal(again, "1");
    assert.ok(first && second);
    assert.notEqual(second.id, first.id);
    assert.ok(!(await read(store, first.id)));
    assert.equal((await read(store, second.id)).visits, 1);
  },

  "reload shows what another request saved, and drops what this one changed": async ({ open }) => {
    const site = await open(
      {},
      routes({
        "/": countVisits,
        "/reload": async (request, response) => {
          request.session.visits = -1;
          await visitor.visit();
          await outcome((callback) => request.session.reload(callback));
          response.end(String(request.session.visits));
        },
      }),
    );
    const visitor = site.visitor();
    await visitor.visit();
    assert.equal((await visitor.visit("/reload")).body, "2");
    assert.equal((await visitor.visit()).body, "3");
  },

  "reload of a session that is gone is an error": async ({ store, open }) => {
    const site = await open(
      {},
      routes({
        "/": countVisits,
        "/reload": async (request, response) => {
          await clear(store);
          await reload(request, response);
        },
      }),
    );
    const visitor = site.visitor();
    await visitor.visit();
    const { status, body } = await visitor.visit("/reload");
    assert.deepEqual([status, body], [500, "failed to load session"]);
  },

  "reload may be repeated many times": async ({ open }) => {
    const site = await open({}, async ({ session }, response) => {
      for (let n = 0; n < 20; n++) await outcome((callback) => session.reload(callback)).catch(() => {});
      response.end();
    });
    const visitor = site.visitor();
    assert.equal((await visitor.visit()).status, 200); // nothing is stored yet
    assert.equal((await visitor.visit()).status, 200);
  },

  "save is visible to the next read": async (scenario) => {
    const visitor = (await scenario.open({}, saveAndRead(scenario))).visitor();
    assert.equal((await visitor.visit()).body, "true");
  },

  "save needs no callback": async ({ store, open }) => {
    const site = await open({ resave: false }, ({ session }, response) => {
      session.user = "Ada";
      session.save();
      session.user = "Grace";
      response.end();
    });
    const visitor = site.visitor();
    await visitor.visit();
    assert.equal((await read(store, visitor.id)).user, "Grace");
  },

  "save by the application is the only one": isSavedOnce(save, {}, []),

  "save by the application is the only one, also after reload": isSavedOnce(reloadAndSave, {}, ["get"]),

  "save by the application is the only one, also with saveUninitialized off": isSavedOnce(
    save,
    { saveUninitialized: false },
    [],
  ),

  "touch moves the stored end": async ({ store, open }) => {
    const site = await open({ resave: false }, (request, response) => {
      request.session.touch();
      storePath(request, response);
    });
    const visitor = site.visitor();
    await visitor.visit();
    const first = new Date((await read(store, visitor.id)).cookie.expires);
    await untilLater();
    await visitor.visit();
    const second = new Date((await read(store, visitor.id)).cookie.expires);
    assert.ok(second > first, `${second.toISOString()} is not after ${first.toISOString()}`);
  },

  "a request that outlives its session does not bring it back by a touch": async ({ store, open }) => {
    const site = await open({ resave: false }, async ({ session }, response) => {
      if (session.user === "Ada") await clear(store);
      session.user = "Ada";
      response.end();
    });
    const visitor = site.visitor();
    await visitor.visit();
    assert.equal((await visitor.visit()).status, 200);
    assert.deepEqual([await count(store), site.errors], [0, []]);
  },

  "what another request has written meanwhile is not undone by a touch": async ({ store, open }) => {
    const site = await open({ resave: false }, async ({ session }, response) => {
      if (session.user !== undefined) await write(store, session.id, { ...session, user: "Grace" });
      session.user ??= "Ada";
      response.end();
    });
    const visitor = site.visitor();
    await visitor.visit();
    await visitor.visit();
    assert.equal((await read(store, visitor.id)).user, "Grace");
  },
};
