import assert from "node:assert/strict";
import { until } from "../until.js";
import { type Cases, loggedIn, pair, type Scenario, type SiteNode } from "./scenario.js";

/** A request is under way on one node when the session ends on another. */
async function logOutDuring(scenario: Scenario, path: string, rolling = false): Promise<SiteNode> {
  const [here, there] = await pair(scenario, { rolling });
  const browser = await loggedIn(here);
  await there.ask(browser, "/me");
  const id = (await here.ask(browser, "/id")) as string;
  const tab = browser.copy();
  const slow = there.visit(browser.copy(), path);
  await scenario.gates.reached("gate");
  await here.ask(browser, "/logout");
  scenario.gates.open("gate");
  assert.equal((await slow).status, 200);
  for (const node of [here, there]) {
    await until(async () => !("user" in ((await node.ask(tab.copy(), "/me")) as object)));
  }
  const record = await scenario.cluster.record(id);
  assert.ok(record === null || !record.includes("Ada"), `It is back: ${record}`);
  assert.deepEqual(there.site.failures, []);
  return there;
}

/** The same with a request that writes: its save comes too late, and is counted unless the middleware begins another session then. */
async function logOutBeforeSave(scenario: Scenario, isLate: boolean): Promise<void> {
  const node = await logOutDuring(scenario, "/slow-set/gate/color/green");
  if (isLate) await until(() => node.site.lateSaves() > 0); // some save when the response is on its way
  assert.deepEqual(node.site.failures, []);
}

/** What is saved too late. `rereads`: the middleware reads a session once more when it is changed, and begins another one if there is none. */
export const late = (rereads: boolean): Cases => ({
  "a request that writes during the logout is answered, and counted, and brings nothing back": (scenario) =>
    logOutBeforeSave(scenario, !rereads),

  "a request that renews its cookie during the logout is answered, and brings nothing back": async (
    scenario,
  ) => {
    await logOutDuring(scenario, "/slow-read/gate", true);
  },
});

/** A session that is over stays so. */
export const ENDING: Cases = {
  "a request that reads during the logout is answered, and brings nothing back": async (scenario) => {
    await logOutDuring(scenario, "/slow-read/gate");
  },

  "a logout in a session that is over already is answered": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const tab = browser.copy();
    await here.ask(browser, "/logout");
    assert.equal((await there.visit(tab, "/logout")).status, 200);
  },

  "whoever has logged out can log in again": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await here.ask(browser, "/logout");
    await there.ask(browser, "/login/Grace");
    assert.deepEqual(await here.ask(browser, "/me"), { user: "Grace" });
  },
};

/** A session gets a new id. */
export const REGENERATING: Cases = {
  "a login gives a new id, and the old one is over": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here, "Ada");
    const before = await here.ask(browser, "/id");
    const tab = browser.copy();
    await there.ask(tab, "/me");
    await here.ask(browser, "/login/Grace");
    assert.notEqual(await here.ask(browser, "/id"), before);
    assert.deepEqual(await there.ask(browser, "/me"), { user: "Grace" });
    await until(async () => !("user" in ((await there.ask(tab.copy(), "/me")) as object)));
  },

  "data can be taken along": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const before = await here.ask(browser, "/id");
    await here.ask(browser, "/renew");
    assert.deepEqual(await there.ask(browser, "/me"), { user: "Ada" });
    assert.notEqual(await there.ask(browser, "/id"), before);
  },

  "a request that writes under the old id meanwhile is answered, and changes neither": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const id = (await here.ask(browser, "/id")) as string;
    const slow = there.visit(browser.copy(), "/slow-set/gate/color/green");
    await scenario.gates.reached("gate");
    await here.ask(browser, "/login/Grace");
    scenario.gates.open("gate");
    assert.equal((await slow).status, 200);
    assert.deepEqual(await here.ask(browser, "/me"), { user: "Grace" });
    const record = await scenario.cluster.record(id);
    assert.ok(record === null || !record.includes("Ada"), `The old session is back: ${record}`);
  },
};
