import { createHmac } from "node:crypto";

const COOKIE_NAME = "connect.sid";

/** A cookie that a response set. */
export interface SetCookie {
  /** The session's id. */
  readonly id: string;
  readonly expires: Date | undefined;
  /** The header as it came. */
  readonly text: string;
}

/** A response whose body has arrived. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  readonly setCookie: SetCookie | undefined;
}

/** A client that keeps its session cookie and sends it back however old it is: to judge that is for the server. */
export class Visitor {
  readonly #url: string;
  #cookie: string | undefined;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  /** The id of its session. */
  get id(): string {
    return idIn(this.cookie);
  }

  /** What its session cookie says: the id with its signature. */
  get cookie(): string {
    if (this.#cookie === undefined) throw new Error("The visitor has no session cookie.");
    return decodeURIComponent(this.#cookie);
  }

  set cookie(value: string) {
    this.#cookie = encodeURIComponent(value);
  }

  /** Sends a request and waits for all of the response. */
  async visit(path = "/", headers: Record<string, string> = {}): Promise<Reply> {
    const cookie = this.#cookie === undefined ? {} : { cookie: `${COOKIE_NAME}=${this.#cookie}` };
    const response = await fetch(this.#url + path, { headers: { ...cookie, ...headers } });
    const [text] = response.headers.getSetCookie();
    if (text !== undefined) this.#cookie = valueIn(text);
    const { status, headers: received } = response;
    return { status, headers: received, body: await response.text(), setCookie: parseSetCookie(text) };
  }
}

/** A session id as a cookie carries it: with its signature. */
export function signed(id: string, secret: string): string {
  const signature = createHmac("sha256", secret).update(id).digest("base64").replace(/=+$/, "");
  return `s:${id}.${signature}`;
}

function parseSetCookie(text: string | undefined): SetCookie | undefined {
  if (text === undefined) return undefined;
  const expires = /; Expires=([^;]+)/.exec(text)?.[1];
  return {
    id: idIn(decodeURIComponent(valueIn(text))),
    expires: expires === undefined ? undefined : new Date(expires),
    text,
  };
}

function valueIn(setCookie: string): string {
  return setCookie.slice(setCookie.indexOf("=") + 1).split(";", 1)[0] as string;
}

function idIn(cookie: string): string {
  return cookie.slice("s:".length, cookie.lastIndexOf("."));
}
