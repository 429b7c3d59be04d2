import { newTag } from "../session/record.js";

/** How many beats may be published and not come back before the subscription is taken for stalled. */
const MAX_UNHEARD = 2;

interface Beat {
  readonly sentAtMs: number;
  published: boolean;
}

/**
 * The beats of one subscription that are on their way: sent through the command connection, published by Redis, and not back yet
 * through the subscription.
 *
 * A pure state machine: the caller says what happened and what time it is.
 */
export class Beats {
  readonly #underWay = new Map<string, Beat>();

  /** Begins a beat; returns its nonce. */
  send(nowMs: number): string {
    const nonce = newTag();
    this.#underWay.set(nonce, { sentAtMs: nowMs, published: false });
    return nonce;
  }

  /** Redis carried out the beat. `false` if it came back already, or is none of these. */
  published(nonce: string): boolean {
    const beat = this.#underWay.get(nonce);
    if (beat !== undefined) beat.published = true;
    return beat !== undefined;
  }

  /** Redis refused the beat or did not answer: it proves nothing any more, even if it comes back. */
  failed(nonce: string): void {
    this.#underWay.delete(nonce);
  }

  /** A beat came back. When it was sent; `undefined` if it is none of these. */
  returned(nonce: string): number | undefined {
    const beat = this.#underWay.get(nonce);
    this.#underWay.delete(nonce);
    return beat?.sentAtMs;
  }

  /**
   * Whether beats are published and none comes back: the subscription is dead, though its socket raises no event. Asked once per
   * beat, so that a pause of this process, after which all replies are late, does not look like it.
   */
  get stalled(): boolean {
    let unheard = 0;
    for (const beat of this.#underWay.values()) if (beat.published) unheard++;
    return unheard >= MAX_UNHEARD;
  }

  /** Forgets all: a beat that was sent before a subscription stood proves nothing about it. */
  clear(): void {
    this.#underWay.clear();
  }
}
