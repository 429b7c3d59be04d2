import type { SessionStore } from "../stores/store.js";
import type { ContractCase } from "./contract-case.js";
import { CLOSING } from "./store-contract/closing.js";
import { DATA } from "./store-contract/data.js";
import { IDS } from "./store-contract/ids.js";
import { LIFE } from "./store-contract/life.js";
import { MANY } from "./store-contract/many.js";
import { OPTIONS } from "./store-contract/options.js";
import { REVISIONS } from "./store-contract/revisions.js";
import { REVOCATIONS } from "./store-contract/revocations.js";
import { ROTATION } from "./store-contract/rotation.js";
import { type Cases, type MakeStoreOptions, play } from "./store-contract/scenario.js";
import { SESSIONS } from "./store-contract/sessions.js";
import { UPDATES } from "./store-contract/updates.js";

/** Whose store is held to the contract of `SessionStore`. */
export interface SessionStoreContractOptions {
  /** Makes a store: empty, and sharing no session with any other one. The case that asked for it closes it. */
  makeStore(options: MakeStoreOptions): SessionStore<unknown> | Promise<SessionStore<unknown>>;
}

/**
 * What `SessionStore` promises, as cases for any test runner. Data must go through JSON, as it does by default.
 *
 * Some cases wait until a session has ended, for a fraction of a second each, or until a revocation is certain, which takes a little more
 * than the bound on staleness; all may run at the same time.
 *
 * @example
 * ```ts
 * for (const { name, run } of sessionStoreContract({ makeStore: (options) => new MemoryStore(options) })) {
 *   test(name, run);
 * }
 * ```
 */
export function sessionStoreContract({ makeStore }: SessionStoreContractOptions): ContractCase[] {
  const topics: Readonly<Record<string, Cases>> = {
    sessions: SESSIONS,
    ids: IDS,
    data: DATA,
    revisions: REVISIONS,
    update: UPDATES,
    life: LIFE,
    options: OPTIONS,
    "many sessions": MANY,
    revocations: REVOCATIONS,
    rotation: ROTATION,
    closing: CLOSING,
  };
  return Object.entries(topics).flatMap(([topic, cases]) =>
    Object.entries(cases).map(([name, run]) => ({
      name: `${topic}: ${name}`,
      run: () => play(run, makeStore),
    })),
  );
}
