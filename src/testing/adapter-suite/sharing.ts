import assert from "node:assert/strict";
import { until } from "../until.js";
import { Browser } from "./browser.js";
import { type Cases, loggedIn, pair } from "./scenario.js";

/** What one node stores, the others find. */
export const SHARING: Cases = {
  "a login on one node is known on another": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    for (let n = 0; n < 3; n++) assert.deepEqual(await there.ask(browser, "/me"), { user: "Ada" });
    assert.deepEqual(await here.ask(browser, "/me"), { user: "Ada" });
  },

  "whoever has no session finds none": async (scenario) => {
    const [here, there] = await pair(scenario);
    await loggedIn(here);
    assert.deepEqual(await there.ask(new Browser(), "/me"), {});
  },

  "two users have a session each": async (scenario) => {
    const [here, there] = await pair(scenario);
    const [ada, grace] = [await loggedIn(here, "Ada"), await loggedIn(there, "Grace")];
    assert.deepEqual(await there.ask(ada, "/me"), { user: "Ada" });
    assert.deepEqual(await here.ask(grace, "/me"), { user: "Grace" });
  },

  "a logout on one node holds on another that has the session in memory": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await there.ask(browser, "/me");
    const tab = browser.copy();
    await here.ask(browser, "/logout");
    await until(async () => !("user" in ((await there.ask(tab.copy(), "/me")) as object)));
    assert.deepEqual(await here.ask(tab.copy(), "/me"), {});
  },
};

/** Sessions with fields of the application. */
export const CHANGES: Cases = {
  "a change on one node is seen on another that has the session in memory": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await there.ask(browser, "/me");
    await here.ask(browser, "/set/color/green");
    await until(async () => JSON.stringify(await there.ask(browser, "/me")).includes("green"));
    await there.ask(browser, "/unset/color");
    await until(async () => !JSON.stringify(await here.ask(browser, "/me")).includes("green"));
  },
};
