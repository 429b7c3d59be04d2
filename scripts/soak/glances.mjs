const TELL_MS = 100;

/**
 * What a node was seen to hold in memory, told in few words: of each session the last time before it changed, and one time in each 100 ms.
 * The later a value is seen, the more it is out of date, so nothing is missed.
 */
export class Glances {
  #tell;
  /** @type {Map<string, { n: number, atMs: number, toldAtMs: number }>} */
  #held = new Map();

  /** @param {(id: string, n: number, atMs: number) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * @param {string} id
   * @param {number | undefined} n which change was seen; `undefined`: no session
   * @param {number} atMs
   */
  saw(id, n, atMs) {
    const held = this.#held.get(id);
    if (held !== undefined && held.n === n) {
      held.atMs = atMs;
      if (atMs - held.toldAtMs < TELL_MS) return;
      held.toldAtMs = atMs;
      this.#tell(id, n, atMs);
      return;
    }
    if (held !== undefined) this.#tellLast(id, held);
    if (n === undefined) this.#held.delete(id);
    else this.#held.set(id, { n, atMs, toldAtMs: Number.NEGATIVE_INFINITY });
  }

  /** Tells what is left. */
  end() {
    for (const [id, held] of this.#held) this.#tellLast(id, held);
    this.#held.clear();
  }

  /**
   * @param {string} id
   * @param {{ n: number, atMs: number, toldAtMs: number }} held
   */
  #tellLast(id, { n, atMs, toldAtMs }) {
    if (atMs > toldAtMs) this.#tell(id, n, atMs);
  }
}
