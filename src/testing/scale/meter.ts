import type { Command } from "../../redis/port.js";
import { DIGESTS, SCRIPT_NAMES } from "../simulated-redis/scripts.js";

/** What happened in one step of time, of all nodes together. */
export interface ScaleSample {
  /** When the step began, in milliseconds since the measuring began; negative before. */
  readonly atMs: number;
  /** Commands and scripts that Redis carried out. */
  commands: number;
  /** Messages that Redis sent, to each subscriber counted. */
  messages: number;
  /** Requests that were begun. */
  requests: number;
  /** Those of them that were answered from memory. */
  hits: number;
  /** Requests that ended with an error. */
  failed: number;
  /** The most commands that waited for Redis at a time. */
  queue: number;
}

/** Counts what a fleet does, step by step. */
export class Meter {
  readonly stepMs: number;
  /** Commands by their name, those of scripts by the name of the script; since the measuring began. */
  readonly commands = new Map<string, number>();
  readonly readsMs: number[] = [];
  readonly revocationsMs: number[] = [];
  acknowledged = 0;
  readonly #startMs: number;
  readonly #samples = new Map<number, ScaleSample>();

  /** `startMs`: when the measuring begins. What comes before is in the samples only. */
  constructor(startMs: number, stepMs: number) {
    this.#startMs = startMs;
    this.stepMs = stepMs;
  }

  /** All steps in which something happened, in their order. */
  get samples(): ScaleSample[] {
    return [...this.#samples.values()].sort((a, b) => a.atMs - b.atMs);
  }

  /** Whether the measuring has begun. */
  isOn(nowMs: number): boolean {
    return nowMs >= this.#startMs;
  }

  /** The step that it is now. */
  at(nowMs: number): ScaleSample {
    const step = Math.floor((nowMs - this.#startMs) / this.stepMs);
    let sample = this.#samples.get(step);
    if (sample === undefined) {
      sample = {
        atMs: step * this.stepMs,
        commands: 0,
        messages: 0,
        requests: 0,
        hits: 0,
        failed: 0,
        queue: 0,
      };
      this.#samples.set(step, sample);
    }
    return sample;
  }

  command(nowMs: number, command: Command): void {
    this.at(nowMs).commands++;
    if (!this.isOn(nowMs)) return;
    const name = nameOf(command);
    this.commands.set(name, (this.commands.get(name) ?? 0) + 1);
  }
}

function nameOf([name, script = ""]: Command): string {
  if (name === "EVALSHA") return SCRIPT_NAMES.get(script) ?? name;
  return name === "EVAL" ? (SCRIPT_NAMES.get(DIGESTS.get(script) ?? "") ?? name) : name;
}

/** The smallest value that at least the fraction `q` of all does not exceed; 0 of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
}
