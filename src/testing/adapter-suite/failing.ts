import assert from "node:assert/strict";
import { until } from "../until.js";
import { Browser, type Reply } from "./browser.js";
import { type Cases, loggedIn, pair, type Refusal, type Scenario, type SiteNode } from "./scenario.js";

const COMMAND_TIMEOUT_MS = 1_000;
/** How many commands a request of the suite may wait for, one after the other, and what a busy machine needs beside. */
const MAX_COMMANDS = 5;

/** A request whose reply, or whose end without one, comes in bounded time. */
async function answered(node: SiteNode, browser: Browser, path: string): Promise<Reply | undefined> {
  const startedAtMs = performance.now();
  const reply = await node.visit(browser, path).catch(() => undefined);
  const tookMs = performance.now() - startedAtMs;
  assert.ok(tookMs <= MAX_COMMANDS * COMMAND_TIMEOUT_MS, `${path} took ${tookMs} ms`);
  return reply;
}

async function failAndRecover(
  { cluster, ...scenario }: Scenario,
  fail: () => void,
  recover: () => void,
  tellsOfLogouts: boolean,
): Promise<void> {
  const [here, there] = await pair({ cluster, ...scenario }, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
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
    await until(async () => (await answered(there, browser.copy(), "/me"))?.status === 500);
    for (let n = 0; n < 10; n++) {
      const reply = await answered(there, browser.copy(), "/me");
      assert.equal(reply?.status, 500);
    }
    await logOutInVain(here, browser.copy(), tellsOfLogouts);
  } finally {
    recover();
  }
  await until(async () => (await there.visit(browser.copy(), "/me")).status === 200);
  const other = new Browser();
  await until(async () => (await here.visit(other, "/login/Grace")).status === 200);
  await until(async () => (await there.visit(other, "/me")).body.includes("Grace"));
}

/** A logout that Redis does not hear of. */
async function logOutInVain(node: SiteNode, browser: Browser, tellsOfLogouts: boolean): Promise<void> {
  const reply = await answered(node, browser, "/logout");
  assert.equal(reply?.status, tellsOfLogouts ? 500 : 200);
}

/** Redis does not answer, or with something else. `tellsOfLogouts`: the client is told of a logout that failed. */
export const failing = (tellsOfLogouts: boolean): Cases => ({
  "Redis that answers nothing gives an error in bounded time, and nothing else": (scenario) =>
    failAndRecover(
      scenario,
      () => scenario.cluster.stall(),
      () => scenario.cluster.resume(),
      tellsOfLogouts,
    ),

  "Redis that is gone gives an error, and nothing else": (scenario) =>
    failAndRecover(
      scenario,
      () => scenario.cluster.cut(),
      () => scenario.cluster.mend(),
      tellsOfLogouts,
    ),

  "a record that cannot be read gives an error, and is left as it is; a logout that knows the session ends it":
    async (scenario) => {
      const [here, there] = await pair(scenario);
      const browser = await loggedIn(here);
      const id = (await here.ask(browser, "/id")) as string;
      await scenario.cluster.overwrite(id, CORRUPT);
      assert.equal((await there.visit(browser.copy(), "/me")).status, 500);
      assert.equal(await scenario.cluster.record(id), CORRUPT);
      for (const node of [there, here]) {
        const { status } = await node.visit(browser.copy(), "/logout");
        const isLeft = (await scenario.cluster.record(id)) === CORRUPT;
        if (tellsOfLogouts) assert.equal(status, isLeft ? 500 : 200);
      }
    },
});

const CORRUPT = "neither ours nor JSON";

/** A request has read its session, and finds a record that cannot be read when it saves; what the client was told. */
async function saveOverCorrupt(scenario: Scenario): Promise<Reply> {
  const [here, there] = await pair(scenario);
  const browser = await loggedIn(here);
  const id = (await here.ask(browser, "/id")) as string;
  const slow = there.visit(browser.copy(), "/slow-set/gate/color/green");
  await scenario.gates.reached("gate");
  await scenario.cluster.overwrite(id, CORRUPT);
  scenario.gates.open("gate");
  const reply = await slow;
  await until(() => reply.status === 500 || there.site.failures.length > 0); // who has sent the response can only tell the application
  assert.equal(await scenario.cluster.record(id), CORRUPT);
  return reply;
}

/** With `onOutage: "serve-cached"`. */
export const SERVING: Cases = {
  "where that is wanted, what a node holds can be read while Redis is gone": async (scenario) => {
    const [here, there] = await pair(scenario, { servesCached: true, rolling: true });
    const browser = await loggedIn(here);
    const isKnown = async (tab: Browser) => (await there.visit(tab, "/me")).body.includes("Ada");
    await until(() => isKnown(browser.copy()));
    scenario.cluster.cut();
    try {
      for (let n = 0; n < 10; n++) assert.ok(await isKnown(browser.copy()));
      await logOutInVain(there, browser.copy(), true);
      assert.equal(await isKnown(browser.copy()), false); // it is to go, as soon as Redis is back
    } finally {
      scenario.cluster.mend();
    }
    await until(async () => (await here.visit(browser.copy(), "/me")).body === "{}");
  },
};

/** With fields of the application. */
export const FAILING_WRITES: Cases = {
  "a record that cannot be read is not written over": async (scenario) => {
    await saveOverCorrupt(scenario);
  },
};

/** Redis refuses writes, and answers reads: on a server of the case's own. */
export const REFUSING: Cases = {
  "Redis that is full lets reads and logouts go on": async (scenario) => {
    const [here, there] = await pair(scenario);
    const [browser, other] = [await loggedIn(here), await loggedIn(here, "Grace")];
    await whileRefused(scenario, "full", async () => {
      const tab = other.copy();
      for (const node of [here, there]) {
        for (let n = 0; n < 10; n++) assert.deepEqual(await node.ask(browser.copy(), "/me"), { user: "Ada" });
      }
      assert.equal((await answered(there, other, "/logout"))?.status, 200);
      for (const node of [here, there]) {
        // Of a middleware that stores a session for whoever has none, the answer is an error.
        await until(async () => !(await node.visit(tab.copy(), "/me")).body.includes("Grace"));
      }
    });
    await until(async () => (await here.visit(other, "/login/Grace")).status === 200);
  },
};

/** With a middleware that asks for no save where nothing has changed, or does not wait for it. */
export const reading = (tellsOfLogouts: boolean): Cases => ({
  "Redis that is read-only lets nodes go on with what they may serve; a logout that it refuses is made good":
    async (scenario) => {
      const [here, there] = await pair(scenario);
      const [browser, other] = [await loggedIn(here), await loggedIn(here, "Grace")];
      const tab = other.copy();
      await whileRefused(scenario, "read-only", async () => {
        for (const node of [here, there]) {
          for (let n = 0; n < 10; n++)
            assert.deepEqual(await node.ask(browser.copy(), "/me"), { user: "Ada" });
        }
        if (tellsOfLogouts) await logOutInVain(there, other.copy(), true);
      });
      if (!tellsOfLogouts) return; // and neither is the store asked to make it good
      for (const node of [here, there]) {
        await until(async () => (await node.visit(tab.copy(), "/me")).body === "{}");
      }
    },
});

async function whileRefused({ cluster }: Scenario, why: Refusal, run: () => Promise<void>): Promise<void> {
  await cluster.refuseWrites(why);
  try {
    await run();
  } finally {
    await cluster.acceptWrites();
  }
}

/** The same with a middleware that tells the client of a save that failed. */
export const REFUSED_SAVES: Cases = Object.fromEntries(
  (["full", "read-only"] as const).map((why) => [
    `Redis that is ${why} gives an error to whoever writes`,
    async (scenario: Scenario) => {
      const [here, there] = await pair(scenario);
      const browser = await loggedIn(here);
      await whileRefused(scenario, why, async () => {
        for (const node of [here, there]) {
          assert.equal((await answered(node, browser.copy(), "/set/color/green"))?.status, 500);
        }
      });
      await until(async () => (await here.visit(browser.copy(), "/set/color/red")).status === 200);
      await until(async () => (await there.visit(browser.copy(), "/me")).body.includes("red"));
    },
  ]),
);

/** With a middleware that tells the client of a save that failed. */
export const FAILING_SAVES: Cases = {
  "Redis that answers nothing gives an error to whoever writes": async (scenario) => {
    const [here] = await pair(scenario, { commandTimeoutMs: COMMAND_TIMEOUT_MS });
    const browser = await loggedIn(here);
    scenario.cluster.stall();
    try {
      assert.equal((await answered(here, browser.copy(), "/set/color/green"))?.status, 500);
    } finally {
      scenario.cluster.resume();
    }
    await until(async () => (await here.visit(browser, "/me")).status === 200);
  },

  "a record that cannot be read gives an error to whoever writes": async (scenario) => {
    assert.equal((await saveOverCorrupt(scenario)).status, 500);
  },
};
