import assert from "node:assert/strict";
import { until } from "../until.js";
import { Browser } from "./browser.js";
import { type Cases, loggedIn, pair, type Scenario, type SiteNode } from "./scenario.js";

async function failAndRecover(
  { cluster, ...scenario }: Scenario,
  fail: () => void,
  recover: () => void,
): Promise<void> {
  const [here, there] = await pair({ cluster, ...scenario });
  const browser = await loggedIn(here);
  const isUser = async (node: SiteNode, tab: Browser) => {
    const { status, body } = await node.visit(tab, "/me");
    return status === 200 && body.includes("Ada");
  };
  assert.ok(await isUser(there, browser.copy()));
  fail();
  try {
    // A node may answer from memory while its lease lasts; then it says that it cannot, and never that the user is not logged in.
    // A middleware that has sent a part of the response when the lease ends can only break the connection.
    await until(
      async () => (await there.visit(browser.copy(), "/me").catch(() => undefined))?.status === 500,
    );
    assert.equal((await here.visit(browser.copy(), "/logout")).status, 500);
  } finally {
    recover();
  }
  await until(async () => (await there.visit(browser.copy(), "/me")).status === 200);
  const other = new Browser();
  await until(async () => (await here.visit(other, "/login/Grace")).status === 200);
  await until(async () => (await there.visit(other, "/me")).body.includes("Grace"));
}

/** Redis does not answer, or with something else. */
export const FAILING: Cases = {
  "Redis that answers nothing gives an error in bounded time, and nothing else": (scenario) =>
    failAndRecover(
      scenario,
      () => scenario.cluster.stall(),
      () => scenario.cluster.resume(),
    ),

  "Redis that is gone gives an error, and nothing else": (scenario) =>
    failAndRecover(
      scenario,
      () => scenario.cluster.cut(),
      () => scenario.cluster.mend(),
    ),

  "where that is wanted, what a node holds can be read while Redis is gone": async (scenario) => {
    const [here, there] = await pair(scenario, { servesCached: true, rolling: true });
    const browser = await loggedIn(here);
    const isKnown = async (tab: Browser) => (await there.visit(tab, "/me")).body.includes("Ada");
    await until(() => isKnown(browser.copy()));
    scenario.cluster.cut();
    try {
      for (let n = 0; n < 10; n++) assert.ok(await isKnown(browser.copy()));
      assert.equal((await there.visit(browser.copy(), "/logout")).status, 500);
      assert.equal(await isKnown(browser.copy()), false); // it is to go, as soon as Redis is back
    } finally {
      scenario.cluster.mend();
    }
    await until(async () => (await here.visit(browser.copy(), "/me")).body === "{}");
  },

  "a record that cannot be read gives an error, and is left as it is": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const id = (await here.ask(browser, "/id")) as string;
    await scenario.cluster.overwrite(id, "neither ours nor JSON");
    assert.equal((await there.visit(browser.copy(), "/me")).status, 500);
    assert.equal(await scenario.cluster.record(id), "neither ours nor JSON");
  },
};

/** With a middleware that tells the client of a save that failed. */
export const FAILING_SAVES: Cases = {
  "Redis that answers nothing gives an error to whoever writes": async (scenario) => {
    const [here] = await pair(scenario);
    const browser = await loggedIn(here);
    scenario.cluster.stall();
    try {
      assert.equal((await here.visit(browser.copy(), "/set/color/green")).status, 500);
    } finally {
      scenario.cluster.resume();
    }
    await until(async () => (await here.visit(browser, "/me")).status === 200);
  },
};
