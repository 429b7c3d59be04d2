import assert from "node:assert/strict";
import { until } from "../until.js";
import { clear, count, fail, list, read, record, write } from "./calls.js";
import { leaveAlone } from "./handlers.js";
import { type Cases, SECRET } from "./scenario.js";
import { signed } from "./visitor.js";

/** Too short for anybody to come back in time. */
const BRIEF = { cookie: { maxAge: 30 } };

/** How a session begins, is found again, and is lost. */
export const SESSIONS: Cases = {
  "a new session is stored, and its cookie is set": async ({ store, open }) => {
    const { setCookie } = await (await open()).visitor().visit();
    assert.ok(setCookie);
    assert.equal(await count(store), 1);
    assert.equal((await read(store, setCookie.id)).visits, 1);
  },

  "a visitor who comes back finds the session": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    const bodies = [];
    for (let n = 0; n < 3; n++) bodies.push((await visitor.visit()).body);
    assert.deepEqual(bodies, ["1", "2", "3"]);
    assert.equal(await count(store), 1);
  },

  "an error of get is the request's error": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    fail(store, "get", new Error("no answer"));
    assert.equal((await visitor.visit()).status, 200); // without a cookie there is nothing to get
    const { status, body, setCookie } = await visitor.visit();
    assert.deepEqual([status, body, setCookie], [500, "no answer", undefined]);
  },

  "an ENOENT of get is a session that does not exist": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    const { setCookie: first } = await visitor.visit();
    fail(store, "get", Object.assign(new Error("no such file"), { code: "ENOENT" }));
    const { status, body, setCookie } = await visitor.visit();
    assert.deepEqual([status, body], [200, "1"]);
    assert.notEqual(setCookie?.id, first?.id);
  },

  "simultaneous requests without a cookie begin one session each": async ({ store, open }) => {
    const site = await open();
    await Promise.all([site.visitor().visit(), site.visitor().visit()]);
    const sessions = await list(store);
    assert.deepEqual(
      sessions.map(({ visits }) => visits),
      [1, 1],
    );
  },

  "a property that is named like a method of the session takes nothing from it": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    const { setCookie } = await visitor.visit();
    assert.ok(setCookie);
    const session = await read(store, setCookie.id);
    await write(store, setCookie.id, { ...session, save: "a string", reload: "another" });
    assert.equal((await visitor.visit()).body, "2");
  },

  "a session has the cookie and the data, and no other enumerable property": async ({ open }) => {
    const site = await open({}, ({ session }, response) => {
      const inherited = [];
      for (const key in session) inherited.push(key);
      const answer = [Object.keys(session), inherited];
      session.user = "Ada";
      response.end(JSON.stringify(answer));
    });
    const visitor = site.visitor();
    assert.equal((await visitor.visit()).body, '[["cookie"],["cookie"]]');
    assert.equal((await visitor.visit()).body, '[["cookie","user"],["cookie","user"]]');
  },

  "nothing is stored under an id that is no string": async ({ store, open }) => {
    const site = await open({}, (request, response) => {
      request.sessionID = () => {};
      request.session.user = "Ada";
      response.end();
    });
    const { status, setCookie } = await site.visitor().visit();
    assert.deepEqual([status, setCookie], [200, undefined]);
    assert.equal(await count(store), 0);
  },

  "after clear, a visitor begins a new session under a new id": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    const { setCookie: first } = await visitor.visit();
    await clear(store);
    assert.equal(await count(store), 0);
    const { body, setCookie } = await visitor.visit();
    assert.equal(body, "1");
    assert.ok(setCookie);
    assert.notEqual(setCookie.id, first?.id);
  },

  "a cookie without a signature is not looked up": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    const { setCookie: first } = await visitor.visit();
    assert.ok(first);
    const calls = record(store);
    visitor.cookie = first.id;
    const { body, setCookie } = await visitor.visit();
    assert.equal(body, "1");
    assert.notEqual(setCookie?.id, first.id);
    assert.deepEqual(calls, ["set"]);
  },

  "a cookie with a wrong signature is not looked up": async ({ store, open }) => {
    const visitor = (await open()).visitor();
    const { setCookie: first } = await visitor.visit();
    assert.ok(first);
    const calls = record(store);
    visitor.cookie = signed(first.id, `not ${SECRET}`);
    const { body, setCookie } = await visitor.visit();
    assert.equal(body, "1");
    assert.notEqual(setCookie?.id, first.id);
    assert.deepEqual(calls, ["set"]);
  },

  "an expired session is none": async ({ store, open }) => {
    const visitor = (await open(BRIEF)).visitor();
    const { setCookie } = await visitor.visit();
    assert.ok(setCookie);
    const { cookie } = (await read(store, setCookie.id)) ?? {};
    await until(async () => !(await read(store, setCookie.id)));
    assert.ok(cookie === undefined || Date.now() >= new Date(cookie.expires).getTime(), "it ended too early");
  },

  "an expired session is replaced by a new one under a new id": async ({ store, open }) => {
    const visitor = (await open(BRIEF)).visitor();
    const { setCookie: first } = await visitor.visit();
    assert.ok(first);
    await until(async () => !(await read(store, first.id)));
    const { body, setCookie } = await visitor.visit();
    assert.equal(body, "1");
    assert.ok(setCookie);
    assert.notEqual(setCookie.id, first.id);
  },

  "an expired session is not listed, also if nobody has asked for it": async ({ store, open }) => {
    await (await open(BRIEF)).visitor().visit();
    await until(async () => (await list(store)).length === 0);
  },

  "an expired session is not counted, also if nobody has asked for it": async ({ store, open }) => {
    await (await open(BRIEF)).visitor().visit();
    await until(async () => (await count(store)) === 0);
  },

  "stored data without a cookie is handed out as it is, and is the request's error": async ({
    store,
    open,
  }) => {
    const visitor = (await open({}, leaveAlone)).visitor();
    const { setCookie } = await visitor.visit();
    assert.ok(setCookie);
    await write(store, setCookie.id, { user: "Ada" });
    assert.deepEqual(await read(store, setCookie.id), { user: "Ada" });
    const { status, body } = await visitor.visit();
    assert.equal(status, 500);
    assert.match(body, /Cannot read prop/);
  },
};
