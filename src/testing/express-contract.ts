import type { ContractCase } from "./contract-case.js";
import { COOKIES } from "./express-contract/cookies.js";
import { ENDINGS } from "./express-contract/endings.js";
import { LIFE } from "./express-contract/life.js";
import { METHODS } from "./express-contract/methods.js";
import { OPTIONS } from "./express-contract/options.js";
import { PROMISES } from "./express-contract/promises.js";
import { RECORDS } from "./express-contract/records.js";
import { RESPONSES } from "./express-contract/responses.js";
import { SAVING } from "./express-contract/saving.js";
import { type Cases, play } from "./express-contract/scenario.js";
import { SESSION_METHODS } from "./express-contract/session-methods.js";
import { SESSIONS } from "./express-contract/sessions.js";
import type { ExpressStore, Middleware, Untyped } from "./express-contract/types.js";

/** What the suite needs of whoever runs it. */
export interface ExpressStoreContractOptions {
  /** What `express-session` exports. The suite was written for version 1.19. */
  session(options: Untyped): Middleware;
  /** Makes a store for one case: fresh, empty, and not shared with any other case. */
  makeStore(): ExpressStore | Promise<ExpressStore>;
  /** Whether every method answers with a promise if there is no callback. Default: `false`. */
  promises?: boolean;
  /** Whether a session that was destroyed stays so, whatever is saved under its id later. Default: `false`. */
  tombstones?: boolean;
}

/**
 * What express-session and the applications on it expect of a store, as cases for any test runner. Most of them are requests to
 * real servers on the loopback interface.
 *
 * @example
 * ```ts
 * import session from "express-session";
 *
 * for (const { name, run } of expressStoreContract({ session, makeStore: () => new session.MemoryStore() })) {
 *   test(name, run);
 * }
 * ```
 */
export function expressStoreContract({
  session,
  makeStore,
  promises = false,
  tombstones = false,
}: ExpressStoreContractOptions): ContractCase[] {
  const topics: Readonly<Record<string, Cases>> = {
    session: SESSIONS,
    response: RESPONSES,
    saving: SAVING,
    options: OPTIONS,
    "req.session": SESSION_METHODS,
    cookie: COOKIES,
    method: METHODS,
    record: RECORDS,
    life: LIFE,
    ...(promises && { promise: PROMISES }),
    ...(tombstones && { ending: ENDINGS }),
  };
  return Object.entries(topics).flatMap(([topic, cases]) =>
    Object.entries(cases).map(([name, run]) => ({
      name: `${topic}: ${name}`,
      run: async () => play(run, session, await makeStore()),
    })),
  );
}
