/**
 * Sends requests to applications, from a process of its own: logs in, and then asks for what it is told.
 *
 * @typedef {object} Task
 * @property {number} port
 * @property {number} connections
 * @property {number} seconds
 * @property {number} [amount] of requests, whatever time they take
 * @property {number} [perSecond] requests, at most; otherwise as many as are answered
 * @property {number} writeEvery one request in so many writes; 0: none
 *
 * @typedef {object} Answered
 * @property {number} requests
 * @property {number} perSecond
 * @property {number} p50Ms
 * @property {number} p99Ms
 * @property {number} failed
 */
// @ts-expect-error autocannon has no types
import autocannon from "autocannon";
import { quantile } from "../harness.mjs";

const LOGINS_AT_ONCE = 16;

/** @type {Map<number, string[]>} */
const cookies = new Map();

process.once("disconnect", () => process.exit());
process.on("message", async (/** @type {Task | { port: number, logins: number }} */ task) => {
  process.send?.("logins" in task ? await logIn(task) : await load(task));
});
process.send?.("ready");

/** @param {{ port: number, logins: number }} task */
async function logIn({ port, logins }) {
  /** @type {string[]} */
  const given = [];
  const lane = async () => {
    while (given.length < logins) {
      const response = await fetch(`http://127.0.0.1:${port}/login`);
      await response.text();
      given.push(response.headers.getSetCookie()[0]?.split(";")[0] ?? "none=1");
    }
  };
  await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, lane));
  cookies.set(port, given.slice(0, logins));
  return "logged in";
}

/**
 * @param {Task} task
 * @returns {Promise<Answered>}
 */
async function load({ port, connections, seconds, amount, perSecond, writeEvery }) {
  const all = cookies.get(port) ?? [];
  let client = 0;
  /** @type {number[]} */
  const timesMs = [];
  let failed = 0;
  let firstAt = 0;
  let lastAt = 0;
  const instance = autocannon({
    url: `http://127.0.0.1:${port}`,
    connections,
    ...(amount === undefined ? { duration: seconds } : { amount }),
    ...(perSecond !== undefined && { overallRate: perSecond }),
    sampleInt: 100,
    setupClient(/** @type {{ setRequests(requests: object[]): void }} */ connection) {
      const mine = all.filter((_, n) => n % connections === client % connections);
      const offset = client++;
      const list = writeEvery === 0 ? mine : Array.from({ length: writeEvery }, () => mine).flat();
      connection.setRequests(
        list.map((cookie, n) => ({
          method: "GET",
          path: writeEvery > 0 && (n + offset) % writeEvery === 0 ? "/write" : "/read",
          headers: { cookie },
        })),
      );
    },
  });
  /** @type {(client: unknown, status: number, bytes: number, timeMs: number) => void} */
  const note = (_client, status, _bytes, timeMs) => {
    lastAt = performance.now();
    firstAt ||= lastAt;
    timesMs.push(timeMs);
    if (status !== 200) failed++;
  };
  instance.on("response", note);
  instance.on("reqError", () => failed++);
  await instance;
  return {
    requests: timesMs.length,
    perSecond: (timesMs.length / (lastAt - firstAt)) * 1_000,
    p50Ms: quantile(timesMs, 0.5),
    p99Ms: quantile(timesMs, 0.99),
    failed,
  };
}
