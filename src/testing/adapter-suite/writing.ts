import assert from "node:assert/strict";
import { until } from "../until.js";
import { type Cases, loggedIn, pair, type SiteNode } from "./scenario.js";

const FIFTY = Array.from({ length: 50 }, (_, n) => n);

/** What saves cost that change nothing. */
export const UNCHANGED: Cases = {
  "a save that changes nothing costs a touch": async (scenario) => {
    const [node] = (await scenario.nodes(1)) as [SiteNode];
    const browser = await loggedIn(node);
    // A machine that is slow enough to lose its lease asks Redis once more: then the next twenty are counted. What each of them costs shows in any.
    await until(async () => {
      const before = node.site.sent.length;
      for (let n = 0; n < 20; n++) await node.ask(browser, "/save");
      return node.site.sent.length - before <= 1;
    });
    assert.deepEqual(await node.ask(browser, "/me"), { user: "Ada" });
  },
};

/** Requests of one session that overlap lose nothing. */
export const WRITING: Cases = {
  "two that write a field each, on two nodes, leave both": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const slow = [
      here.ask(browser.copy(), "/slow-set/one/a/1"),
      there.ask(browser.copy(), "/slow-set/other/b/2"),
    ];
    await Promise.all(["one", "other"].map((gate) => scenario.gates.reached(gate)));
    scenario.gates.open("one");
    await slow[0];
    scenario.gates.open("other");
    await slow[1];
    const all = { user: "Ada", a: "1", b: "2" };
    for (const node of [here, there]) {
      await until(
        async () => JSON.stringify(sorted(await node.ask(browser, "/me"))) === JSON.stringify(sorted(all)),
      );
    }
  },

  "fields of one object are merged as well": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await here.ask(browser, "/nest/cart/apples/1");
    const slow = there.ask(browser.copy(), "/slow-set/gate/seen/yes");
    await scenario.gates.reached("gate");
    await here.ask(browser.copy(), "/nest/cart/pears/2");
    scenario.gates.open("gate");
    await slow;
    assert.deepEqual(sorted(await there.ask(browser, "/me")), {
      cart: { apples: "1", pears: "2" },
      seen: "yes",
      user: "Ada",
    });
  },

  "two that add a field each to one object leave both": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await here.ask(browser, "/nest/cart/apples/1");
    const slow = [
      here.ask(browser.copy(), "/slow-nest/one/cart/pears/2"),
      there.ask(browser.copy(), "/slow-nest/other/cart/plums/3"),
    ];
    await Promise.all(["one", "other"].map((gate) => scenario.gates.reached(gate)));
    scenario.gates.open("one");
    await slow[0];
    scenario.gates.open("other");
    await slow[1];
    const all = '{"cart":{"apples":"1","pears":"2","plums":"3"},"user":"Ada"}';
    for (const node of [here, there]) {
      await until(async () => {
        const { cart, ...data } = (await node.ask(browser, "/me")) as { cart: object };
        return JSON.stringify(sorted({ ...data, cart: sorted(cart) })) === all;
      });
    }
  },

  "what one deletes stays deleted, whatever another one writes": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await here.ask(browser, "/set/color/green");
    const slow = there.ask(browser.copy(), "/slow-set/gate/size/10");
    await scenario.gates.reached("gate");
    await here.ask(browser.copy(), "/unset/color");
    scenario.gates.open("gate");
    await slow;
    assert.deepEqual(sorted(await there.ask(browser, "/me")), { size: "10", user: "Ada" });
  },

  "fifty at once, with a field each, leave fifty": async (scenario) => {
    const nodes = await pair(scenario);
    const browser = await loggedIn(nodes[0]);
    await nodes[1].ask(browser, "/me");
    const visits = FIFTY.map((n) =>
      (nodes[n % 2] as (typeof nodes)[0]).ask(browser.copy(), `/set/field${n}/${n}`),
    );
    await Promise.all(visits);
    const count = async (node: (typeof nodes)[0]) =>
      Object.keys((await node.ask(browser, "/me")) as object).length;
    for (const node of nodes) await until(async () => (await count(node)) === FIFTY.length + 1);
  },
};

function sorted(data: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data as object).sort(([a], [b]) => (a < b ? -1 : 1)));
}
