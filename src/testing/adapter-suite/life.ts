import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { type Cases, loggedIn, pair } from "./scenario.js";

/** Shorter than a second: a store that counts in seconds keeps it too long or refuses it. */
const SHORT_MS = 900;
const POLL_MS = 50;

/** How long sessions live. */
export const LIFE: Cases = {
  "a session that nobody uses ends, sub-second or not": async (scenario) => {
    const [here, there] = await pair(scenario, { maxAgeMs: SHORT_MS });
    const browser = await loggedIn(here);
    assert.deepEqual(await there.ask(browser.copy(), "/me"), { user: "Ada" });
    await delay(1.5 * SHORT_MS); // a visit could let it live on
    for (const node of [here, there]) assert.deepEqual(await node.ask(browser.copy(), "/me"), {});
  },

  "a session lives on while it is written, and only then where the middleware says so": async (scenario) => {
    const [here, there] = await pair(scenario, { maxAgeMs: SHORT_MS, rolling: true });
    const browser = await loggedIn(here);
    const endMs = performance.now() + 2.5 * SHORT_MS;
    for (let n = 0; performance.now() < endMs; n++) {
      const node = n % 2 === 0 ? here : there;
      await node.ask(browser, `/set/n/${n}`);
      assert.match(JSON.stringify(await node.ask(browser, "/me")), /"user":"Ada"/);
      await delay(POLL_MS);
    }
  },
};

/** With a middleware that renews the session at every response. */
export const ROLLING: Cases = {
  "every response sets the cookie again": async (scenario) => {
    const [here] = await pair(scenario, { rolling: true });
    const browser = await loggedIn(here);
    for (let n = 0; n < 3; n++) assert.notEqual((await here.visit(browser, "/me")).cookies.length, 0);
  },

  "a session that is only read lives on": async (scenario) => {
    const [here, there] = await pair(scenario, { maxAgeMs: SHORT_MS, rolling: true });
    const browser = await loggedIn(here);
    const endMs = performance.now() + 2.5 * SHORT_MS;
    for (let n = 0; performance.now() < endMs; n++) {
      const node = n % 2 === 0 ? here : there;
      assert.deepEqual(await node.ask(browser, "/me"), { user: "Ada" });
      await delay(POLL_MS);
    }
  },
};
