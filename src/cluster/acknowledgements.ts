import type { Clock } from "../clock.js";
import { StoreClosedError } from "../errors.js";
import type { Registry } from "../redis/session-table.js";
import { newTag } from "../session/record.js";
import { Acknowledgement, type AcknowledgementOutcome } from "./acknowledgement.js";

interface Entry {
  readonly wait: Acknowledgement;
  /** Something happened that may end the wait. */
  check: () => void;
}

/** The revocations of this node that are under way: brings each what happens, and ends its wait when it is over. */
export class Acknowledgements {
  readonly outcomes: Record<AcknowledgementOutcome, number> = { acknowledged: 0, outlasted: 0 };
  readonly #nodeId: string;
  readonly #waitMs: number;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  #syncedAtMs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(nodeId: string, waitMs: number, clock: Clock) {
    this.#nodeId = nodeId;
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  /** Begins to listen for one, before it is sent: acknowledgements may come before the reply. Its name. */
  open(): string {
    const request = newTag();
    this.#entries.set(request, { wait: new Acknowledgement(this.#nodeId, this.#waitMs), check: () => {} });
    return request;
  }

  drop(request: string): void {
    this.#entries.delete(request);
  }

  /** Redis carried it out. Resolves when it is over; rejects with a `StoreClosedError` when this node is closed. */
  async wait(request: string, registry: Registry) {
    const entry = this.#entries.get(request);
    if (entry === undefined) throw new StoreClosedError();
    const { wait } = entry;
    wait.replied(registry, this.#clock.now());
    while (!this.#closed) {
      const nowMs = this.#clock.now();
      const outcome = wait.outcome(nowMs, this.#syncedAtMs);
      if (outcome !== undefined) {
        this.outcomes[outcome]++;
        return { outcome, nodes: wait.nodes, silent: wait.silent };
      }
      await this.#next(entry, wait.nextCheckMs(nowMs, this.#syncedAtMs) - nowMs);
    }
    throw new StoreClosedError();
  }

  /** A node dropped what it was asked to. */
  acknowledged(request: string, nodeId: string): void {
    const entry = this.#entries.get(request);
    entry?.wait.acknowledged(nodeId);
    entry?.check();
  }

  /** This node's own message came back, on an unbroken chain. */
  echoed(request: string): void {
    const entry = this.#entries.get(request);
    entry?.wait.echoed();
    entry?.check();
  }

  /** From here on this node follows the chain; what it heard before may be another history's. */
  synced(nowMs: number): void {
    this.desynced();
    this.#syncedAtMs = nowMs;
  }

  /** This node does not follow the chain any more. */
  desynced(): void {
    this.#syncedAtMs = Number.POSITIVE_INFINITY;
    for (const { wait } of this.#entries.values()) wait.broke();
  }

  close(): void {
    this.#closed = true;
    for (const { check } of this.#entries.values()) check();
    this.#entries.clear();
  }

  /** Until something happens, or the time has come at which the outcome may change by itself. */
  #next(entry: Entry, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(resolve, Math.max(1, delayMs));
      entry.check = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
