/**
 * The demo: three real Express processes share sessions through one Redis, while things change and fail.
 *
 *     npm run demo
 *     npm run demo -- --serve      leaves three processes running until Ctrl-C
 *
 * Exits with 0 only if every step held. If `REDIS_URL` is set, that server is used, and cut off where ours would be killed.
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import { DEFAULT_COMMAND_TIMEOUT_MS, DEFAULT_MAX_STALENESS_MS } from "sessionmesh";
import { Browser, describeAnswer, expectStatus } from "./browser.mjs";
import { compare } from "./comparison.mjs";
import { saveLate } from "./late-save.mjs";
import { readFrom, until, untilEach, untilLease } from "./observe.mjs";
import { Stage } from "./stage.mjs";
import { ms, Story } from "./terminal.mjs";

/** Only a message makes it this fast: a node that missed it learns of the change at its next beat, or when its lease ends. */
const AT_ONCE_MS = DEFAULT_MAX_STALENESS_MS / 4;
const RECOVERY_TIMEOUT_MS = 10_000;

const { serve } = parseArgs({ options: { serve: { type: "boolean", default: false } } }).values;
const story = new Story();
const stage = new Stage();
stage.stopOnSignals(() => story.interrupt());

try {
  await tell();
} catch (error) {
  story.breakOff(error);
} finally {
  await stage.stop();
  process.exitCode = story.held ? 0 : 1;
}

async function tell() {
  const redis = await stage.startRedis();
  const cluster = await stage.startCluster(redis);
  const [A, B, C] = cluster.nodes;
  story.chapter("Three Express processes share sessions through one Redis");
  story.note(await redis.describe());
  for (const { name, url, client } of cluster.nodes) story.note(`Node ${name} at ${url}, with ${client}`);

  story.chapter("1  Log in on A");
  const ada = new Browser();
  await story.step("A logs Ada in", async () => {
    expectStatus(await ada.login(A, "Ada"), 201);
    return "201 Created";
  });
  for (const node of [B, C]) {
    await story.step(`${node.name} asks Redis once, then answers from memory`, () =>
      readFrom(node, ada, "Redis", "memory"),
    );
  }
  await story.step("The load balancer needs no sticky sessions", async () => {
    const answers = [];
    for (let i = 0; i < 6; i++) answers.push(expectStatus(await ada.profile(cluster), 200).node);
    assert.deepEqual(answers.toSorted(), ["A", "A", "B", "B", "C", "C"]);
    return `answered by ${answers.join(", ")}`;
  });

  story.chapter("2  Change the profile on B");
  await story.step("A and C answer with the new profile at once", async () => {
    expectStatus(await ada.change(B, "Turin"), 200);
    return untilEach([A, C], ada, ({ body }) => body.city === "Turin", AT_ONCE_MS);
  });

  story.chapter("3  Log out on C");
  await story.step("A and B refuse at once", async () => {
    expectStatus(await ada.logout(C), 200);
    return untilEach([A, B], ada, ({ status }) => status === 401, AT_ONCE_MS);
  });

  story.chapter("4  Stall B's subscription: the connection stays, and nothing arrives");
  const grace = new Browser();
  await ada.login(A, "Ada");
  await grace.login(A, "Grace");
  await story.step("B refuses Ada, who logged out on A, within the bound", async () => {
    await readFrom(B, ada, "Redis", "memory");
    redis.subscription.stall();
    expectStatus(await ada.logout(A), 200);
    const loggedOutAtMs = performance.now();
    let servedUntilMs = -1;
    const refusal = await until(
      async () => {
        const answer = await ada.profile(B);
        if (answer.status === 200) servedUntilMs = answer.sentAtMs - loggedOutAtMs;
        return answer;
      },
      ({ status }) => status === 401,
      2 * DEFAULT_MAX_STALENESS_MS,
      describeAnswer,
    );
    assert(servedUntilMs >= 0, "B refused at once, so its subscription was not stalled");
    assert(servedUntilMs <= DEFAULT_MAX_STALENESS_MS, `B still served Ada ${ms(servedUntilMs)} later`);
    return `after ${ms(refusal.sentAtMs - loggedOutAtMs)} of ${ms(DEFAULT_MAX_STALENESS_MS)}`;
  });
  await story.step("B serves everybody else, from Redis", async () => {
    await untilLease([B], false, DEFAULT_MAX_STALENESS_MS);
    return readFrom(B, grace, "Redis", "Redis");
  });
  await story.step("The stall ends, and B answers from memory again", async () => {
    redis.subscription.resume();
    const recovery = await untilLease([B], true, RECOVERY_TIMEOUT_MS);
    await readFrom(B, grace, "Redis", "memory");
    return recovery;
  });

  story.chapter(
    redis.isOurs
      ? "5  Kill Redis (SIGKILL) and start it again"
      : "5  Cut all connections to Redis, and let them back",
  );
  await story.step("All three nodes notice, and answer from memory no more", async () => {
    await redis.fail();
    return untilLease(cluster.nodes, false, RECOVERY_TIMEOUT_MS);
  });
  await story.step("Every request gets its 503 in bounded time", async () => {
    const places = [...cluster.nodes, cluster];
    const answers = await Promise.all(
      places.flatMap((place) => [
        grace.profile(place),
        grace.change(place, "Arlington"),
        grace.logout(place),
        new Browser().login(place, "Edsger"),
      ]),
    );
    for (const answer of answers) expectStatus(answer, 503);
    const slowestMs = Math.max(...answers.map((answer) => answer.ms));
    assert(slowestMs <= 2 * DEFAULT_COMMAND_TIMEOUT_MS, `the slowest took ${ms(slowestMs)}`);
    return `${answers.length} of ${answers.length}, the slowest after ${ms(slowestMs)}`;
  });
  await story.step("Redis is back, and all three nodes recover by themselves", async () => {
    await redis.recover();
    return untilLease(cluster.nodes, true, RECOVERY_TIMEOUT_MS);
  });
  await story.step("Logins work, and all caches are warm again", async () => {
    expectStatus(await grace.login(B, "Grace"), 201);
    await readFrom(B, grace, "memory");
    for (const node of [A, C]) await readFrom(node, grace, "Redis", "memory");
    return "A, B and C answer from memory";
  });
  await cluster.stop();

  story.chapter("6  The same load on sessionmesh and on connect-redis");
  const { ours, theirs } = await compare(story, redis, (store) => stage.startPlainCluster(redis, store));

  story.chapter("7  Log out while a request is under way, on sessionmesh and on connect-redis");
  await saveLate(story, ours, theirs);

  story.end();
  if (serve) await serveUntilSignal(redis);
}

/** @param {import("./demo-redis.mjs").DemoRedis} redis */
async function serveUntilSignal(redis) {
  process.exitCode = story.held ? 0 : 1; // also when a signal ends the process
  const { url, nodes } = await stage.startCluster(redis);
  story.chapter("Running until Ctrl-C");
  for (const node of nodes) story.note(`Node ${node.name} at ${node.url}`);
  story.note(`Load balancer at ${url}. Try:`);
  story.note(`curl -c jar -H 'Content-Type: application/json' -d '{ "name": "Ada" }' ${url}/login`);
  story.note(`curl -b jar -i ${url}/profile`);
  await new Promise(() => {});
}
