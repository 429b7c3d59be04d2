import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";

// The suite looks at sessions as applications do, and gets express-session as an argument: neither has a type here, so that
// whoever tests another store needs no types of express-session.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Untyped = any;

export type Callback<R = void> = (error?: Untyped, result?: R) => void;

/** A store of express-session, the methods that are optional there included. */
export interface ExpressStore extends EventEmitter {
  get(id: string, callback: Callback<Untyped>): unknown;
  set(id: string, session: Untyped, callback?: Callback): unknown;
  touch(id: string, session: Untyped, callback?: Callback): unknown;
  destroy(id: string, callback?: Callback): unknown;
  all(callback: Callback<Untyped>): unknown;
  length(callback: Callback<number>): unknown;
  clear(callback?: Callback): unknown;
  load(id: string, callback: Callback<Untyped>): unknown;
  createSession(request: Untyped, data: Untyped): Untyped;
  regenerate(request: Untyped, callback: Callback): unknown;
}

/** A request as express-session leaves it. */
export interface SessionRequest extends IncomingMessage {
  session: Untyped;
  sessionID: Untyped;
  /** What cookie-parser would leave. */
  cookies?: Record<string, string>;
  signedCookies?: Record<string, string>;
}

/** Answers a request. What it throws is answered with status 500. */
export type Handler = (request: SessionRequest, response: ServerResponse) => unknown;

export type Middleware = (request: Untyped, response: Untyped, next: (error?: Untyped) => void) => unknown;
