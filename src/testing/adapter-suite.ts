import { DATA } from "./adapter-suite/data.js";
import { ENDING, REGENERATING } from "./adapter-suite/ending.js";
import { FAILING, FAILING_SAVES } from "./adapter-suite/failing.js";
import { GRACE } from "./adapter-suite/grace.js";
import { LIFE, ROLLING } from "./adapter-suite/life.js";
import { type Cases, play, type SiteCluster } from "./adapter-suite/scenario.js";
import { SHARING } from "./adapter-suite/sharing.js";
import { WRITING } from "./adapter-suite/writing.js";
import type { ContractCase } from "./contract-case.js";

export type { Site, SiteCluster, SiteOptions } from "./adapter-suite/scenario.js";
export type { SiteAnswer, SiteRoutes, SiteSession } from "./adapter-suite/site.js";

/** What the suite needs of whoever runs it, and what the middleware cannot do. */
export interface AdapterSuiteOptions {
  /** Makes room for the nodes of one case. */
  cluster(): SiteCluster | Promise<SiteCluster>;
  /** Whether a session can get a new id, and with that a grace for the old one. */
  regenerates: boolean;
  /** Whether the middleware can renew the session at every response. */
  rolls: boolean;
  /** Whether it says how long a session lives. */
  ends: boolean;
  /** Whether it waits with the response until the session is saved, so that the client is told if that fails. */
  waits: boolean;
}

/**
 * What an application expects of its sessions, as cases for any test runner: requests over HTTP to several nodes, with one of the frameworks, its
 * session middleware and an adapter.
 *
 * @example
 * ```ts
 * for (const { name, run } of adapterSuite({ cluster, regenerates: true, rolls: true, ends: true, waits: true })) {
 *   test(name, run);
 * }
 * ```
 */
export function adapterSuite({
  cluster,
  regenerates,
  rolls,
  ends,
  waits,
}: AdapterSuiteOptions): ContractCase[] {
  const topics: Readonly<Record<string, Cases>> = {
    sharing: SHARING,
    writing: WRITING,
    ending: ENDING,
    ...(regenerates && { "a new id": REGENERATING, "a new id with a grace": GRACE }),
    ...(ends && { life: LIFE }),
    ...(rolls && { rolling: ROLLING }),
    data: DATA,
    failing: FAILING,
    ...(waits && { "failing save": FAILING_SAVES }),
  };
  return Object.entries(topics).flatMap(([topic, cases]) =>
    Object.entries(cases).map(([name, run]) => ({
      name: `${topic}: ${name}`,
      run: async () => play(run, await cluster()),
    })),
  );
}
