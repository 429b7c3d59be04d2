import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../until.js";
import type { Browser } from "./browser.js";
import { type Cases, loggedIn, pair, type SiteNode } from "./scenario.js";

/** Shorter than a second: a store that counts in seconds keeps it too long or refuses it. */
const SHORT_MS = 900;
/** The same for a middleware that counts in seconds. */
const SECONDS_MS = 2_000;
/** So short that it is over before a slow machine has asked twice; what it leaves is looked at. */
const SHORTEST_MS = 300;
const POLL_MS = 50;
const HOUR_MS = 3_600_000;

/** Uses a new session for longer than it lives by itself; whether it was there to the end. */
async function livesOn(
  [here, there]: readonly [SiteNode, SiteNode],
  lifeMs: number,
  use: (node: SiteNode, browser: Browser, n: number) => Promise<unknown> = async () => {},
): Promise<boolean> {
  const browser = await loggedIn(here);
  const endMs = performance.now() + 2.5 * lifeMs;
  for (let n = 0; performance.now() < endMs; n++) {
    const node = n % 2 === 0 ? here : there;
    await use(node, browser, n);
    if (!JSON.stringify(await node.ask(browser, "/me")).includes('"user":"Ada"')) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** How long sessions live that nobody writes. */
export function life({ wholeSeconds, readsRenew }: { wholeSeconds: boolean; readsRenew: boolean }): Cases {
  const lifeMs = wholeSeconds ? SECONDS_MS : SHORT_MS;
  return {
    "a session that nobody uses ends": async (scenario) => {
      const [here, there] = await pair(scenario, { maxAgeMs: lifeMs });
      const browser = await loggedIn(here);
      assert.deepEqual(await there.ask(browser.copy(), "/me"), { user: "Ada" });
      await delay(1.5 * lifeMs); // a visit could let it live on
      for (const node of [here, there]) assert.deepEqual(await node.ask(browser.copy(), "/me"), {});
    },

    [`a session that is only read ${readsRenew ? "lives on" : "ends"}`]: async (scenario) => {
      const nodes = await pair(scenario, { maxAgeMs: lifeMs });
      if (readsRenew)
        await until(() => livesOn(nodes, lifeMs)); // again, for a machine that was too busy to ask in time
      else assert.equal(await livesOn(nodes, lifeMs), false);
    },
  };
}

/** With a middleware that knows of less than a second. `storedLongerMs`: how much longer than it lives it lets the store keep a session. */
export const subSecond = (storedLongerMs: number): Cases => ({
  "a session of less than a second is stored for just as long": async (scenario) => {
    const [here] = await pair(scenario, { maxAgeMs: SHORTEST_MS });
    const browser = await loggedIn(here);
    const id = (await here.ask(await loggedIn(here, "Grace"), "/id")) as string | null;
    const leftMs = id === null ? undefined : await scenario.cluster.remainingMs(id);
    const mostMs = 1.1 * (SHORTEST_MS + storedLongerMs); // touched sessions outlive their ends by a tenth
    assert.ok(leftMs === undefined || leftMs <= mostMs, `It is stored for ${leftMs} ms`);
    const isOver = async () => id === null || (await scenario.cluster.record(id)) === null;
    if (storedLongerMs === 0) await until(isOver);
    await delay(1.5 * SHORTEST_MS);
    assert.deepEqual(await here.ask(browser, "/me"), {});
  },
});

/** Sessions with fields of the application. */
export const WRITTEN_LIFE: Cases = {
  "a session lives on while it is written": async (scenario) => {
    const nodes = await pair(scenario, { maxAgeMs: SHORT_MS });
    await until(() => livesOn(nodes, SHORT_MS, (node, browser, n) => node.ask(browser, `/set/n/${n}`)));
  },
};

/** With one that lets the application say how long a session lives. */
export const REMEMBERING: Cases = {
  "a session that one lets live for a month does, whatever another one writes that knew of an hour": async (
    scenario,
  ) => {
    const [here, there] = await pair(scenario, { maxAgeMs: HOUR_MS });
    const browser = await loggedIn(here);
    const id = (await here.ask(browser, "/id")) as string;
    const slow = there.ask(browser.copy(), "/slow-set/gate/color/green");
    await scenario.gates.reached("gate");
    await here.ask(browser, `/remember/${720 * HOUR_MS}`);
    scenario.gates.open("gate");
    await slow;
    const isMonth = async () => ((await scenario.cluster.remainingMs(id)) ?? 0) > 719 * HOUR_MS;
    assert.ok(await isMonth());
    for (const node of [here, there]) await node.ask(browser.copy(), "/set/size/10");
    assert.ok(await isMonth());
    assert.match(JSON.stringify(await here.ask(browser, "/me")), /green/);
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
    const nodes = await pair(scenario, { maxAgeMs: SHORT_MS, rolling: true });
    await until(() => livesOn(nodes, SHORT_MS));
  },
};
