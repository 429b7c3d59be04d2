import "express-session";
import "fastify";

/** What the examples keep in a session. */
interface SessionFields {
  profile?: { name: string; city?: string };
}

/** As express-session wants it declared. */
declare module "express-session" {
  interface SessionData extends SessionFields {}
}

/** As @fastify/session wants it declared. */
declare module "fastify" {
  interface Session extends SessionFields {}
}
