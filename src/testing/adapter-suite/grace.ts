import assert from "node:assert/strict";
import { until } from "../until.js";
import type { Browser } from "./browser.js";
import { type Cases, loggedIn, pair, type SiteNode } from "./scenario.js";

/** So long that no case sees its end. */
const LONG = { rotationGraceMs: 600_000 };

async function isNobody(node: SiteNode, browser: Browser): Promise<boolean> {
  return !("user" in ((await node.ask(browser.copy(), "/me")) as object));
}

/** A session gets a new id, and the old one stands for it for a while. */
export const GRACE: Cases = {
  "a request under way under the old id writes to the new session": async (scenario) => {
    const [here, there] = await pair(scenario, LONG);
    const browser = await loggedIn(here, "Ada");
    const slow = there.visit(browser.copy(), "/slow-set/gate/color/green");
    await scenario.gates.reached("gate");
    await here.ask(browser, "/login/Grace");
    scenario.gates.open("gate");
    assert.equal((await slow).status, 200);
    await until(async () => JSON.stringify(await here.ask(browser.copy(), "/me")).includes("green"));
    for (const node of [here, there]) {
      assert.deepEqual(await node.ask(browser.copy(), "/me"), { user: "Grace", color: "green" });
    }
  },

  "a request that comes under the old id reads the new session, and writes to it": async (scenario) => {
    const [here, there] = await pair(scenario, LONG);
    const browser = await loggedIn(here, "Ada");
    const tab = browser.copy();
    const before = await there.ask(tab.copy(), "/id");
    await here.ask(browser, "/login/Grace");
    assert.notEqual(await here.ask(browser.copy(), "/id"), before);
    for (const node of [here, there]) {
      await until(async () => JSON.stringify(await node.ask(tab.copy(), "/me")) === '{"user":"Grace"}');
    }
    await there.ask(tab.copy(), "/set/color/green");
    await until(async () => JSON.stringify(await here.ask(browser.copy(), "/me")).includes("green"));
  },

  "after the grace, the old id is over on every node": async (scenario) => {
    const [here, there] = await pair(scenario, { rotationGraceMs: 50 });
    const browser = await loggedIn(here, "Ada");
    const tab = browser.copy();
    await there.ask(tab.copy(), "/me");
    await here.ask(browser, "/login/Grace");
    for (const node of [here, there]) await until(() => isNobody(node, tab));
    for (const node of [here, there]) {
      assert.deepEqual(await node.ask(browser.copy(), "/me"), { user: "Grace" });
    }
  },

  "a logout under the old id ends the new session": async (scenario) => {
    const [here, there] = await pair(scenario, LONG);
    const browser = await loggedIn(here, "Ada");
    const tab = browser.copy();
    await here.ask(browser, "/login/Grace");
    await there.ask(tab.copy(), "/logout");
    for (const each of [browser, tab]) {
      for (const node of [here, there]) await until(() => isNobody(node, each));
    }
  },

  "a logout is one: a login after it is not found under the old id": async (scenario) => {
    const [here, there] = await pair(scenario, LONG);
    const browser = await loggedIn(here, "Ada");
    const tab = browser.copy();
    await here.ask(browser, "/logout");
    for (const node of [here, there]) await until(() => isNobody(node, tab));
    await here.ask(browser, "/login/Grace");
    assert.deepEqual(await there.ask(browser.copy(), "/me"), { user: "Grace" });
    for (const node of [here, there]) assert.ok(await isNobody(node, tab));
  },
};
