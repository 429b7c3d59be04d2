import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { MAX_STALENESS_MS, nowMs } from "./settings.mjs";

const LINGER_MS = 3 * MAX_STALENESS_MS;

/** The sessions that all nodes work on: each is created by one of them, lives for a while, and is ended by another one. */
export class Sessions {
  #nodes;
  /** @type {Set<string>} */
  #ids = new Set();
  #hurry = new AbortController();

  /** @param {readonly import("./soak-node.mjs").SoakNode[]} nodes */
  constructor(nodes) {
    this.#nodes = nodes;
  }

  /** Tells a node that has just started of them. */
  welcome() {
    for (const node of this.#nodes) node.tell({ kind: "ids", ids: [...this.#ids] });
  }

  /** Has all sessions ended now. */
  endAll() {
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  /**
   * Lets one session follow the other.
   *
   * @param {import("../../dist/testing/index.js").SeededRandom} random
   * @param {number} untilMs
   */
  async run(random, untilMs) {
    const nodes = /** @type {[import("./soak-node.mjs").SoakNode]} */ (this.#nodes);
    /** @param {number} ms @param {AbortSignal} [signal] ends it early */
    const pause = (ms, signal) =>
      delay(Math.max(0, Math.min(ms, untilMs - nowMs())), undefined, { signal }).catch(() => {});
    let id = this.#add();
    random.pick(nodes).tell({ kind: "create", id });
    while (nowMs() < untilMs) {
      await pause(random.between(1_000, 9_000), this.#hurry.signal);
      if (nowMs() >= untilMs) return;
      const node = random.pick(nodes);
      const how = random.pick(["delete", "revoke", "rotate"]);
      const old = id;
      id = this.#add();
      if (how === "rotate") {
        node.tell({ kind: "rotate", id: old, newId: id, graceMs: random.chance(0.5) ? 0 : MAX_STALENESS_MS });
      } else {
        node.tell({ kind: "end", id: old, how: how === "delete" ? "delete" : "revoke" });
        random.pick(nodes).tell({ kind: "create", id });
      }
      // who has read its id already goes on asking for a while
      void pause(random.between(MAX_STALENESS_MS, LINGER_MS)).then(() => this.#remove(old));
    }
  }

  #add() {
    const id = randomUUID();
    this.#ids.add(id);
    this.welcome();
    return id;
  }

  /** @param {string} id */
  #remove(id) {
    this.#ids.delete(id);
    this.welcome();
  }
}
