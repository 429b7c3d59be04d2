import { decodeMessage } from "../../cluster/message.js";
import { DEFAULT_CHANNEL } from "../../options.js";
import type { SimulatedRedis } from "../simulated-redis.js";
import { quantile } from "./meter.js";

/** How old answers were. */
export interface StalenessReport {
  /** How many answers were judged. */
  readonly answers: number;
  /** How many of them had been replaced in Redis already. */
  readonly stale: number;
  /** Of these, for how long, in milliseconds: half of them at most so long. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Knows when each revision was replaced, from the server itself, and judges answers by it. */
export class Staleness {
  /** The revision of each key that was written. */
  readonly #current = new Map<string, string>();
  readonly #replacedAtMs = new Map<string, number>();
  readonly #agesMs: number[] = [];
  #answers = 0;

  /** Listens to a server: what it carries out is told at once. */
  observe(server: SimulatedRedis, nowMs: () => number): void {
    server.subscribe([DEFAULT_CHANNEL], (text) => {
      const message = decodeMessage(text);
      if (!("key" in message)) return;
      const { key, tag } = message;
      const previous = this.#current.get(key);
      if (previous !== undefined) this.#replacedAtMs.set(previous, nowMs());
      this.#current.set(key, tag);
    });
  }

  /** Another server took over, which lacks the last writes: what they replaced is current again, and they are replaced. */
  promoted(server: SimulatedRedis, nowMs: () => number): void {
    for (const [key, lost] of this.#current) {
      const revision = server.execute(["GETRANGE", key, "2", "13"]) as string;
      if (revision === lost) continue;
      this.#replacedAtMs.set(lost, nowMs());
      this.#replacedAtMs.delete(revision);
      this.#current.set(key, revision);
    }
    this.observe(server, nowMs);
  }

  /** A session was put there before anything began. */
  seeded(key: string, revision: string): void {
    if (!this.#current.has(key)) this.#current.set(key, revision);
  }

  /** A node answered with this revision. */
  answered(revision: string, nowMs: number): void {
    this.#answers++;
    const replacedAtMs = this.#replacedAtMs.get(revision);
    if (replacedAtMs !== undefined) this.#agesMs.push(nowMs - replacedAtMs);
  }

  report(): StalenessReport {
    const ages = this.#agesMs;
    return {
      answers: this.#answers,
      stale: ages.length,
      p50Ms: quantile(ages, 0.5),
      p99Ms: quantile(ages, 0.99),
      maxMs: quantile(ages, 1),
    };
  }
}
