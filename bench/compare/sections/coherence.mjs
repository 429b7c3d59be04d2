import { judge, together } from "../judge.mjs";
import { digits, median, spread, table } from "../markdown.mjs";

/**
 * @typedef {object} Section
 * @property {string} text
 * @property {Record<string, string>} charts by name
 * @property {import("../judge.mjs").Judged} judged what a peer is ahead in, and why
 *
 * @typedef {import("../figures.mjs").Outcome} Outcome
 * @typedef {import("../figures.mjs").Coherence} Coherence
 */

/** What is this young when it is served last counts as right: a message takes as long. */
const HELD_MS = 20;
/** How far before the end of its time a value may have been served last, to have been served until then: part of it had passed before the change. */
const SPENT_MS = 1_000;

/**
 * @param {Coherence} coherence
 * @returns {Section}
 */
export function coherenceSection(coherence) {
  const { rounds, ttlMs, peers, stories, http, latency, writes } = coherence;
  const text = [
    "## Who answers with what is over",
    `Two nodes share one Redis. One has a value in memory; the other, or Redis itself, ends it; then the first is asked until it answers rightly. Faults are made by a TCP proxy: between a node and Redis, or only before the connection by which the node hears of changes. Every story is played ${rounds} times, each time on a new Redis; the table has the worst outcome. Values live for ${digits(ttlMs / 1_000)} s, in memory as in Redis, so that a story ends: "until its TTL" would be minutes or days elsewhere.`,
    table(
      ["", ...peers.map(({ name }) => name)],
      stories.map(({ key, name }) => [
        name,
        ...peers.map(({ outcomes }) => verdict(outcomes[key] ?? [], coherence)),
      ]),
    ),
    '"Holds": no answer was older than a message takes. "Silent": no answer for so long; then the connection was broken, or a client waited for one.',
    "How each is set up:",
    peers.map(({ name, configuration }) => `- ${name}: \`${configuration}\``).join("\n"),
    '`node-redis client-side cache` has one connection for reading and hearing, so a cut is both; its documentation sets no `ttl`, and then "until its TTL" is for good. `cacheable` is given listeners for the errors of its two connections for Pub/Sub, which are private to its provider: without, a cut ends the process. `sessionmesh` states a bound, `cluster.maxStalenessMs`, of 2 s by default; [no answer is older](internals/protocol.md#the-promises).',
    "## What requests of one session do to each other",
    `Over HTTP with express-session, two nodes, ${rounds} times each; the worst outcome. The stores in memory have one process alone. "Lost": changes of a request that was answered are gone. "Resurrected": the session of a user who has logged out, or the id from before the login, lives.`,
    "Set up as `session({ store, secret, resave: false, saveUninitialized: false })`, with `resave: true` where it says so, and `new session.MemoryStore()`, `new MemoryStore({ checkPeriod })` of memorystore, `new RedisStore({ client, prefix })` of connect-redis, or `new ExpressSessionStore({ client, prefix })`.",
    httpTable(http),
    "## How soon a node hears of a change",
    `From the call of a write in one process until another one has heard that its copy is over, in milliseconds; ${rounds} rounds of ${writes} writes, one after the other.`,
    table(
      ["", "p50 ms", "p99 ms"],
      latency.map(({ name, p50Ms, p99Ms }) => [name, spread(p50Ms), spread(p99Ms)]),
    ),
  ].join("\n\n");
  return {
    text,
    charts: {},
    judged: together([judgeHttp(coherence), judgeStories(coherence), judgeLatency(coherence)]),
  };
}

/**
 * @param {readonly Outcome[]} outcomes
 * @param {{ ttlMs: number, watchMs: number }} times
 */
function verdict(outcomes, { ttlMs, watchMs }) {
  if (outcomes.length === 0) return "";
  const staleMs = Math.max(...outcomes.map(({ staleMs }) => staleMs));
  const silentMs = Math.max(...outcomes.map(({ silentMs }) => silentMs));
  const parts = [
    staleMs < HELD_MS
      ? "holds"
      : staleMs >= watchMs
        ? "**stale for good**"
        : staleMs > ttlMs - SPENT_MS
          ? "**stale until its TTL**"
          : `stale for ${digits(staleMs / 1_000)} s`,
  ];
  if (outcomes.some(({ resurrected }) => resurrected)) parts.push("**resurrected**");
  if (silentMs > 0) parts.push(`silent for ${digits(silentMs / 1_000)} s`);
  if (outcomes.some(({ crash }) => crash !== undefined)) parts.push("**the process ends**");
  return parts.join(", ");
}

/** @param {Coherence["http"]} http */
function httpTable(http) {
  const stores = Object.keys(http[0]?.left ?? {});
  return table(
    ["", ...stores],
    http.map(({ name, expected, wrong, left }) => [
      name,
      ...stores.map((store) => {
        const worst = (left[store] ?? []).toSorted(
          (a, b) => Math.abs(b - expected) - Math.abs(a - expected),
        )[0];
        if (worst === undefined) return "";
        if (worst === expected) return "holds";
        return wrong === "lost" ? `**${expected - worst} of ${expected} lost**` : `**${wrong}**`;
      }),
    ]),
  );
}

/**
 * @param {Coherence} coherence
 * @returns {import("../judge.mjs").Judged}
 */
function judgeHttp({ http }) {
  const losses = http.flatMap(({ name, expected, left }) => {
    const off = (/** @type {string} */ store) => Math.abs(median(left[store] ?? []) - expected);
    const ahead = Object.keys(left).filter((store) => off(store) < off("sessionmesh"));
    if (ahead.length === 0) return [];
    const said = (/** @type {string} */ store) => `${digits(median(left[store] ?? []))} with ${store}`;
    return [
      {
        what: name[0]?.toUpperCase() + name.slice(1),
        cases: [`of ${expected} are left ${["sessionmesh", ...ahead].map(said).join(", ")}`],
        reason:
          "Nobody counts rightly: a middleware saves the field that it has read. Sessionmesh answers all of the fifty from memory before the first has saved, and of two changes of one field the later request wins; a store that is slower to read lets a few requests see what others have saved.",
        work: "`update()` counts, today, and so does `onConflict` for an application that knows which fields are sums. A middleware tells its store the value and not that one was added to it, so no default can know.",
      },
    ];
  });
  return { losses, withinNoise: [] };
}

/**
 * @param {Coherence} coherence
 * @returns {import("../judge.mjs").Judged}
 */
function judgeStories({ peers, stories }) {
  const worst = (/** @type {readonly Outcome[]} */ outcomes = []) =>
    Math.max(0, ...outcomes.map(({ staleMs }) => staleMs));
  const isOurs = (/** @type {{ name: string }} */ { name }) => name.startsWith("sessionmesh");
  const losses = peers.filter(isOurs).flatMap((ours) =>
    stories.flatMap(({ key, name }) => {
      const staleMs = worst(ours.outcomes[key]);
      const ahead = peers.filter((peer) => !isOurs(peer) && worst(peer.outcomes[key]) + HELD_MS < staleMs);
      if (ahead.length === 0) return [];
      const said = (/** @type {typeof ours} */ { name, outcomes }) =>
        `${digits(worst(outcomes[key]) / 1_000)} s with ${name}`;
      const why = STALE_REASONS[key] ?? LEASE;
      return [
        {
          what: name,
          cases: [`the old value is served for ${[ours, ...ahead].map(said).join(", ")}`],
          ...why,
        },
      ];
    }),
  );
  return { losses, withinNoise: [] };
}

/** @type {Omit<import("../judge.mjs").Reason, "what">} */
const LEASE = {
  reason: "A node that hears nothing answers until its lease ends, which it does not know sooner.",
  work: "a shorter `cluster.maxStalenessMs`, for more beats.",
};

/** @type {Record<string, Omit<import("../judge.mjs").Reason, "what">>} */
const STALE_REASONS = {
  flush: {
    reason:
      "By broadcast, Redis tells nobody that it was emptied: the next beat does, four of which are sent within the bound.",
    work: '`cluster.invalidation: "tracking"`, which is told by the server, or a shorter `cluster.maxStalenessMs`.',
  },
};

/** @param {Coherence} coherence */
function judgeLatency({ latency }) {
  const isOurs = (/** @type {string} */ name) => name.startsWith("sessionmesh");
  return judge(
    {
      what: "How soon a node hears of a change",
      reason:
        "A write of sessionmesh is a script that checks the revision, writes, moves the chain and publishes, in one step; that of a peer is a SET, and by Pub/Sub its message is a command of its own that follows.",
      work: "little, without giving up that the write and its message are one: publishing first in the script, before the record is written, would save the time of the write.",
    },
    latency
      .filter(({ name }) => isOurs(name))
      .flatMap((ours) =>
        /** @type {const} */ (["p50Ms", "p99Ms"]).map((key) => ({
          label: key === "p50Ms" ? "p50" : "p99",
          ours: { name: ours.name, figures: ours[key] },
          peers: latency
            .filter(({ name }) => !isOurs(name) && !name.startsWith("raw"))
            .map((peer) => ({ name: peer.name, figures: peer[key] })),
          format: (/** @type {number} */ value) => `${digits(value)} ms`,
        })),
      ),
  );
}
