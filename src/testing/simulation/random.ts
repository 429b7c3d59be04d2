import { createHash } from "node:crypto";

/**
 * Random numbers that a seed determines: sfc32 by Chris Doty-Humphrey, the author of PractRand, who gave it to the public domain.
 *
 * Whatever needs numbers takes a stream of its own (`fork`), so that one draw more in one place leaves all others as they are.
 */
export class SeededRandom {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    this.#seed = seed;
    const words = createHash("sha256").update(seed).digest();
    this.#a = words.readInt32LE(0);
    this.#b = words.readInt32LE(4);
    this.#c = words.readInt32LE(8);
  }

  /** A stream of its own for what has this name. */
  fork(name: string): SeededRandom {
    return new SeededRandom(`${this.#seed}/${name}`);
  }

  /** A number from 0 to 1, without it. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.next();
  }

  /** A whole number from 0 to `end`, without it. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] as T;
  }

  /** So many hexadecimal digits. */
  hex(length: number): string {
    return Array.from({ length }, () => this.below(16).toString(16)).join("");
  }
}
