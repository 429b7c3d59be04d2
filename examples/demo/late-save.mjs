import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { Browser, expectStatus } from "./browser.mjs";

/** @typedef {import("./cluster.mjs").Cluster} Cluster */
/** @typedef {import("./terminal.mjs").Story} Story */

const GIVE_UP_MS = 5_000;
const BETWEEN_LOOKS_MS = 5;

/**
 * The same story on both stores: a request has read the session, its user logs out on another node, and then the request saves what it has.
 *
 * @param {Story} story
 * @param {Cluster} ours
 * @param {Cluster} theirs on connect-redis
 */
export async function saveLate(story, ours, theirs) {
  await story.step("sessionmesh: Ada, who logged out meanwhile, stays logged out", async () => {
    const statuses = await logOutDuringARequest(ours);
    assert.deepEqual(statuses, [401, 401, 401]);
    return "401 on all three nodes";
  });
  await story.step("connect-redis: the late save has logged her in again", async () => {
    const statuses = await logOutDuringARequest(theirs);
    assert.deepEqual(statuses, [200, 200, 200]);
    return "200 on all three nodes";
  });
}

/**
 * What each node answers in the end, to whoever has the cookie.
 *
 * @param {Cluster} cluster
 */
async function logOutDuringARequest({ nodes }) {
  const [first, second] = nodes;
  const ada = new Browser();
  expectStatus(await ada.login(first, "Ada"), 201);
  const change = ada.changeSlowly(second, "Turin");
  for (const untilMs = performance.now() + GIVE_UP_MS; (await slowRequests(second)) === 0; ) {
    assert(performance.now() < untilMs, "the request has not come");
    await delay(BETWEEN_LOOKS_MS);
  }
  expectStatus(await ada.logout(first), 200);
  await fetch(`${second.url}/slow`, { method: "POST" }); // what the request waited for is there
  expectStatus(await change, 200);
  return Promise.all(nodes.map(async (node) => (await ada.profile(node)).status));
}

/** @param {import("./browser.mjs").Address} node */
async function slowRequests({ url }) {
  const { waiting } = /** @type {{ waiting: number }} */ (await (await fetch(`${url}/slow`)).json());
  return waiting;
}
