import { pause, systemClock } from "../clock.js";
import type { ClusterNode, ClusterNodes } from "./cluster-node.js";
import { speaksOfNode, tooLate } from "./failures.js";
import type { Command, IsOver, Reply } from "./port.js";

/** How long a command waits for a master, which may have to be connected, or elected, first. */
const SEARCH_MS = 1_000;
const POLL_MS = 10;
/** A master that is only connecting needs no new table. */
const REFRESH_AFTER_MS = 100;
/** From the beginning of one refresh of the table to that of the next one, at least. */
const REFRESH_INTERVAL_MS = 500;
/** After which a refresh is not waited for any more. */
const REFRESH_TIMEOUT_MS = 5_000;
/** How often a command is sent again at most because another node has the slot. */
const MAX_REDIRECTIONS = 5;

const ignore = () => {};
const never = () => false;

/**
 * Sends each command to the master of its slot, and follows the slots when they move.
 *
 * The clients could do so by themselves. But then a command whose connection broke might be sent again, which counts an increment
 * twice, and a table that is old would stay so until somebody is told `MOVED`, which a dead master never says.
 */
export class ClusterRouter {
  readonly #nodes: ClusterNodes;
  /** Searches for a master that is ready: one per slot, for all who wait. */
  readonly #searches = new Map<number, Promise<ClusterNode>>();
  #refreshing: Promise<void> | undefined;
  #refreshedAtMs = Number.NEGATIVE_INFINITY;

  constructor(nodes: ClusterNodes) {
    this.#nodes = nodes;
  }

  /** Whether the ports of the nodes can `track`. */
  get canTrack(): boolean {
    return this.#nodes.canTrack;
  }

  /**
   * Sends a command to the master of a slot, unless its time is over when that is found. Commands for a slot leave in the order of the calls while
   * the slot stays where it is.
   */
  send(slot: number, command: Command, isOver: IsOver = never): Promise<Reply> {
    const master = this.ready(slot);
    if (master !== undefined) return this.sendTo(master, slot, command, isOver);
    return this.find(slot).then((found) => {
      if (isOver()) throw tooLate();
      return this.sendTo(found, slot, command, isOver);
    });
  }

  /** The master of a slot, if a command can be sent to it at once. Whoever comes while others wait is behind them. */
  ready(slot: number): ClusterNode | undefined {
    return this.#searches.has(slot) ? undefined : this.#nodes.master(slot);
  }

  /** The same, as soon as there is one; rejects after a second without. */
  async find(slot: number): Promise<ClusterNode> {
    let search = this.#searches.get(slot);
    if (search === undefined) {
      search = this.#search(() => this.#nodes.master(slot), `master of slot ${slot}`);
      this.#searches.set(slot, search);
    }
    try {
      return await search;
    } finally {
      // those who wait go on one right after the other, so that nobody comes between them
      if (this.#searches.get(slot) === search) this.#searches.delete(slot);
    }
  }

  /** Something speaks against the client's table: has it asked for again. At most twice a second, however often this is called. */
  doubt(): void {
    void this.#refresh();
  }

  /** Sends a command for a slot to a node, and goes on where that says. */
  sendTo(
    node: ClusterNode,
    slot: number,
    command: Command,
    isOver: IsOver = never,
    redirections = 0,
  ): Promise<Reply> {
    if (node.isSilent) this.doubt();
    node.asked();
    return node.port.send(command).then(
      (reply) => {
        node.answered();
        return reply;
      },
      (error: Error) => {
        node.answered();
        return this.#failed(error, slot, command, isOver, redirections);
      },
    );
  }

  /** Goes on after a failure: where the slot is now, or with the failure. */
  async #failed(
    error: Error,
    slot: number,
    command: Command,
    isOver: IsOver,
    redirections: number,
  ): Promise<Reply> {
    const [word, , address = ""] = error.message.split(" ");
    const isRedirection = word === "MOVED" || word === "ASK";
    if (word !== "ASK" && (isRedirection || speaksOfNode(error))) this.doubt();
    if (!isRedirection || redirections === MAX_REDIRECTIONS) throw error;
    const target = this.#nodes.at(address) ?? (await this.#unknown(address, slot, word));
    if (target === undefined || isOver()) throw error;
    if (word === "ASK") target.port.send(["ASKING"]).catch(ignore); // the next command says what is wrong
    return this.sendTo(target, slot, command, isOver, redirections + 1);
  }

  /** The node of a redirection that is not connected, or is called by another name. */
  async #unknown(address: string, slot: number, word: "ASK" | "MOVED"): Promise<ClusterNode | undefined> {
    await this.#refresh();
    const node = this.#nodes.at(address);
    if (node !== undefined) return node;
    if (word === "MOVED") return this.find(slot);
    return this.#search(() => this.#nodes.at(address), `node ${address}`).catch(() => undefined); // it may be connecting
  }

  async #search(look: () => ClusterNode | undefined, name: string): Promise<ClusterNode> {
    const startedAtMs = systemClock.now();
    for (;;) {
      if (this.#nodes.isClosed) throw new Error("The cluster client is closed");
      const found = look();
      if (found !== undefined) return found;
      const waitedMs = systemClock.now() - startedAtMs;
      if (waitedMs >= SEARCH_MS) throw new Error(`The ${name} cannot be reached`);
      if (waitedMs >= REFRESH_AFTER_MS) this.doubt();
      await pause(systemClock, POLL_MS);
    }
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshSoon().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refreshSoon(): Promise<void> {
    const waitMs = this.#refreshedAtMs + REFRESH_INTERVAL_MS - systemClock.now();
    if (waitMs > 0) await pause(systemClock, waitMs);
    this.#refreshedAtMs = systemClock.now();
    await Promise.race([this.#nodes.refresh().catch(ignore), pause(systemClock, REFRESH_TIMEOUT_MS)]);
  }
}
