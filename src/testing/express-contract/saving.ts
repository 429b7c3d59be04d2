import assert from "node:assert/strict";
import { until } from "../until.js";
import { count, fail, type Method, read, record } from "./calls.js";
import { leaveAlone, storePath } from "./handlers.js";
import type { Cases, Scenario } from "./scenario.js";
import type { Handler, Untyped } from "./types.js";

/** What the first request of a visitor shall cause. */
interface First {
  readonly options: Untyped;
  readonly handler: Handler;
  readonly calls: readonly Method[];
  readonly cookie: boolean;
}

function first({ options, handler, calls, cookie }: First) {
  return async ({ store, open }: Scenario) => {
    const made = record(store);
    const { setCookie } = await (await open(options, handler)).visitor().visit();
    assert.deepEqual(made, calls);
    assert.equal(setCookie !== undefined, cookie);
    assert.equal(await count(store), calls.length);
  };
}

/** The calls that a second request with the cookie of the first one makes. */
function second(options: Untyped, handler: Handler, calls: readonly Method[]) {
  return async ({ store, open }: Scenario) => {
    const visitor = (await open(options, handler)).visitor();
    await visitor.visit();
    const made = record(store);
    await visitor.visit();
    assert.deepEqual(made, calls);
  };
}

const changeNested: Handler = ({ session }, response) => {
  session.nested = { cookie: (session.nested?.cookie ?? 0) + 1 };
  response.end();
};

/** The error does not spoil a response that has been written already; the application's error handler gets it. */
function reportsTheErrorOf(method: Method, options: Untyped, visits: number) {
  return async ({ store, open }: Scenario) => {
    const site = await open(options, storePath);
    const visitor = site.visitor();
    fail(store, method, new Error("no answer"));
    for (let n = 1; n < visits; n++) await visitor.visit();
    const { status, body } = await visitor.visit();
    assert.deepEqual([status, body], [200, "/"]);
    await until(() => site.errors.length > 0);
    assert.deepEqual(
      site.errors.map(({ message }) => message),
      ["no answer"],
    );
  };
}

const lazily = { saveUninitialized: false };
const sparingly = { resave: false };

/** Which requests cause which calls. */
export const SAVING: Cases = {
  "rolling off: an unchanged session sends no cookie": async ({ open }) => {
    const visitor = (await open({ rolling: false }, storePath)).visitor();
    assert.ok((await visitor.visit()).setCookie);
    assert.equal((await visitor.visit()).setCookie, undefined);
  },

  "rolling on: an unchanged session sends its cookie": async ({ open }) => {
    const visitor = (await open({ rolling: true }, storePath)).visitor();
    const { setCookie } = await visitor.visit();
    assert.equal((await visitor.visit()).setCookie?.id, setCookie?.id);
  },

  "rolling on, saveUninitialized off: an untouched session is neither stored nor sent": first({
    options: { rolling: true, ...lazily },
    handler: leaveAlone,
    calls: [],
    cookie: false,
  }),

  "rolling on, saveUninitialized on: an untouched session is stored and sent": first({
    options: { rolling: true },
    handler: leaveAlone,
    calls: ["set"],
    cookie: true,
  }),

  "rolling on, saveUninitialized off: a session with data is stored and sent": first({
    options: { rolling: true, ...lazily },
    handler: storePath,
    calls: ["set"],
    cookie: true,
  }),

  "resave unset: an unchanged session is saved": second({ resave: undefined }, storePath, ["get", "set"]),

  "resave on: an unchanged session is saved": second({ resave: true }, storePath, ["get", "set"]),

  "resave off: an unchanged session is touched": second(sparingly, storePath, ["get", "touch"]),

  "resave off: reading a session does not change it": second(
    sparingly,
    ({ session }, response) => {
      session.user ??= { name: "Ada", roles: ["admin", "ä ☃"], last: null, level: 1.5, none: {} };
      response.end(JSON.stringify(session));
    },
    ["get", "touch"],
  ),

  "resave off: a changed session is saved, with what it had": async ({ store, open }) => {
    const calls = record(store);
    const visitor = (await open(sparingly, storePath)).visitor();
    for (const path of ["/a", "/a", "/b"]) await visitor.visit(path);
    assert.deepEqual(calls, ["set", "get", "touch", "get", "set"]);
    assert.equal((await read(store, visitor.id)).path, "/b");
  },

  "resave off: a nested property named cookie is data like any other": second(sparingly, changeNested, [
    "get",
    "set",
  ]),

  "resave off: an error of touch is reported": reportsTheErrorOf("touch", sparingly, 2),

  "saveUninitialized unset: an untouched session is stored and sent": first({
    options: { saveUninitialized: undefined },
    handler: leaveAlone,
    calls: ["set"],
    cookie: true,
  }),

  "saveUninitialized on: an untouched session is stored and sent": first({
    options: { saveUninitialized: true },
    handler: leaveAlone,
    calls: ["set"],
    cookie: true,
  }),

  "saveUninitialized off: an untouched session is neither stored, nor touched, nor sent": first({
    options: { ...lazily, ...sparingly },
    handler: leaveAlone,
    calls: [],
    cookie: false,
  }),

  "saveUninitialized off: a session with data is stored and sent": first({
    options: lazily,
    handler: storePath,
    calls: ["set"],
    cookie: true,
  }),

  "an error of set is reported": reportsTheErrorOf("set", lazily, 1),
};
