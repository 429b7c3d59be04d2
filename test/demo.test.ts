import { createClient } from "redis";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.js";
import { Program } from "./support/program.js";
import { useRedis } from "./support/redis-server.js";

const DEMO = "examples/demo/main.mjs";
/** For the whole story, on a machine that runs other tests beside it. */
const TIMEOUT_MS = 180_000;

const STORY = [
  "A logs Ada in",
  "B asks Redis once, then answers from memory",
  "C asks Redis once, then answers from memory",
  "The load balancer needs no sticky sessions",
  "A and C answer with the new profile at once",
  "A and B refuse at once",
  "B refuses Ada, who logged out on A, within the bound",
  "B serves everybody else, from Redis",
  "The stall ends, and B answers from memory again",
  "All three nodes notice, and answer from memory no more",
  "Every request gets its 503 in bounded time",
  "Redis is back, and all three nodes recover by themselves",
  "Logins work, and all caches are warm again",
];
const COMPARISON = [
  "Both give every visitor the right profile",
  "No profile was older than the bound when it was asked for",
  "sessionmesh spares Redis most of the commands",
];

const LATE_SAVE = [
  "sessionmesh: Ada, who logged out meanwhile, stays logged out",
  "connect-redis: the late save has logged her in again",
];

const redis = useRedis();

/** The steps that the demo told, each with its mark. */
function stepsIn(output: string): string[] {
  return [...output.matchAll(/^ {2}([✓✗] .+?) {2,}/gmu)].map(([, step = ""]) => step);
}

test("every step of the demo holds, on a Redis of its own", { timeout: TIMEOUT_MS }, async () => {
  const demo = new Program(DEMO, { REDIS_URL: "" });
  const exitCode = await demo.ended();
  expect(stepsIn(demo.output), demo.output).toEqual(
    [...STORY, ...COMPARISON, ...LATE_SAVE].map((step) => `✓ ${step}`),
  );
  expect(demo.output).toMatch(/^18 of 18 steps held, in \d+ s\.$/m); // how many: no matter how busy this machine is
  expect(demo.output).toContain("Kill Redis (SIGKILL)");
  expect(demo.output).toMatch(/^ {2}Redis commands sent by the nodes .* %$/m);
  expect(demo.output).not.toContain("\u001b"); // nobody asked for colours
  expect(exitCode).toBe(0);
});

test("with --serve, three processes go on after the story, until they are interrupted", {
  timeout: TIMEOUT_MS,
}, async () => {
  const demo = new Program(DEMO, { REDIS_URL: "" }, ["--serve"]);
  const url = await demo.printed(/Load balancer at (\S+)\. Try:/, { timeoutMs: TIMEOUT_MS });
  const [, served = ""] = demo.output.split("Running until Ctrl-C");
  const nodes = [...served.matchAll(/Node \w at (\S+)/g)].map(([, node = ""]) => node);
  expect(nodes).toHaveLength(3);
  const login = await fetch(`${url}/login`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: '{ "name": "Ada" }', // as the demo says
  });
  expect(login.status).toBe(201);
  const [cookie = ""] = login.headers.getSetCookie();
  for (const node of nodes) {
    const profile = await fetch(`${node}/profile`, { headers: { Cookie: cookie.split(";")[0] ?? "" } });
    expect(await profile.json()).toEqual({ name: "Ada" });
  }
  demo.interrupt();
  expect(await demo.ended()).toBe(0); // every step held
  for (const node of [url, ...nodes]) await eventually(() => isGone(node));
});

test("interrupted on a given Redis, it leaves nothing behind", { timeout: TIMEOUT_MS }, async () => {
  const demo = new Program(DEMO, { REDIS_URL: redis.url });
  await demo.printed(/^(6) /m, { timeoutMs: TIMEOUT_MS });
  expect(stepsIn(demo.output), demo.output).toEqual(STORY.map((step) => `✓ ${step}`));
  expect(demo.output).toContain("Cut all connections to Redis");
  demo.interrupt();
  expect(await demo.ended()).toBe(130);

  const nodes = [...demo.output.matchAll(/Node \w at (\S+),/g)].map(([, url = ""]) => url);
  expect(nodes).toHaveLength(3);
  for (const url of nodes) await eventually(() => isGone(url));
  const client = await createClient({ url: redis.url }).connect();
  expect(await client.keys("*")).toEqual([]);
  client.destroy();
});

test("a demo that cannot begin fails", async () => {
  const demo = new Program(DEMO, { REDIS_URL: "redis://127.0.0.1:1" });
  expect(await demo.ended()).toBe(1);
  expect(demo.output).toContain("ECONNREFUSED");
});

function isGone(url: string): Promise<boolean> {
  return fetch(url).then(
    () => false,
    () => true,
  );
}
