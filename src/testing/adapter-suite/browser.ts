/** A response whose body has arrived. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  /** The names of the cookies that it sets. */
  readonly cookies: readonly string[];
}

/** A server that takes a cookie away dates its end to 1970; any other end is for the server to judge, since cookies have it in whole seconds. */
const LONG_AGO_MS = Date.UTC(2000);

/** A client that keeps cookies as a browser does, for one user of all nodes. */
export class Browser {
  readonly #cookies: Map<string, string>;

  constructor(cookies: ReadonlyMap<string, string> = new Map()) {
    this.#cookies = new Map(cookies);
  }

  /** Another one with the same cookies: a second tab that does not hear what the first one is told. */
  copy(): Browser {
    return new Browser(this.#cookies);
  }

  /** Sends a request and waits for all of the response. */
  async visit(url: string): Promise<Reply> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, cookie === "" ? {} : { headers: { cookie } });
    const set = response.headers.getSetCookie();
    return {
      status: response.status,
      body: await response.text(),
      cookies: set.map((text) => this.#take(text)),
    };
  }

  #take(text: string): string {
    const [pair = "", ...attributes] = text.split(";");
    const [name = "", value = ""] = pair.trim().split(/=(.*)/s);
    const isOver = attributes.some((attribute) => {
      const [key = "", of = ""] = attribute.trim().split("=");
      if (/^max-age$/i.test(key)) return Number(of) <= 0;
      return /^expires$/i.test(key) && Date.parse(of) < LONG_AGO_MS;
    });
    if (isOver || value === "") this.#cookies.delete(name);
    else this.#cookies.set(name, value);
    return name;
  }
}
