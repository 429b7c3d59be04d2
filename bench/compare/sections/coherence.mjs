import { digits, median, spread, table } from "../markdown.mjs";

/**
 * @typedef {object} Section
 * @property {string} text
 * @property {Record<string, string>} charts by name
 * @property {readonly string[]} losses what a peer is ahead in, and why
 *
 * @typedef {object} Outcome
 * @property {number} staleMs
 * @property {number} silentMs
 * @property {boolean} resurrected
 * @property {string} [crash]
 *
 * @typedef {object} Coherence
 * @property {number} rounds
 * @property {number} ttlMs
 * @property {number} watchMs
 * @property {number} writes
 * @property {{ key: string, name: string, configuration: string, outcomes: Record<string, Outcome[]> }[]} peers
 * @property {{ key: string, name: string }[]} stories
 * @property {{ name: string, expected: number, wrong: string, left: Record<string, number[]> }[]} http
 * @property {{ name: string, p50Ms: number[], p99Ms: number[] }[]} latency
 */

/** A ratio that counts as more than the same. */
const NOISE = 1.1;
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
    httpTable(http),
    "## How soon a node hears of a change",
    `From the call of a write in one process until another one has heard that its copy is over, in milliseconds; ${rounds} rounds of ${writes} writes, one after the other.`,
    table(
      ["", "p50 ms", "p99 ms"],
      latency.map(({ name, p50Ms, p99Ms }) => [name, spread(p50Ms), spread(p99Ms)]),
    ),
  ].join("\n\n");
  return { text, charts: {}, losses: lossesOf(coherence) };
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

/** @param {Coherence} coherence */
function lossesOf({ peers, stories, http, latency }) {
  const losses = [];
  for (const { name, expected, left } of http) {
    const off = (/** @type {string} */ store) => Math.abs(median(left[store] ?? []) - expected);
    const ahead = Object.keys(left).filter((store) => off(store) < off("sessionmesh"));
    if (ahead.length > 0)
      losses.push(
        `**${name}**: of ${expected}, ${digits(median(left.sessionmesh ?? []))} is left with sessionmesh, ${ahead.map((store) => `${digits(median(left[store] ?? []))} with ${store}`).join(", ")}. Nobody counts rightly: a middleware saves the field that it has read. Sessionmesh answers all of the fifty from memory before the first has saved, and of two changes of one field the later request wins. \`update()\` counts.`,
      );
  }
  const worst = (/** @type {Outcome[]} */ outcomes = []) =>
    Math.max(0, ...outcomes.map(({ staleMs }) => staleMs));
  const others = peers.filter(({ name }) => !name.startsWith("sessionmesh"));
  for (const ours of peers.filter(({ name }) => name.startsWith("sessionmesh"))) {
    for (const { key, name } of stories) {
      const staleMs = worst(ours.outcomes[key]);
      const ahead = others.filter(({ outcomes }) => worst(outcomes[key]) < HELD_MS);
      if (staleMs >= HELD_MS && ahead.length > 0) {
        losses.push(
          `**${name}**: ${ours.name} answered with the old value for ${digits(staleMs / 1_000)} s, ${ahead.map((peer) => peer.name).join(" and ")} not at all. ${STALE_REASONS[key] ?? ""}`,
        );
      }
    }
  }
  for (const ours of latency.filter(({ name }) => name.startsWith("sessionmesh"))) {
    const ahead = latency.filter(
      ({ name, p50Ms }) => !/^(sessionmesh|raw)/.test(name) && NOISE * median(p50Ms) < median(ours.p50Ms),
    );
    if (ahead.length > 0)
      losses.push(
        `**How soon a node hears of a change**: after ${digits(median(ours.p50Ms))} ms with ${ours.name}, ${ahead.map(({ name, p50Ms }) => `${digits(median(p50Ms))} ms with ${name}`).join(", ")}. A write of sessionmesh is a script that checks the revision, writes, moves the chain and publishes, in one step; that of a peer is a SET, and by Pub/Sub its message is a command of its own that follows. What would change it: little, without giving up that the write and its message are one.`,
      );
  }
  return losses;
}

/** @type {Record<string, string>} */
const STALE_REASONS = {
  flush:
    'By broadcast, Redis tells nobody that it was emptied: the next beat does, four of which are sent within the bound. `cluster.invalidation: "tracking"` is told by the server.',
};
