import type { Registry } from "../redis/session-table.js";

/** How it became certain that no node answers with the session any more. */
export type AcknowledgementOutcome = "acknowledged" | "outlasted";

/**
 * The wait of one revocation, from the reply of Redis until no node can answer with the session any more. One of two things
 * ends it:
 *
 * - Every registered node said that it dropped its copy. That counts only if the registry can be trusted to name all who hold a
 *   lease: this node's own message came back on an unbroken chain, and the node has followed the chain for twice as long as any
 *   lease lasts. Once, for the leases from before; and once more for a reply that was asked for under one of them just before it
 *   ended, and that its node may hand out, registered again by then (`docs/internals/model/`, `without-trust-for-both-waits`).
 * - The time is over for which any node answers without hearing of changes.
 *
 * A pure state machine: the caller says what happened and what time it is.
 */
export class Acknowledgement {
  readonly #ownNodeId: string;
  readonly #waitMs: number;
  readonly #trustMs: number;
  /** Who said so before the registry was known. */
  readonly #saidSo = new Set<string>();
  /** Who has not said so, once the registry is known. */
  readonly #silent = new Map<string, string>();
  #nodes = 0;
  #repliedAtMs = Number.POSITIVE_INFINITY;
  #echoed = false;
  #broken = false;

  /** `waitMs`: how long the leases last, and what clocks may differ by. */
  constructor(ownNodeId: string, waitMs: number) {
    this.#ownNodeId = ownNodeId;
    this.#waitMs = waitMs;
    this.#trustMs = 2 * waitMs;
  }

  /** Redis carried out the deletion; these nodes may hold a lease. */
  replied(registry: Registry, nowMs: number): void {
    for (const [nodeId, beats] of registry) if (nodeId !== this.#ownNodeId) this.#silent.set(nodeId, beats);
    this.#nodes = this.#silent.size;
    for (const nodeId of this.#saidSo) this.#silent.delete(nodeId);
    this.#repliedAtMs = nowMs;
  }

  /** A node dropped its copy. */
  acknowledged(nodeId: string): void {
    if (this.#repliedAtMs === Number.POSITIVE_INFINITY) this.#saidSo.add(nodeId);
    else this.#silent.delete(nodeId);
  }

  /** This node's own message came back, and named the write that came before it. */
  echoed(): void {
    this.#echoed = true;
  }

  /** The chain broke, or the subscription was lost: the registry that was read may be that of another history. */
  broke(): void {
    this.#broken = true;
  }

  /** The other nodes that were registered. */
  get nodes(): number {
    return this.#nodes;
  }

  /** The nodes that have not said so, with the number of beats that they were registered with. */
  get silent(): [nodeId: string, beats: string][] {
    return [...this.#silent];
  }

  /** How it ended, if it did. `syncedAtMs`: since when this node has followed the chain. */
  outcome(nowMs: number, syncedAtMs: number): AcknowledgementOutcome | undefined {
    const complete = this.#echoed && !this.#broken && this.#silent.size === 0;
    const trusted = nowMs >= syncedAtMs + this.#trustMs && this.#repliedAtMs <= nowMs;
    if (complete && trusted) return "acknowledged";
    return nowMs >= this.#repliedAtMs + this.#waitMs ? "outlasted" : undefined;
  }

  /** When the outcome may change without anything happening. */
  nextCheckMs(nowMs: number, syncedAtMs: number): number {
    const trustedAtMs = syncedAtMs + this.#trustMs;
    const outlastedAtMs = this.#repliedAtMs + this.#waitMs;
    return trustedAtMs > nowMs ? Math.min(trustedAtMs, outlastedAtMs) : outlastedAtMs;
  }
}
