import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { until } from "../until.js";
import { count, fail, read, record } from "./calls.js";
import { countVisits, storePath } from "./handlers.js";
import { type Cases, type Scenario, SECRET } from "./scenario.js";
import type { Handler } from "./types.js";

const OLD = "an older secret";

/** What a site with the second secret answers to a visitor who was on a site with the first one. */
async function carriedOver({ open }: Scenario, secret: unknown, otherSecret: unknown): Promise<string> {
  const first = (await open({ secret })).visitor();
  await first.visit();
  const second = (await open({ secret: otherSecret })).visitor();
  second.cookie = first.cookie;
  return (await second.visit()).body;
}

/** Ends a session by taking it off the request, on the second visit. */
const unset: Handler = (request, response) => {
  if (request.session.visits === undefined) countVisits(request, response);
  else unsetAtOnce(request, response);
};

const unsetAtOnce: Handler = (request, response) => {
  request.session = null;
  response.end("gone");
};

/** The options of express-session that decide what a store is asked for. */
export const OPTIONS: Cases = {
  "a string signs and verifies cookies": async (scenario) => {
    assert.equal(await carriedOver(scenario, SECRET, SECRET), "2");
  },

  "a Buffer signs and verifies cookies": async (scenario) => {
    assert.equal(await carriedOver(scenario, Buffer.from(SECRET), Buffer.from(SECRET)), "2");
  },

  "cookies are signed with the first secret": async (scenario) => {
    assert.equal(await carriedOver(scenario, [SECRET, OLD], OLD), "1");
  },

  "cookies are verified with every secret": async (scenario) => {
    assert.equal(await carriedOver(scenario, OLD, [SECRET, OLD]), "2");
  },

  "unset keep: a session that is taken off the request stays": async ({ store, open }) => {
    const visitor = (await open({ unset: "keep" }, unset)).visitor();
    await visitor.visit();
    assert.equal((await visitor.visit()).body, "gone");
    assert.equal(await count(store), 1);
  },

  "unset destroy: a session that is taken off the request ends": async ({ store, open }) => {
    const visitor = (await open({ unset: "destroy" }, unset)).visitor();
    await visitor.visit();
    assert.equal(await count(store), 1);
    assert.equal((await visitor.visit()).body, "gone");
    assert.equal(await count(store), 0);
  },

  "unset destroy: it may be one that was never stored": async ({ store, open }) => {
    const site = await open({ unset: "destroy" }, unsetAtOnce);
    const { body, setCookie } = await site.visitor().visit();
    assert.deepEqual([body, setCookie], ["gone", undefined]);
    assert.equal(await count(store), 0);
    assert.deepEqual(site.errors, []);
  },

  "unset destroy: an error of destroy is reported": async ({ store, open }) => {
    const site = await open({ unset: "destroy" }, unset);
    const visitor = site.visitor();
    await visitor.visit();
    fail(store, "destroy", new Error("no answer"));
    const { status, body } = await visitor.visit();
    assert.deepEqual([status, body], [200, "gone"]);
    await until(() => site.errors.length > 0);
    assert.equal(site.errors[0]?.message, "no answer");
  },

  "genid names the session, in any characters": async ({ store, open }) => {
    for (const id of ["apple", "%", "%2e", "https://example.org/a?b=c&d", "a b", "sess:*", "ü☃"]) {
      const { setCookie } = await (await open({ genid: () => id }, storePath)).visitor().visit("/x");
      assert.equal(setCookie?.id, id);
      assert.equal((await read(store, id)).path, "/x");
    }
  },

  "two middlewares may share a store": async ({ store, open }) => {
    const visitors = [(await open()).visitor(), (await open({ resave: false })).visitor()];
    for (const visitor of [...visitors, ...visitors]) await visitor.visit();
    for (const { id } of visitors) assert.equal((await read(store, id)).visits, 2);
  },

  "methods that are replaced later are the ones that count": async ({ store, open }) => {
    const visitor = (await open({ resave: false })).visitor();
    await visitor.visit();
    const calls = record(store);
    await visitor.visit();
    assert.deepEqual(calls, ["get", "set"]);
  },

  "a request keeps its asynchronous context": async ({ open }) => {
    const context = new AsyncLocalStorage<string | undefined>();
    const site = await open({}, (_request, response) => {
      response.end(context.getStore());
    });
    site.around = (request, serve) => context.run(request.url, serve);
    const visitor = site.visitor();
    await visitor.visit("/first");
    const bodies = await Promise.all(
      ["/a", "/b", "/c"].map(async (path) => (await visitor.visit(path)).body),
    );
    assert.deepEqual(bodies, ["/a", "/b", "/c"]);
  },
};
