import type { Clock, Timer } from "../clock.js";
import type { Reply } from "../redis/port.js";
import { Beats } from "./beats.js";
import type { Lease } from "./lease.js";

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly lease: Lease;
  /** Runs the script of a beat; answers with how many connections received it. */
  readonly send: (nonce: string) => Promise<Reply>;
  /** The subscription is of no use, though its socket may not know it yet. */
  readonly onDead: (reason: string) => void;
  /** A beat is due, and the lease is over. */
  readonly onLapsed: () => void;
  readonly onFailed: (error: Error) => void;
}

/** Beats per lease: three may be lost before the lease is. */
export const BEATS_PER_LEASE = 4;
/** By how much the wall clock may run ahead of the monotonic one between two beats: more, and the machine was suspended. */
const MAX_SUSPENSION_MS = 500;

/** Sends beats: regularly while a subscription stands, and one by one where a node must be registered without. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #beats = new Beats();
  #next: Timer | undefined;
  #registering: Promise<void> | undefined;
  /** The beats that Redis has not answered yet. */
  readonly #underWay = new Set<Promise<Reply>>();
  #wallAheadMs: number | undefined;
  #sent = 0;
  #failed = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Beats that Redis refused or did not answer in time. */
  get failed(): number {
    return this.#failed;
  }

  /**
   * Sends a beat, and sees to the next ones. The second comes up to half an interval sooner or later, so that nodes which were started
   * together, or lost the same server, do not go on in step.
   */
  start(): void {
    this.#beat(0.5 + this.#options.clock.random());
  }

  /** `share`: after which part of the interval the next beat is due. */
  #beat(share: number): void {
    const { clock, lease, onDead, onLapsed } = this.#options;
    if (clock.now() >= lease.untilMs) onLapsed();
    if (this.#wasSuspended()) onDead("the machine was suspended, or its wall clock was set");
    else if (this.#beats.stalled) onDead("stalled: beats are published and do not come back");
    else {
      this.#send().catch(() => {});
      const intervalMs = lease.durationMs / BEATS_PER_LEASE;
      this.#next = clock.schedule(() => this.#beat(0.9 + clock.random() / 5), share * intervalMs);
    }
  }

  /** Sends no more, and forgets those on their way: they prove nothing about another subscription. */
  stop(): void {
    this.#next?.cancel();
    this.#beats.clear();
    this.#wallAheadMs = undefined;
  }

  /** One beat for all who wait for a registration. */
  register(): Promise<void> {
    this.#registering ??= this.#send().finally(() => {
      this.#registering = undefined;
    });
    return this.#registering;
  }

  /** Resolves when no beat is under way, within the time of a command: one may be sent again until then, and register the node again. */
  async settled(): Promise<void> {
    if (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** A beat came back. When it was sent; `undefined` if it is none of these. */
  returned(nonce: string): number | undefined {
    return this.#beats.returned(nonce);
  }

  async #send(): Promise<void> {
    const { clock, lease, send, onDead, onFailed } = this.#options;
    const sentAtMs = clock.now();
    const nonce = this.#beats.send(sentAtMs);
    const wasSubscribed = lease.status !== "down";
    this.#sent++;
    const sending = send(nonce);
    this.#underWay.add(sending);
    try {
      const receivers = await sending;
      lease.registered(sentAtMs, clock.now());
      if (!this.#beats.published(nonce) || Number(receivers) > 0) return;
      this.#beats.failed(nonce);
      if (wasSubscribed) onDead("the server knows of no subscription of this node");
    } catch (error) {
      this.#beats.failed(nonce);
      this.#failed++;
      onFailed(error as Error);
      throw error;
    } finally {
      this.#underWay.delete(sending);
    }
  }

  /** A suspended machine stops the monotonic clock with itself, so that the lease seems to run on; the wall clock tells. */
  #wasSuspended(): boolean {
    const { clock } = this.#options;
    const aheadMs = clock.wallNow() - clock.now();
    const jumpMs = Math.abs(aheadMs - (this.#wallAheadMs ?? aheadMs));
    this.#wallAheadMs = aheadMs;
    return jumpMs > MAX_SUSPENSION_MS;
  }
}
