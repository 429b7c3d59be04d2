import assert from "node:assert/strict";
import { until } from "../until.js";
import { count, read, record } from "./calls.js";
import { countVisits, leaveAlone, storePath } from "./handlers.js";
import { type Cases, type Scenario, SECRET } from "./scenario.js";
import type { Handler, SessionRequest } from "./types.js";
import { signed } from "./visitor.js";

const showMaxAge: Handler = ({ session }, response) => {
  session.seen = true;
  response.end(String(session.cookie.originalMaxAge));
};

async function keepsOriginalMaxAge({ open }: Scenario): Promise<void> {
  const visitor = (await open({ cookie: { maxAge: 2_000 } }, showMaxAge)).visitor();
  const { body } = await visitor.visit();
  const nextMs = Date.now() + 50;
  await until(() => Date.now() > nextMs);
  const { body: again } = await visitor.visit();
  for (const maxAgeMs of [body, again]) {
    assert.ok(Math.abs(Number(maxAgeMs) - 2_000) <= 10, `${maxAgeMs} ms`); // express-session computes it back from the end
  }
}

/** Whether the session is found of a visitor whose cookies other code has put on the request, as cookie-parser does. */
async function isFound(
  { open }: Scenario,
  cookies: (id: string) => Pick<SessionRequest, "cookies" | "signedCookies">,
): Promise<boolean> {
  const site = await open();
  const visitor = site.visitor();
  await visitor.visit();
  site.around = (request, serve) => {
    Object.assign(request, cookies(visitor.id));
    serve();
  };
  return (await site.visitor().visit()).body === "2";
}

const setMaxAge: Handler = ({ session, url }, response) => {
  session.cookie.maxAge = Number(url?.slice(1));
  session.path = url;
  response.end();
};

/** Lets the session end with the browser. */
const keepNoEnd: Handler = (request, response) => {
  request.session.cookie.expires = null;
  storePath(request, response);
};

/** What cookies say of a session, and what a store makes of that. */
export const COOKIES: Cases = {
  "originalMaxAge stays what it was": keepsOriginalMaxAge,

  "originalMaxAge stays what it was, also if get gives the end as a Date": async (scenario) => {
    const { store } = scenario;
    const get = store.get.bind(store);
    store.get = (id, callback) =>
      get(id, (error, session) => {
        if (session) session.cookie.expires = new Date(session.cookie.expires);
        callback(error, session);
      });
    await keepsOriginalMaxAge(scenario);
  },

  "a changed maxAge is the end of cookie and session, up to more than a timer can count": async ({
    store,
    open,
  }) => {
    const visitor = (await open({ cookie: { maxAge: 2_000 } }, setMaxAge)).visitor();
    for (const maxAgeMs of [5_000, 3_000_000_000, 10_000]) {
      const { headers, setCookie } = await visitor.visit(`/${maxAgeMs}`);
      assert.ok(setCookie?.expires);
      const sentAtMs = Date.parse(headers.get("Date") ?? "");
      const lifeMs = setCookie.expires.getTime() - sentAtMs;
      assert.ok(Math.abs(lifeMs - maxAgeMs) <= 1_000, `${lifeMs} ms`); // both are whole seconds
      const { expires } = (await read(store, visitor.id)).cookie;
      assert.equal(new Date(expires).toUTCString(), setCookie.expires.toUTCString());
    }
  },

  "a maxAge that changes without the data is stored by a touch": async ({ store, open }) => {
    const site = await open({ resave: false }, ({ session, url }, response) => {
      if (url === "/longer") session.cookie.maxAge = 600_000;
      session.user = "Ada";
      response.end();
    });
    const visitor = site.visitor();
    await visitor.visit();
    const calls = record(store);
    await visitor.visit("/longer");
    assert.deepEqual(calls.splice(0), ["get", "touch"]);
    const { cookie } = await read(store, visitor.id);
    assert.ok(cookie.originalMaxAge > 500_000, cookie.originalMaxAge);
    assert.ok(Date.parse(cookie.expires) > Date.now() + 500_000, cookie.expires);
  },

  "an end that is past ends the session, and is no error": async ({ store, open }) => {
    const site = await open({}, (request, response) => {
      request.session.cookie.expires = new Date(0);
      storePath(request, response);
    });
    const { status, setCookie } = await site.visitor().visit();
    assert.equal(status, 200);
    assert.match(setCookie?.text ?? "", /Expires=Thu, 01 Jan 1970 00:00:0\d GMT/);
    assert.deepEqual([await count(store), site.errors], [0, []]);
  },

  "without an end, the cookie has none, and is sent once": async ({ store, open }) => {
    const visitor = (await open({ cookie: {} }, leaveAlone)).visitor();
    const calls = record(store);
    const { setCookie } = await visitor.visit();
    assert.doesNotMatch(setCookie?.text ?? "", /Expires/);
    assert.equal((await visitor.visit()).setCookie, undefined);
    assert.deepEqual(calls, ["set", "get", "set"]);
    assert.equal((await read(store, visitor.id)).cookie.expires, null);
  },

  "an end that the application removes is removed": async ({ store, open }) => {
    const visitor = (await open({}, keepNoEnd)).visitor();
    const { setCookie } = await visitor.visit();
    assert.ok(setCookie);
    assert.doesNotMatch(setCookie.text, /Expires/);
    assert.equal((await visitor.visit()).setCookie, undefined);
    assert.equal((await read(store, visitor.id)).cookie.expires, null);
  },

  "an end that the application removes is removed, also when the data changes": async ({ store, open }) => {
    const visitor = (await open({}, keepNoEnd)).visitor();
    await visitor.visit("/a");
    assert.equal((await visitor.visit("/b")).setCookie, undefined);
    assert.equal((await read(store, visitor.id)).path, "/b");
  },

  "an end that the application removes is removed by a touch, too": async ({ store, open }) => {
    const site = await open({ resave: false }, ({ session, url }, response) => {
      if (url === "/endless") session.cookie.expires = null;
      session.user = "Ada";
      response.end();
    });
    const visitor = site.visitor();
    await visitor.visit();
    await visitor.visit("/endless");
    assert.equal((await read(store, visitor.id)).cookie.expires, null);
    assert.equal((await visitor.visit()).setCookie, undefined);
  },

  "an end that is no date is an error of the cookie, and none of the store": async ({ store, open }) => {
    const site = await open({ cookie: { expires: new Date(Number.NaN) } }, storePath);
    const { status, body } = await site.visitor().visit();
    assert.deepEqual([status, body], [200, "/"]);
    await until(() => site.errors.length > 0);
    assert.deepEqual(
      site.errors.map(({ message }) => message),
      ["option expires is invalid"],
    );
    assert.equal(await count(store), 1);
  },

  "a signed cookie that cookie-parser has read is accepted": async (scenario) => {
    assert.ok(await isFound(scenario, (id) => ({ signedCookies: { "connect.sid": id } })));
  },

  "a cookie that cookie-parser has read is verified": async (scenario) => {
    assert.ok(await isFound(scenario, (id) => ({ cookies: { "connect.sid": signed(id, SECRET) } })));
  },

  "a cookie that cookie-parser has read without a signature is not looked up": async (scenario) => {
    assert.ok(!(await isFound(scenario, (id) => ({ cookies: { "connect.sid": id } }))));
  },

  "a cookie that cookie-parser has read with a wrong signature is not looked up": async (scenario) => {
    assert.ok(!(await isFound(scenario, (id) => ({ cookies: { "connect.sid": signed(id, "wrong") } }))));
  },

  "the cookie's options may depend on the request, and are stored as they were then": async ({
    store,
    open,
  }) => {
    const cookie = ({ headers }: SessionRequest) => ({ maxAge: 60_000, sameSite: headers["x-same-site"] });
    const site = await open({ cookie }, countVisits);
    for (const sameSite of ["lax", "strict"]) {
      const visitor = site.visitor();
      const { setCookie } = await visitor.visit("/", { "x-same-site": sameSite });
      assert.match(setCookie?.text ?? "", new RegExp(`; SameSite=${sameSite}`, "i"));
      assert.equal((await read(store, visitor.id)).cookie.sameSite, sameSite);
    }
  },

  "secure and sameSite are stored as they were resolved": async ({ store, open }) => {
    const site = await open({ proxy: true, cookie: { maxAge: 60_000, secure: "auto", sameSite: "auto" } });
    const resolved = [];
    for (const protocol of ["https", "http"]) {
      const visitor = site.visitor();
      const { setCookie } = await visitor.visit("/", { "x-forwarded-proto": protocol });
      const { secure, sameSite } = (await read(store, visitor.id)).cookie;
      resolved.push([secure, sameSite, /; Secure/.test(setCookie?.text ?? "")]);
    }
    assert.deepEqual(resolved, [
      [true, "none", true],
      [false, "lax", false],
    ]);
  },
};
