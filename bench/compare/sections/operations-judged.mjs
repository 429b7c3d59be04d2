import { judge, together } from "../judge.mjs";
import { digits, size, time } from "../markdown.mjs";

/**
 * Who is ahead in the operations. The reasons are from profiles of them.
 *
 * @typedef {import("../figures.mjs").Operations} Operations
 * @typedef {import("../judge.mjs").Reason} Reason
 */

/** Who does the same as whom. @type {Record<string, readonly string[]>} */
const PEERS_OF = {
  "sessionmesh get": ["bentocache", "node-redis client-side cache", "cacheable"],
  ExpressSessionStore: ["MemoryStore", "memorystore"],
};

/** @type {Record<string, Omit<Reason, "what">>} */
const CACHED_REASONS = {
  "sessionmesh get": {
    reason: "It is a look at the clock, at the lease and into a table, and a promise.",
    work: "nothing that is known; `peek()` makes no promise.",
  },
  ExpressSessionStore: {
    reason:
      "A copy is made for the request, of what is frozen, and what it was is remembered for the merge; a parser makes an object only. The call back goes by a promise and a turn of the microtasks.",
    work: "a copy that is made when the request first writes.",
  },
};

/**
 * @param {Operations["cached"]} cached
 * @returns {import("../judge.mjs").Judged}
 */
export function judgeCached(cached) {
  return together(
    Object.entries(PEERS_OF).map(([ours, peers]) =>
      judge(
        {
          what: `A read from memory, ${ours}`,
          .../** @type {Omit<Reason, "what">} */ (CACHED_REASONS[ours]),
        },
        cached.map(({ length, width, rows }) => {
          const figuresOf = (/** @type {string} */ name) => rows.find((row) => row.name === name)?.timeNs;
          return {
            label: `${size(length)}, ${width} in flight`,
            ours: { name: ours, figures: figuresOf(ours) },
            peers: peers.map((name) => ({ name, figures: figuresOf(name) })),
            format: time,
          };
        }),
      ),
    ),
  );
}

/** @param {Operations} operations */
export function judgeMemory({ allocated, heap, million, heapSessions }) {
  const bytes = (/** @type {number} */ value) => `${digits(value)} bytes`;
  const of = (/** @type {readonly { name: string, bytes: import("../series.mjs").Series }[]} */ rows) => ({
    ours: (/** @type {(name: string) => boolean} */ is) => rows.find(({ name }) => is(name)),
    peers: (/** @type {(name: string) => boolean} */ is) =>
      rows.filter(({ name }) => is(name)).map(({ name, bytes }) => ({ name, figures: bytes })),
  });
  const isPeer = (/** @type {string} */ name) => !/^(sessionmesh|Map|floor)/.test(name);
  const weighed = [
    { label: `${digits(heapSessions)} of 1 KB`, rows: heap },
    ...(million.length === 0
      ? []
      : [
          {
            label: `${digits(million[0]?.sessions ?? 0)} of ${size(million[0]?.length ?? 0)}`,
            rows: million,
          },
        ]),
  ];
  return together([
    judge(
      {
        what: "Allocation of a read from memory",
        reason:
          "The objects of a session that the request may change are made for each read, and what was read is remembered for the merge.",
        work: "a copy that is made when the request first writes.",
      },
      Object.entries(PEERS_OF).map(([ours, peers]) => ({
        label: "1 KB",
        ours: { name: ours, figures: of(allocated).ours((name) => name === ours)?.bytes },
        peers: of(allocated).peers((name) => peers.includes(name)),
        format: bytes,
      })),
    ),
    judge(
      {
        what: "Heap of a session in memory",
        reason:
          "Sessionmesh keeps objects, of which a read costs nothing; text is smaller, and is parsed at each read. With small sessions, what is kept beside them counts: when they end, which revision they are, and the promise of an answer.",
        work: "an option to keep text, for many sessions that are seldom read.",
      },
      weighed.map(({ label, rows }) => {
        const ours = of(rows).ours((name) => name.startsWith("sessionmesh"));
        return {
          label,
          ours: { name: ours?.name ?? "sessionmesh", figures: ours?.bytes },
          peers: of(rows).peers(isPeer),
          format: bytes,
        };
      }),
    ),
  ]);
}

const OURS = /^(sessionmesh|ExpressSessionStore)/;
/** Who has no Redis is told of by a reason of its own. */
const IN_MEMORY = /^(MemoryStore|memorystore)$/;

/** @type {Record<string, Omit<Reason, "what">>} */
const REMOTE_REASONS = {
  miss: {
    reason:
      "What is read is frozen, and takes its place in memory. A script reads the record and what is left of its life in one step, which a GET alone does not; with many in flight, those that wait for their turn go together in one script (`maxConcurrentLoads`).",
    work: "little: a read that asks for the record alone would need its end to be written in it, and every touch to write it again. A miss is one request in a hundred.",
  },
  write: {
    reason:
      "One script checks the revision, writes, moves the chain and publishes; Redis runs it for longer than a SET, and the node that wrote hears its own message. With many in flight, those that are made in one turn of the event loop go together in one script. With large sessions it also costs the copy that this node keeps in memory, and Redis the way of a long text through Lua.",
    work: "little, without giving up that the write and its message are one. For large sessions, a value that does not pass through Lua: a SET beside the script, in one transaction, with the checks before it.",
  },
  delete: {
    reason:
      "One script deletes, leaves a tombstone, moves the chain and publishes: that is what keeps a late save from bringing the session back. connect-redis sends one DEL, and tells nobody. A revocation waits for a message there and an answer back from each node: two round trips where a deletion has one.",
    work: "little; deletions are rare, and whoever need not know when the others have heard deletes instead of revoking.",
  },
};

/** @type {Omit<Reason, "what">} */
const MEMORY_REASON = {
  reason:
    "A store in one process's memory sends nothing: no other process has what it holds, nor has it itself after a restart.",
  work: "nothing: whoever shares sessions sends them.",
};

/**
 * @param {Operations["remote"]} remote
 * @returns {import("../judge.mjs").Judged}
 */
export function judgeRemote(remote) {
  const operations = [...new Set(remote.map(({ operation }) => operation))];
  return together(
    operations.flatMap((operation) => {
      const why = /** @type {Omit<Reason, "what">} */ (REMOTE_REASONS[operation]);
      const cases = (/** @type {(name: string) => boolean} */ isPeer) =>
        remote
          .filter((one) => one.operation === operation)
          .flatMap(({ width, length, rows }) =>
            rows
              .filter(({ name }) => OURS.test(name))
              .map(({ name, timeNs }) => ({
                label: `${size(length)}, ${width} in flight`,
                ours: { name, figures: timeNs },
                peers: rows
                  .filter((row) => !OURS.test(row.name) && !row.name.startsWith("floor") && isPeer(row.name))
                  .map((row) => ({ name: row.name, figures: row.timeNs })),
                format: time,
              })),
          );
      const what = `A ${operation}`;
      return [
        judge(
          { what, ...why },
          cases((name) => !IN_MEMORY.test(name)),
        ),
        judge(
          { what: `${what}, beside memory alone`, ...MEMORY_REASON },
          cases((name) => IN_MEMORY.test(name)),
        ),
      ];
    }),
  );
}
