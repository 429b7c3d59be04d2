import assert from "node:assert/strict";
import { HEADER_LENGTH } from "../../session/record.js";
import type { Browser } from "./browser.js";
import { type Cases, loggedIn, pair, type Scenario, type SiteNode } from "./scenario.js";

const POLLUTING = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":"text"}';

/** Text of a length comes back, here and on another node. */
function comesBack(length: number): Cases[string] {
  return async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    await here.ask(browser, `/fill/text/${length}`);
    assert.equal(await here.ask(browser, "/length/text"), length);
    assert.equal(await there.ask(browser, "/length/text"), length);
  };
}

/** What sessions hold. */
export const DATA: Cases = {
  "4 KB come back as they went": comesBack(4_096),

  "1 MB comes back as it went": comesBack(1_048_576),

  "unicode comes back as it went, in keys too": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const data = { naïve: "日本語", "🦊": "emoji \u{1F9D1}\u200D\u{1F680}", quote: '"\\\n\u2028' };
    await here.ask(browser, `/take/${encodeURIComponent(JSON.stringify(data))}`);
    assert.deepEqual(await there.ask(browser, "/me"), { user: "Ada", ...data });
  },

  "keys that would pollute a prototype do not": async (scenario) => {
    for (const [node, browser] of await polluted(scenario)) {
      for (const path of ["/set/color/green", "/me"]) await node.visit(browser, path);
      assert.equal((await node.visit(browser, "/me")).status, 200);
      assert.equal(await node.ask(browser, "/polluted"), null);
    }
    assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    assert.equal((Object as { polluted?: unknown }).polluted, undefined);
  },
};

/** With a middleware that keeps fields whose names every object inherits. */
export const INHERITED: Cases = {
  "keys that every object inherits come back as they went": async (scenario) => {
    for (const [node, browser] of await polluted(scenario)) {
      await node.ask(browser, "/set/color/green");
      const data = (await node.ask(browser, "/me")) as Record<string, unknown>;
      for (const [key, value] of Object.entries(JSON.parse(POLLUTING))) {
        if (key !== "__proto__") assert.deepEqual(Object.hasOwn(data, key) && data[key], value);
      }
    }
  },
};

/** Two nodes, each with the browser of a session that has taken what it was sent. */
async function polluted(scenario: Scenario): Promise<[SiteNode, Browser][]> {
  const [here, there] = await pair(scenario);
  const browser = await loggedIn(here);
  await here.visit(browser, `/take/${encodeURIComponent(POLLUTING)}`);
  return [
    [here, browser],
    [there, browser],
  ];
}

/** What is stored and shown. `middlewareKeys`: what the middleware stores beside the application's fields. */
export const secrets = (middlewareKeys: readonly string[]): Cases => ({
  "nothing of the store's own shows in what the application can print, nor in Redis": async (scenario) => {
    const [here, there] = await pair(scenario);
    const browser = await loggedIn(here);
    const id = (await here.ask(browser, "/id")) as string;
    await there.ask(browser, "/set/color/green");
    const record = (await scenario.cluster.record(id)) ?? "";
    const revision = record.slice(2, 14);
    assert.deepEqual([...keysOf(payloadOf(record))].sort(), ["user", "color", ...middlewareKeys].sort());
    const looked = (await there.ask(browser, "/look")) as { keys: string[]; json: string; printed: string };
    assert.doesNotMatch(looked.keys.join(), /base|revision|sessionmesh/i);
    assert.doesNotMatch(looked.json, /sessionmesh/);
    for (const text of [looked.json, looked.printed]) assert.ok(!text.includes(revision), text);
  },
});

/** The data of a record, behind its header; a text in it is JSON of an adapter for texts. */
function payloadOf(record: string): unknown {
  const data: unknown = JSON.parse(record.slice(HEADER_LENGTH));
  return typeof data === "string" ? JSON.parse(data) : data;
}

/** All keys of an object and of those in it. */
function keysOf(value: unknown): Set<string> {
  if (typeof value !== "object" || value === null) return new Set();
  return new Set(Object.entries(value).flatMap(([key, child]) => [key, ...keysOf(child)]));
}
