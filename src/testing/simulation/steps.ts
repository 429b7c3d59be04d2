import type { Fault } from "./faults.js";

/**
 * What users do with a session. `write` comes first, and now and then once more after the session has ended, too late; `create` is a login.
 */
export type Act =
  | "write"
  | "create"
  | "get"
  | "peek"
  | "read Redis"
  | "update"
  | "touch"
  | "delete"
  | "revoke"
  | "rotate"
  | "revoke user"
  | "clear";

type WithoutNode<F> = F extends unknown ? Omit<F, "node" | "process"> : never;

/** A fault without the node that it happens to. The end of a process is a change of it. */
export type Unplaced = WithoutNode<Exclude<Fault, { kind: "crash" }>>;

/** A process comes or goes. */
export type ProcessChange =
  /** It ends without a word, or after `close()`, and another takes its place later. */
  | { readonly kind: "crash" | "leave"; readonly backAfterMs: number }
  /** It starts, in a place that is free. */
  | { readonly kind: "join" };

/** Something goes wrong, at a node or for all. */
export interface PlannedFault {
  readonly atMs: number;
  readonly fault: Unplaced | ProcessChange;
  readonly node?: number;
}

/** Somebody does something at a node. */
export interface PlannedAct {
  readonly atMs: number;
  readonly node: number;
  readonly what: Act;
  /** Of the session; "" where it is about all, or those of a user. */
  readonly id: string;
  /** Of a write: only if the session is known to have ended. */
  readonly late?: boolean;
  /** Of a login: whose it is; of a revocation: whose sessions it ends. */
  readonly user?: string;
  /** Of a login: the life of the session. */
  readonly ttlMs?: number | undefined;
  readonly absoluteTtlMs?: number | undefined;
  /** Of a rotation: the new id, and the grace. */
  readonly to?: string;
  readonly graceMs?: number;
}

/** Something that happens in a simulated history. */
export type Step = PlannedFault | PlannedAct;
