import assert from "node:assert/strict";
import { count, destroy, read, touch, write } from "./calls.js";
import { countVisits } from "./handlers.js";
import type { Cases } from "./scenario.js";
import type { Handler } from "./types.js";

const ID = "an-id";
const SESSION = { cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: "/" }, user: "Ada" };

/** A session that was destroyed stays so, whatever a request that was under way saves. */
export const ENDINGS: Cases = {
  "set after destroy is answered, and brings nothing back": async ({ store }) => {
    await write(store, ID, SESSION);
    await destroy(store, ID);
    await write(store, ID, SESSION);
    await touch(store, ID, SESSION);
    assert.equal(await read(store, ID), undefined);
    assert.equal(await count(store), 0);
  },

  "a set that overlaps a destroy changes nothing": async ({ store }) => {
    await write(store, ID, SESSION);
    await Promise.all([destroy(store, ID), write(store, ID, { ...SESSION, user: "Grace" })]);
    assert.equal(await read(store, ID), undefined);
  },

  "an id that genid gives again is that of a session that is over": async ({ store, open }) => {
    const logOut: Handler = (request, response) => {
      if (request.session.visits === undefined) countVisits(request, response);
      else request.session.destroy(() => response.end("gone"));
    };
    const visitor = (await open({ genid: () => "apple" }, logOut)).visitor();
    assert.equal((await visitor.visit()).body, "1");
    assert.equal((await visitor.visit()).body, "gone");
    assert.equal((await visitor.visit()).body, "1"); // served, and not stored
    assert.equal(await count(store), 0);
  },

  "a request that began before a logout and ends after it is answered, and brings nothing back": async ({
    store,
    open,
  }) => {
    let goOn = () => {};
    const loggedOut = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let begun = () => {};
    const underWay = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const site = await open({}, async (request, response) => {
      if (request.url === "/slow") {
        begun();
        await loggedOut;
        request.session.visits = 100;
        response.end("slow");
      } else if (request.url === "/logout") request.session.destroy(() => response.end("gone"));
      else countVisits(request, response);
    });
    const visitor = site.visitor();
    await visitor.visit();
    const { id } = visitor;
    const slow = visitor.visit("/slow");
    await underWay;
    assert.equal((await visitor.visit("/logout")).body, "gone");
    goOn();
    assert.deepEqual([(await slow).status, (await slow).body], [200, "slow"]);
    assert.equal(await read(store, id), undefined);
    assert.equal(await count(store), 0);
    assert.deepEqual(site.errors, []);
  },
};
