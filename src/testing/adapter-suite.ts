import { DATA, INHERITED, secrets } from "./adapter-suite/data.js";
import { ENDING, late, REGENERATING } from "./adapter-suite/ending.js";
import {
  FAILING_SAVES,
  FAILING_WRITES,
  failing,
  REFUSED_SAVES,
  REFUSING,
  reading,
  SERVING,
} from "./adapter-suite/failing.js";
import { GRACE } from "./adapter-suite/grace.js";
import { life, REMEMBERING, ROLLING, subSecond, WRITTEN_LIFE } from "./adapter-suite/life.js";
import { type Cases, type ClusterNeeds, play, type SiteCluster } from "./adapter-suite/scenario.js";
import { CHANGES, SHARING } from "./adapter-suite/sharing.js";
import { UNCHANGED, WRITING } from "./adapter-suite/writing.js";
import type { ContractCase } from "./contract-case.js";

export type { ClusterNeeds, Refusal, Site, SiteCluster, SiteOptions } from "./adapter-suite/scenario.js";
export type { SiteAnswer, SiteRoutes, SiteSession } from "./adapter-suite/site.js";

/** What the suite needs of whoever runs it, and what the middleware can do. */
export interface AdapterSuiteOptions {
  /** Makes room for the nodes of one case. */
  cluster(needs: ClusterNeeds): SiteCluster | Promise<SiteCluster>;
  /** Whether a session can get a new id, and with that a grace for the old one. */
  regenerates: boolean;
  /** Whether the middleware can renew the session at every response. */
  rolls: boolean;
  /** Whether it waits with the response until the session is saved, so that the client is told if that fails. */
  waits: boolean;
  /** Whether a session that is only read lives on, also where the cookie is not renewed. */
  readsRenew: boolean;
  /** Whether the application can say how long a session lives: `SiteSession.live()`. */
  remembers: boolean;
  /** How much longer than they live the store keeps sessions, in milliseconds, since the middleware says so. Default 0. */
  storedLongerMs?: number;
  /**
   * What the middleware stores beside the application's fields: all keys, wherever they are. `false` where a session holds nothing but the user, as
   * that of a library for logins.
   */
  stores: readonly string[] | false;
  /** Whether it counts lives in whole seconds. Default `false`. */
  wholeSeconds?: boolean;
  /** Whether the client is told of a logout that Redis did not hear of. Default `true`. */
  tellsOfLogouts?: boolean;
  /** Whether it keeps fields whose names every object inherits, as `toString`. Default `true`. */
  keepsInherited?: boolean;
  /** Whether it waits for a save with every response, also of a session that was only read: what Redis refuses then is an error. Default `false`. */
  savesReads?: boolean;
  /** Whether it reads a session once more when it is changed, and begins another one if it is over: then no save comes late. Default `false`. */
  rereads?: boolean;
  /** Whether a request saves what it has changed, and not the session as a whole: with the saves of others, and never after the end. Default `true`. */
  merges?: boolean;
  /** Whether sessions are read from memory in an outage, where that is wanted. Default `true`. */
  servesCached?: boolean;
}

/**
 * What an application expects of its sessions, as cases for any test runner: requests over HTTP to several nodes, with one of the frameworks, its
 * session middleware and an adapter.
 *
 * @example
 * ```ts
 * const stores = ["cookie", "expires", "originalMaxAge", "httpOnly", "path"];
 * const features = { regenerates: true, rolls: true, waits: false, readsRenew: true, remembers: true, stores };
 * for (const { name, run } of adapterSuite({ cluster, ...features })) {
 *   test(name, run);
 * }
 * ```
 */
export function adapterSuite({ cluster, ...features }: AdapterSuiteOptions): ContractCase[] {
  return Object.entries(topicsFor(features)).flatMap(([topic, cases]) =>
    Object.entries(cases).map(([name, run]) => ({
      name: `${topic}: ${name}`,
      run: async () => play(run, await cluster({ ownServer: topic === "refusing" })),
    })),
  );
}

function topicsFor(features: Omit<AdapterSuiteOptions, "cluster">): Readonly<Record<string, Cases>> {
  const { regenerates, rolls, waits, readsRenew, remembers, stores } = features;
  const { storedLongerMs = 0, merges = true, servesCached = true } = features;
  const { keepsInherited = true, savesReads = false, rereads = false } = features;
  const { wholeSeconds = false, tellsOfLogouts = true } = features;
  const hasFields = stores !== false;
  return {
    sharing: { ...SHARING, ...(hasFields && CHANGES) },
    ...(merges && hasFields && { writing: WRITING, unchanged: UNCHANGED }),
    ending: { ...ENDING, ...(merges && hasFields && late(rereads)) },
    ...(regenerates && { "a new id": REGENERATING, "a new id with a grace": GRACE }),
    life: {
      ...life({ wholeSeconds, readsRenew }),
      ...(!wholeSeconds && subSecond(storedLongerMs)),
      ...(hasFields && WRITTEN_LIFE),
      ...(remembers && REMEMBERING),
    },
    ...(rolls && { rolling: ROLLING }),
    ...(hasFields && { data: { ...DATA, ...(keepsInherited && INHERITED), ...secrets(stores) } }),
    failing: {
      ...failing(tellsOfLogouts),
      ...(servesCached && SERVING),
      ...(hasFields && FAILING_WRITES),
      ...(hasFields && waits && FAILING_SAVES),
    },
    refusing: {
      ...REFUSING,
      ...(!savesReads && reading(tellsOfLogouts)),
      ...(hasFields && waits && REFUSED_SAVES),
    },
  };
}
