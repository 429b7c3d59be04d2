import "express-session";

/** What the examples keep in a session, as express-session wants it declared. */
declare module "express-session" {
  interface SessionData {
    profile?: { name: string; city?: string };
  }
}
