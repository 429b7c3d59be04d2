import { Browser, expectStatus } from "./browser.mjs";

const GIVE_UP_MS = 5_000;

/** @typedef {import("./browser.mjs").Address} Address */

/**
 * What a read met.
 *
 * @typedef {object} Read
 * @property {number} ms how long it took
 * @property {number | undefined} staleMs for how long a newer profile than the answer's had been acknowledged when the request left;
 *   `undefined` if none had
 */

/** A logged-in visitor who counts changes of the profile, and so knows what an answer must be. */
export class Visitor {
  #browser = new Browser();
  #name;
  #changes = 0;
  /** The last change that was acknowledged, and when. */
  #acknowledged = { change: 0, atMs: 0 };
  /** @type {Promise<unknown>} */
  #changing = Promise.resolve();

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /** @param {Address} at */
  async login(at) {
    expectStatus(await this.#browser.login(at, this.#name), 201);
  }

  /**
   * Changes the profile. A change that is under way is waited for: two at a time would be a race of the application's own.
   *
   * @param {Address} at
   */
  change(at) {
    this.#changing = this.#changing.then(async () => {
      const change = ++this.#changes;
      expectStatus(await this.#browser.change(at, `${change}`), 200);
      this.#acknowledged = { change, atMs: performance.now() };
    });
    return this.#changing;
  }

  /**
   * Reads the profile.
   *
   * @param {Address} at
   * @returns {Promise<Read>}
   */
  async read(at) {
    const { change, atMs } = this.#acknowledged;
    const { body, sentAtMs, ms } = expectStatus(await this.#browser.profile(at), 200);
    if (body.name !== this.#name) throw new Error(`${this.#name} was answered as ${body.name}`);
    return { ms, staleMs: Number(body.city ?? 0) < change ? sentAtMs - atMs : undefined };
  }

  /**
   * Reads until the answer is no older than the last acknowledged change.
   *
   * @param {Address} at
   * @returns {Promise<number>} how long after the acknowledgement that answer had arrived, in milliseconds
   */
  async readFresh(at) {
    const { atMs } = this.#acknowledged;
    for (;;) {
      const { staleMs } = await this.read(at);
      if (staleMs === undefined) return performance.now() - atMs;
      if (staleMs > GIVE_UP_MS)
        throw new Error(`still the old profile ${Math.round(staleMs)} ms after the change`);
    }
  }
}
