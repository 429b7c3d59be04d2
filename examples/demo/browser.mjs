import { once } from "node:events";
import { Agent, request } from "node:http";
import { json } from "node:stream/consumers";

/** After how long without an answer a request counts as hanging, and fails. */
const HANGING_MS = 10_000;

const agent = new Agent({ keepAlive: true });

/** @typedef {{ readonly url: string }} Address a node or the load balancer */

/**
 * @typedef {object} Answer
 * @property {number | undefined} status
 * @property {{ name?: string, city?: string, error?: string }} body
 * @property {unknown} node who answered
 * @property {number} sentAtMs when the request left, by `performance.now()`
 * @property {number} ms how long the answer took
 */

/** Sends requests over HTTP and keeps the session's cookie, also after the logout, as a thief would. */
export class Browser {
  /** @type {string | undefined} */
  #cookie;

  /**
   * @param {Address} at
   * @param {string} name
   */
  login(at, name) {
    return this.#send(at, "POST", "/login", { name });
  }

  /** @param {Address} at */
  profile(at) {
    return this.#send(at, "GET", "/profile");
  }

  /**
   * @param {Address} at
   * @param {string} city
   */
  change(at, city) {
    return this.#send(at, "PATCH", "/profile", { city });
  }

  /**
   * Likewise, by a request that has to wait for something between reading its session and saving it.
   *
   * @param {Address} at
   * @param {string} city
   */
  changeSlowly(at, city) {
    return this.#send(at, "PATCH", "/profile?slowly", { city });
  }

  /** @param {Address} at */
  logout(at) {
    return this.#send(at, "POST", "/logout");
  }

  /**
   * @param {Address} at
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<Answer>}
   */
  async #send({ url }, method, path, body) {
    const sentAtMs = performance.now();
    const outgoing = request(url + path, { method, agent, timeout: HANGING_MS });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${HANGING_MS} ms`)));
    if (this.#cookie !== undefined) outgoing.setHeader("Cookie", this.#cookie);
    if (body !== undefined) outgoing.setHeader("Content-Type", "application/json");
    outgoing.end(JSON.stringify(body));

    const [response] = /** @type {[import("node:http").IncomingMessage]} */ (
      await once(outgoing, "response")
    );
    const { statusCode, headers } = response;
    const [cookie] = headers["set-cookie"] ?? [];
    if (cookie !== undefined) this.#cookie = cookie.split(";", 1)[0];
    const answer = /** @type {Answer["body"]} */ (await json(response));
    const ms = performance.now() - sentAtMs;
    return { status: statusCode, body: answer, node: headers["x-node"], sentAtMs, ms };
  }
}

/**
 * @param {Answer} answer
 * @param {number} status
 */
export function expectStatus(answer, status) {
  if (answer.status !== status) throw new Error(`${describeAnswer(answer)}, not ${status}`);
  return answer;
}

/** @param {Answer} answer */
export function describeAnswer({ node, status, body }) {
  return `${node} answered ${status} ${JSON.stringify(body)}`;
}
