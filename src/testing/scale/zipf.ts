import type { SeededRandom } from "../simulation/random.js";

/** Which session a request is for: the one of rank n, from 0 on, in proportion to 1 / (n + 1) ** exponent. */
export class Zipf {
  /** How likely the ranks up to each one are together. */
  readonly #cumulated: Float64Array;

  constructor(count: number, exponent: number) {
    this.#cumulated = new Float64Array(count);
    let sum = 0;
    for (let rank = 0; rank < count; rank++) {
      sum += (rank + 1) ** -exponent;
      this.#cumulated[rank] = sum;
    }
    for (let rank = 0; rank < count; rank++) this.#cumulated[rank] = this.#upTo(rank) / sum;
  }

  /** How likely a request is for the session of this rank. */
  probability(rank: number): number {
    return this.#upTo(rank) - this.#upTo(rank - 1);
  }

  /** The rank of one request. */
  draw(random: SeededRandom): number {
    const chance = random.next();
    let [low, high] = [0, this.#cumulated.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#upTo(middle) > chance) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #upTo(rank: number): number {
    return rank < 0 ? 0 : (this.#cumulated[rank] as number);
  }
}
