/**
 * Why a peer is ahead over HTTP, and what would change it: from profiles of the applications and from counting what a request does. Shares are
 * told roughly, since they change with the machine.
 *
 * @typedef {{ stack: string, store: string, variant?: string }} Site
 * @typedef {{ reason: string, work: string }} Why
 */

const MIDDLEWARE =
  "The middleware of Fastify serialises and hashes the session twice for each request, whatever the store and `rolling`; that and the socket are most of the profile of all of them.";
const OWN_OBJECT =
  "Its own store hands out the very object of the request before: nothing is copied, and the id in it is signed already, which costs everybody else an HMAC for each request. So two requests at a time share what is nested in it.";
const FULL_CORE =
  "With 32 at a time the process is never idle, so p50, p99 and requests per second say the same as its processor time: who waits, waits for the turn of others.";

/** @type {Record<import("../figures.mjs").Load, (site: Site) => Why>} */
export const HTTP_REASONS = {
  reads: (site) => (site.stack === "Express" ? EXPRESS_READS : site.variant ? LEAN_READS : ROLLING_READS),
  mixed: (site) => ({
    reason: `What is said of the reads, for nineteen of twenty requests. A write is a script in Redis that checks, writes, moves the chain and publishes, and its message comes back to the node that wrote; what the request has changed is found by comparing. A store in one memory does none of that, and no second process sees what it holds; connect-redis sends a SET, and a later save wins whatever it was based on. ${FULL_CORE}`,
    work: `${(site.stack === "Express" ? EXPRESS_READS : site.variant ? LEAN_READS : ROLLING_READS).work} For the write itself little, without giving up that it and its message are one step, and that it is refused after a logout.`,
  }),
  calm: () => ({
    reason:
      "One request at a time, mostly the framework's own time: a read from memory is a hundredth of it. The p99 of a round is that of some dozen requests: those that meet a collection of garbage, or a neighbour on the other core.",
    work: "nothing that is Redis's; less garbage, by a copy that is made when the request first writes.",
  }),
};

/** @type {Why} */
const EXPRESS_READS = {
  reason: `MemoryStore parses a text for each request, sessionmesh copies an object and remembers what it was, so that a save can be merged; then express-session touches the session, which is compared with the time it has left, and gives promises where MemoryStore gives a callback. The difference is some hundredths of the request. ${FULL_CORE}`,
  work: "a copy that is made when the request first writes, instead of for each that reads.",
};

/** @type {Why} */
const ROLLING_READS = {
  reason: `\`rolling\`, on by default, saves each session at each request. In the middleware's own store that puts the same object under the same key; with sessionmesh each such save finds what the session was based on, compares all of it with what was read, asks whether a touch is due, and answers by a promise: two thirds of what a request costs more than in memory, and a ninth of the request. ${OWN_OBJECT} That and our copy for the request are most of the other third. ${MIDDLEWARE} ${FULL_CORE}`,
  work: "today, `rolling: false, saveUninitialized: false`, by which an unchanged session is not saved at all. In the adapter: a copy that is made, and noted, when the request first writes; then an unchanged session needs neither the copy nor the comparison, and its save is only the question whether a touch is due.",
};

/** @type {Why} */
const LEAN_READS = {
  reason: `An unchanged session is not saved, so nothing of ours is left but the copy that the request may change, with what it was. ${OWN_OBJECT} Copy, signature and a promise are about a tenth of the request. ${MIDDLEWARE} ${FULL_CORE}`,
  work: "a copy that is made when the request first writes. The signature is the middleware's; it would have to keep it with the id.",
};
