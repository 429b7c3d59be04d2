import type { DeletionReason } from "../redis/session-table.js";
import type { Unreadable } from "./message.js";

/** Why all of a node's memory was dropped. */
export type FlushReason =
  | "lease-held"
  | "subscription-lost"
  | "message-missed"
  | "message-unreadable"
  | "keys-invalidated"
  | "user-forgotten"
  | "cleared"
  | "closed";

/** A session that ended, or several at once. */
export interface SessionEnded {
  /**
   * `deleted`, `revoked`; `limit`: its user had too many; `rotated`: it goes on under a new id; `user-revoked`: all sessions of a user; `cleared`:
   * all. Mere expiry is told to nobody.
   */
  readonly reason: DeletionReason | "user-revoked" | "cleared";
  /** Which one, for `deleted`, `revoked`, `limit` and `rotated`; for `rotated` by its old id. */
  readonly id?: string;
  /** Whose, for `user-revoked`. */
  readonly user?: string;
}

/** What a `ClusterCoordinator` tells of all partitions, or a partition's coordinator of its own, with what its listeners receive. */
export interface CoordinatorEvents {
  /** Memory may answer from now on: the first beat came back, or one after the lease had run out. */
  "lease-held": [];
  /** Memory may not answer until the next `lease-held`: the subscription was lost, or no beat came back in time. With the reason, for people. */
  "lease-lost": [reason: string];
  /** All that was cached is dropped. */
  flush: [reason: FlushReason];
  /** The session was written by another node, or with `invalidation: "tracking"` by any, or is over: a copy was dropped. */
  invalidated: [id: string];
  /** The session was revoked; this node answers with it no more. */
  revoked: [id: string];
  /** A session ended on some node, this one included. Not told for what was missed: after a `flush`, any may have ended. */
  "session-ended": [ended: SessionEnded];
}

/** What a `ClusterCoordinator` has sent, heard and dropped. */
export interface CoordinatorStats {
  /** Subscriptions that were opened. */
  subscriptions: number;
  beatsSent: number;
  /** Beats that came back, each renewing the lease. */
  beatsReturned: number;
  /** Beats that Redis refused or did not answer in time. */
  beatsFailed: number;
  /** Changes that other nodes told. */
  changesReceived: number;
  /** This node's own changes that came back: they keep the chain, and cost no copy. */
  changesEchoed: number;
  /** Keys that the server named as outdated: `invalidation: "tracking"`. */
  keysInvalidated: number;
  /** Revocations that this node told another that it carried out. */
  acknowledgementsSent: number;
  /** Revocations that this node waited for, and how they ended. */
  revocations: { acknowledged: number; outlasted: number };
  /** Messages that were skipped, by reason; those of a store with another prefix count as foreign. */
  skipped: Record<Unreadable["reason"], number>;
  /** Gaps found in the chain of writes. */
  chainBreaks: number;
  flushes: number;
  /** Sessions that a server had lost the deletion of, and that were deleted again. */
  reasserted: number;
}

/** How a `ClusterCoordinator` stands. */
export interface CoordinatorState {
  /** `down`: no subscription. `syncing`: subscribed, no beat back yet. `ready`: what is heard is complete. */
  readonly status: "down" | "syncing" | "ready";
  /** For how long memory may answer without another beat, in milliseconds; 0: not at all. */
  readonly leaseRemainingMs: number;
  /** For how long replies of Redis may be handed out without another beat, in milliseconds. */
  readonly registrationRemainingMs: number;
  /** The last time that memory had to be dropped because something was missed or lost; with the reason, and the wall-clock time in milliseconds. */
  readonly lastBreak: { readonly reason: string; readonly atMs: number } | undefined;
}

const STATUSES = ["down", "syncing", "ready"] as const;

/** How all partitions stand together: as the one that stands worst. */
export function worstOfStates(states: readonly CoordinatorState[]): CoordinatorState {
  const breaks = states.map(({ lastBreak }) => lastBreak).filter((lastBreak) => lastBreak !== undefined);
  return {
    status: STATUSES.find((status) => states.some((state) => state.status === status)) ?? "down",
    leaseRemainingMs: Math.min(...states.map(({ leaseRemainingMs }) => leaseRemainingMs)),
    registrationRemainingMs: Math.min(...states.map((state) => state.registrationRemainingMs)),
    lastBreak: breaks.sort((a, b) => b.atMs - a.atMs)[0],
  };
}

/** What all partitions have sent, heard and dropped together. */
export function sumOfStats(stats: readonly CoordinatorStats[]): CoordinatorStats {
  return stats.reduce(sum);
}

/** The sum of each number, also of those within. */
function sum<S extends object>(a: S, b: S): S {
  const added = Object.entries(a).map(([name, value]) => {
    const other = b[name as keyof S] as never;
    return [name, typeof value === "number" ? value + other : sum(value, other)];
  });
  return Object.fromEntries(added) as S;
}
