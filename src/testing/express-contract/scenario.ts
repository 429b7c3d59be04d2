import { countVisits } from "./handlers.js";
import { Site } from "./site.js";
import type { ExpressStore, Handler, Middleware, Untyped } from "./types.js";

/** With what a site's cookies are signed. */
export const SECRET = "a secret";
/** How long a session lives unless its case says otherwise, in milliseconds. */
export const MAX_AGE_MS = 60_000;

/** What a case works with. */
export interface Scenario {
  /** The store under test, fresh and empty. */
  readonly store: ExpressStore;
  /** Opens a site on the store, with these options of express-session beside the usual ones; it is closed after the case. */
  open(options?: Untyped, handler?: Handler): Promise<Site>;
}

/** Cases by name. */
export type Cases = Readonly<Record<string, (scenario: Scenario) => Promise<void>>>;

/** Plays one case on a store, with the middleware that `session` makes. */
export async function play(
  run: (scenario: Scenario) => Promise<void>,
  session: (options: Untyped) => Middleware,
  store: ExpressStore,
): Promise<void> {
  const sites: Site[] = [];
  const usual = {
    store,
    secret: SECRET,
    cookie: { maxAge: MAX_AGE_MS },
    resave: true,
    saveUninitialized: true,
  };
  const open = async (options: Untyped = {}, handler = countVisits) => {
    const site = await Site.open(session({ ...usual, ...options }), handler);
    sites.push(site);
    return site;
  };
  try {
    await run({ store, open });
  } finally {
    await Promise.all(sites.map((site) => site.close()));
  }
}
