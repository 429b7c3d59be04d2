import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Handler, Middleware, SessionRequest } from "./types.js";
import { Visitor } from "./visitor.js";

/** A path that is answered without the middleware. */
export const PING = "/ping";

/** An HTTP server that runs express-session in front of one handler. */
export class Site {
  /** What reached `next` when the response was under way, so that no client was told. */
  readonly errors: Error[] = [];
  /** What runs before express-session and calls `serve` to go on. */
  around: (request: SessionRequest, serve: () => void) => void = (_request, serve) => serve();
  readonly #server: Server;
  readonly #middleware: Middleware;
  readonly #handler: Handler;

  /** Opens a site on a free port of the loopback interface. */
  static async open(middleware: Middleware, handler: Handler): Promise<Site> {
    const site = new Site(middleware, handler);
    await once(site.#server.listen(0, "127.0.0.1"), "listening");
    return site;
  }

  private constructor(middleware: Middleware, handler: Handler) {
    this.#middleware = middleware;
    this.#handler = handler;
    this.#server = createServer((request, response) => {
      if (request.url === PING) response.end();
      else this.around(request as SessionRequest, () => this.#answer(request as SessionRequest, response));
    });
  }

  /** A new client, without a cookie. */
  visitor(): Visitor {
    return new Visitor((this.#server.address() as AddressInfo).port);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(request: SessionRequest, response: ServerResponse): void {
    const failed = (error: Error) => {
      if (response.headersSent) {
        this.errors.push(error);
      } else {
        response.statusCode = 500;
        response.end(error.message);
      }
    };
    this.#middleware(request, response, async (error?: Error) => {
      if (error) return failed(error);
      try {
        await this.#handler(request, response);
      } catch (thrown) {
        failed(thrown as Error);
      }
    });
  }
}
