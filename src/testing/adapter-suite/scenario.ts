import { Browser, type Reply } from "./browser.js";
import { Gates } from "./gates.js";
import { type SiteRoutes, siteRoutes } from "./site.js";

/** How a site's sessions live. */
export interface SiteOptions {
  /** How long a session lives that nobody uses, in milliseconds. Default: an hour. */
  maxAgeMs?: number;
  /** Whether every response renews the cookie, where the middleware has that. Default: `false`. */
  rolling?: boolean;
  /** Whether reads are answered from memory in an outage: `onOutage: "serve-cached"`. Default: `false`. */
  servesCached?: boolean;
  /** For how long the old id of a session stands for the new one, in milliseconds. Default: 0. */
  rotationGraceMs?: number;
  /** How long one command may take, in milliseconds. Default: a second. */
  commandTimeoutMs?: number;
}

/** One node: a server with the framework, the session middleware, the adapter and a client of its own. */
export interface Site {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** What the node has sent to Redis for sessions so far, a word for each command. What keeps its lease is none. */
  readonly sent: readonly string[];
  /** What the application's handler of errors was told so far. */
  readonly failures: readonly unknown[];
  /** How many saves the store has left out so far since their sessions were over. */
  lateSaves(): number;
}

/** Why Redis refuses what is written, and answers what is read. */
export type Refusal = "full" | "read-only";

/** What a case needs of its cluster. */
export interface ClusterNeeds {
  /** Whether the case changes the settings of the server: then it is no other case's. */
  ownServer: boolean;
}

/** The nodes of one case, on one Redis, with names that no other case uses. */
export interface SiteCluster {
  /** Opens one more node, which answers every path with `routes`; it holds a lease when this resolves. */
  open(routes: SiteRoutes, options: SiteOptions): Promise<Site>;
  /** What Redis holds of a session; `null` for nothing. */
  record(id: string): Promise<string | null>;
  /** For how long Redis will hold it, in milliseconds; `undefined` if it holds nothing. */
  remainingMs(id: string): Promise<number | undefined>;
  /** Puts something else there. */
  overwrite(id: string, record: string): Promise<void>;
  /** Lets Redis answer nothing any more, or again. */
  stall(): void;
  resume(): void;
  /** Lets every connection to Redis break, and refuses new ones, or accepts them again. */
  cut(): void;
  mend(): void;
  /** Lets Redis refuse all writes, where the server is the case's own; or accept them again. */
  refuseWrites(why: Refusal): Promise<void>;
  acceptWrites(): Promise<void>;
  /** Closes all nodes. */
  close(): Promise<void>;
}

/** What a case works with. */
export interface Scenario {
  readonly gates: Gates;
  readonly cluster: SiteCluster;
  /** Opens nodes. */
  nodes(count: number, options?: SiteOptions): Promise<SiteNode[]>;
}

/** A node, as a case speaks with it. */
export class SiteNode {
  readonly site: Site;

  constructor(site: Site) {
    this.site = site;
  }

  /** A request of the browser to this node. */
  visit(browser: Browser, path: string): Promise<Reply> {
    return browser.visit(this.site.url + path);
  }

  /** The same, whose answer must be a good one; what it says. */
  async ask(browser: Browser, path: string): Promise<unknown> {
    const { status, body } = await this.visit(browser, path);
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`);
    return JSON.parse(body);
  }
}

/** Cases by name. */
export type Cases = Readonly<Record<string, (scenario: Scenario) => Promise<void>>>;

/** Plays one case. */
export async function play(run: (scenario: Scenario) => Promise<void>, cluster: SiteCluster): Promise<void> {
  const gates = new Gates();
  const routes = siteRoutes(gates);
  const nodes = (count: number, options: SiteOptions = {}) =>
    Promise.all(Array.from({ length: count }, async () => new SiteNode(await cluster.open(routes, options))));
  try {
    await run({ gates, cluster, nodes });
  } finally {
    await cluster.close();
  }
}

/** A browser that has logged in on a node. */
export async function loggedIn(node: SiteNode, user = "Ada"): Promise<Browser> {
  const browser = new Browser();
  await node.ask(browser, `/login/${user}`);
  return browser;
}

/** The first nodes of several, each of which must be there. */
export async function pair(scenario: Scenario, options?: SiteOptions): Promise<[SiteNode, SiteNode]> {
  return (await scenario.nodes(2, options)) as [SiteNode, SiteNode];
}
