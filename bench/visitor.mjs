/** A client that keeps the cookies that it is given. */
export class Visitor {
  #cookies;

  /** @param {ReadonlyMap<string, string>} [cookies] */
  constructor(cookies = new Map()) {
    this.#cookies = new Map(cookies);
  }

  /** Another one with the same cookies, which does not hear what this one is told. */
  tab() {
    return new Visitor(this.#cookies);
  }

  /**
   * Waits for the whole response.
   *
   * @param {string} url
   * @returns {Promise<string>} the body
   * @throws {Error} when the answer is not a good one
   */
  async visit(url) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { headers: { cookie } });
    const body = await response.text();
    if (!response.ok) throw new Error(`${url} was answered with ${response.status}: ${body}`);
    for (const text of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
      this.#cookies.set(name, value);
    }
    return body;
  }
}
