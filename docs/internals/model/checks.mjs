/**
 * What is checked of the models: the parameters of each run, and what has to come out.
 *
 * @typedef {object} Check
 * @property {string} name unique
 * @property {"clusess" | "naive" | "cas" | "fence"} model
 * @property {string} defines parameters of the model, separated by spaces
 * @property {Expectation} expect
 * @property {boolean} [depthFirst] the counterexample may be a long one; otherwise it is one of the shortest
 * @property {boolean} [large] takes minutes or gigabytes
 *
 * @typedef {"holds" | "I1" | "I2" | "I3" | "I4" | "probe"} Expectation `holds`: all states were visited, and nothing is violated.
 *   Otherwise what is found violated: an invariant, or a probe, which claims that an interesting state is never reached.
 */

/** What a violated assertion stands for, by its text. The first that fits counts. */
export const ASSERTIONS = /** @type {const} */ ([
  [/dW|\]\+1/, "probe"],
  [/revoked/, "I1"],
  [/over/, "I2"],
  [/destroyed|heard|!\(live\)/, "I3"],
  [/usedBase|applied|acked/, "I4"],
]);

/** One reader that never revokes: small enough for several writes. */
const READER = "N=1 D=2 Q=2 DO_DESTROY=0 MAXP=0 DROPS=0";
/** Node 0 revokes, node 1 reads. */
const REVOKER = "N=2 D=2 Q=2 MAXP=0 DROPS=0";

/** @type {readonly Check[]} */
export const CHECKS = [
  // The protocol keeps its invariants.
  holds("staleness", READER, "D=3 Q=3 MAXE=1 DROPS=1"),
  holds("staleness-own-writes", READER, "MAXP=1 MAXE=1"),
  holds("staleness-failover", READER, "MAXE=1 FAILS=1"),
  holds("staleness-failover-connected", READER, "MAXE=1 FAILS=1 KEEP"),
  holds("staleness-failover-proxy", READER, "MAXE=1 FAILS=1 KEEPDROP"),
  holds("staleness-slow-clock", READER, "MAXE=1 SKEW"),
  holds("lost-publish", READER, "D=1 MAXP=1 MAXE=1 M_SPLITPUB"),
  holds("lost-update", READER, "D=1 MAXP=2 MAXE=1"),
  holds("revocation", REVOKER),
  holds("revocation-slow-clock", REVOKER, "SKEW NOSUB1"),
  holds("revocation-reap", REVOKER, "REAP NOSUB1"),
  holds("revocation-failover", REVOKER, "D=1 FAILS=1 NOSUB1"),
  holds("revocation-checked-once", REVOKER, "NOSUB1 M_UNREGREAD"),
  holds("resurrection-one-node", "N=1 D=1 Q=2 MAXP=1 DROPS=0"),
  holds("resurrection", REVOKER, "D=1 MAXP=1 NOSUB1"),

  // Nothing of it is vacuous.
  probe("acknowledged-at-once", REVOKER, "PROBE_FAST"),
  probe("waits-for-the-lease", REVOKER, "PROBE_SLOW"),
  probe("bound-is-tight", READER, "MAXE=1 DROPS=1 PROBE_TIGHT"),

  // Every mechanism is needed.
  ablation("lease", "I2", READER, "MAXE=1 DROPS=1 M_NOLEASE"),
  ablation("lease-from-sending", "I2", READER, "MAXE=1 DROPS=1 M_RECVLEASE"),
  ablation("lease-compared-when-serving", "I2", READER, "MAXE=1 M_TIMERLEASE"),
  ablation("fence-on-reads", "I2", READER, "MAXE=1 M_NOPOISON"),
  ablation("fence-on-writes", "I2", READER, "MAXP=1 MAXE=1 M_NOPUTPOISON"),
  ablation("chain", "I2", READER, "MAXE=1 FAILS=1 KEEP M_NOCHAIN"),
  ablation("chain-in-the-write", "I2", READER, "MAXP=1 MAXE=1 M_SPLITALL"),
  ablation("flush-on-resubscribing", "I2", READER, "MAXE=1 DROPS=1 M_NOFLUSH"),
  ablation("late-reply-rule", "I2", READER, "MAXE=1 M_LATEREPLY"),
  ablation("late-reply-rule-revocation", "I1", REVOKER, "M_LATEREPLY NO_I2 NOSUB1"),
  ablation("epoch", "I2", READER, "MAXE=1 FAILS=1 KEEPDROP M_NOEPOCH"),
  inDepth(ablation("epoch-revocation", "I1", REVOKER, "FAILS=1 KEEPDROP NO_I5 NOSUB1 M_NOEPOCH")),
  ablation("registry", "I1", REVOKER, "M_NOREG"),
  ablation("registered-reads", "I1", REVOKER, "NOSUB1 M_UNREGREAD M_GETONLY"),
  ablation("registered-when-serving", "I1", REVOKER, "REAP NOSUB1 M_GETONLY"),
  inDepth(ablation("lapse-noticed", "I1", REVOKER, "REAP NOSUB1 M_NOLAPSE")),
  ablation("own-echo", "I1", REVOKER, "D=1 FAILS=1 NO_I5 M_NOECHO"),
  ablation("trust", "I1", REVOKER, "FAILS=1 KEEPDROP NO_I5 NOSUB1 M_NOTRUST"),
  inDepth(ablation("trust-for-both-waits", "I1", REVOKER, "FAILS=1 KEEPDROP NO_I5 NOSUB1 M_SHORTTRUST")),
  ablation("wait-from-reply", "I1", REVOKER, "DROPS=1 M_WAITFROMSEND"),
  ablation("drift-allowance", "I1", REVOKER, "SKEW M_DRIFTWAIT"),
  ablation("compare-and-set-tombstone", "I3", REVOKER, "MAXP=1 M_BLIND"),
  ablation("compare-and-set", "I4", READER, "MAXP=1 MAXE=1 M_BLIND"),
  ablation("remembered-revocations", "I3", REVOKER, "D=1 FAILS=1 NO_I5 M_NOLRM"),
  ablation("re-assertion", "I3", REVOKER, "D=1 FAILS=1 M_NOREASSERT"),
  ablation("re-assertion-of-one-in-flight", "I3", REVOKER, "D=1 FAILS=1 M_NODIRTY"),

  // The obvious design keeps none of them.
  naive("revocation", "I1", "CHK_I1 CACHED_ONLY NO_FAULTS"),
  naive("revocation-lost-publish", "I1", "CHK_I1 CACHED_ONLY"),
  naive("staleness", "I2", "CHK_I2 CACHED_ONLY NO_FAULTS"),
  naive("staleness-faults", "I2", "CHK_I2 CACHED_ONLY"),
  naive("staleness-beyond-ttl", "I2", "CHK_I2TTL NO_FAULTS"),
  naive("staleness-beyond-ttl-cached", "I2", "CHK_I2TTL CACHED_ONLY NO_FAULTS"),
  naive("resurrection", "I3", "CHK_I3 NO_FAULTS"),
  naive("lost-update", "I4", "CHK_I4 NO_FAULTS"),

  // Retries of a compare-and-set.
  { name: "retry", model: "cas", defines: "", expect: "holds" },
  { name: "retry-without-tag", model: "cas", defines: "M_NOTAG", expect: "I4" },
  { name: "retry-without-compare-and-set", model: "cas", defines: "M_NOCAS", expect: "I4" },

  // Two masters: when the new one is promoted, against when the old one stops.
  fence("fenced", "holds", "F=2 P=2"),
  fence("fenced-late", "holds", "F=4 P=4"),
  fence("fenced-no-overlap", "holds", "F=2 P=6 STRICT"),
  fence("fence-too-late", "I2", "F=4 P=2"),
  fence("no-fence", "I2", "F=190 P=2"),
  fence("overlap", "I2", "F=2 P=4 STRICT"),
  fence("fenced-without-check-when-serving", "I2", "F=2 P=2 M_GETONLY"),
  fence("fenced-without-write-in-beat", "I2", "F=2 P=6 M_PINGBEAT"),

  // The same as above, with larger budgets.
  large("all-staleness-failover", READER, "D=3 Q=3 MAXE=2 FAILS=1"),
  large("all-staleness-failover-connected", READER, "MAXE=2 MAXO=1 FAILS=1 KEEP"),
  large("all-staleness-failover-proxy", READER, "MAXE=2 MAXO=1 FAILS=1 KEEPDROP"),
  large("all-staleness-two-failovers", READER, "D=1 MAXE=2 FAILS=2 DROPS=1"),
  large("all-staleness-two-drops", READER, "MAXE=2 MAXO=1 DROPS=2"),
  large("all-staleness-own-writes", READER, "MAXP=1 MAXE=1 MAXO=1 DROPS=1"),
  large("all-staleness-slow-clock", READER, "D=3 MAXE=2 DROPS=1 SKEW"),
  large("all-lost-update", READER, "MAXP=2 MAXE=2"),
  large("all-revocation", REVOKER, "D=3"),
  large("all-revocation-two-drops", REVOKER, "DROPS=2"),
  large("all-revocation-slow-clock", REVOKER, "SKEW"),
  large("all-revocation-slow-clock-reap", REVOKER, "SKEW REAP NOSUB1"),
  large("all-revocation-reap", REVOKER, "REAP"),
  large("all-revocation-failover", REVOKER, "FAILS=1 NO_I5 NOSUB1"),
  large("all-revocation-failover-unnoticed", REVOKER, "FAILS=1 KEEPDROP NO_I5 NOSUB1"),
  large("all-revocation-failover-subscribed", REVOKER, "D=1 FAILS=1"),
  large("all-revocation-failover-connected", REVOKER, "D=1 FAILS=1 KEEP NO_I5"),
  large("all-revocation-failover-proxy", REVOKER, "D=1 FAILS=1 KEEPDROP NO_I5"),
  large("all-revocation-failover-durable", REVOKER, "D=1 FAILS=1 DURABLE NO_I5"),
  large("all-resurrection", REVOKER, "MAXP=1 MAXE=1 NOSUB1"),
  large("all-mixed", REVOKER, "D=1 MAXP=1 DROPS=1"),
];

/**
 * @param {string} name
 * @param {string[]} defines later ones replace earlier ones
 * @returns {Check}
 */
function holds(name, ...defines) {
  return { name, model: "clusess", defines: merge(defines), expect: "holds" };
}

/**
 * @param {string} name
 * @param {string[]} defines
 * @returns {Check}
 */
function large(name, ...defines) {
  return { ...holds(name, ...defines), large: true };
}

/**
 * @param {string} name
 * @param {string[]} defines
 * @returns {Check}
 */
function probe(name, ...defines) {
  return { ...holds(`probe-${name}`, ...defines), expect: "probe" };
}

/**
 * The protocol without one of its mechanisms.
 *
 * @param {string} name what is missing
 * @param {Expectation} expect
 * @param {string[]} defines
 * @returns {Check}
 */
function ablation(name, expect, ...defines) {
  return { ...holds(`without-${name}`, ...defines), expect };
}

/**
 * For a counterexample that is too deep for a search by breadth.
 *
 * @param {Check} check
 * @returns {Check}
 */
function inDepth(check) {
  return { ...check, depthFirst: true };
}

/**
 * @param {string} name
 * @param {Expectation} expect
 * @param {string} defines
 * @returns {Check}
 */
function naive(name, expect, defines) {
  return { name: `naive-${name}`, model: "naive", defines, expect };
}

/**
 * @param {string} name
 * @param {Expectation} expect
 * @param {string} defines
 * @returns {Check}
 */
function fence(name, expect, defines) {
  return { name, model: "fence", defines: `D=4 ${defines}`, expect };
}

/** @param {readonly string[]} defines */
function merge(defines) {
  const pairs = defines.flatMap((list) => list.split(" ")).map((define) => define.split("="));
  const merged = new Map(pairs.map(([key, value]) => [key, value]));
  return [...merged].map(([key, value]) => (value === undefined ? key : `${key}=${value}`)).join(" ");
}
