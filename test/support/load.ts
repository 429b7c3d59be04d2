import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { History } from "../../src/testing/history.js";
import { eventually } from "./eventually.js";
import { leaseHeld, type TestStore } from "./node.js";
import { BOUND_MS } from "./short-bound.js";

/** What one process with four nodes may need to tell of an answer. */
export const TOLERANCE_MS = 100;

/** Reads and changes on all nodes, each answer judged. */
export class Load {
  readonly history = new History({ maxStalenessMs: BOUND_MS, toleranceMs: TOLERANCE_MS });
  /** The operations that failed, by what they failed with. */
  readonly failures = new Map<unknown, number>();
  changes = 0;
  /** Whether what is acknowledged now will not be lost. */
  #binds = true;
  #runs = true;
  readonly #ids: readonly string[];
  readonly #workers: Promise<void>[];

  /** `watchesOnly`: nothing is asked for, which might read again what is held. */
  constructor(nodes: readonly TestStore[], ids: readonly string[], { watchesOnly = false } = {}) {
    this.#ids = ids;
    this.#workers = nodes.flatMap((node) =>
      watchesOnly ? [this.#watch(node)] : [this.#work(node), this.#work(node), this.#watch(node)],
    );
    onTestFinished(() => this.end());
  }

  /** What happens meanwhile may lose what was acknowledged meanwhile; what was replicated before binds all the time. */
  async through(servers: { replicated(): Promise<void> }, event: () => Promise<unknown>): Promise<void> {
    const sinceMs = performance.now();
    this.#binds = false;
    await servers.replicated();
    await event();
    this.history.lost(sinceMs, performance.now());
    this.#binds = true;
  }

  /** Waits until so many more changes were made. */
  async changed(count: number): Promise<void> {
    const enough = this.changes + count;
    await eventually(() => this.changes >= enough);
  }

  /** Resolves when everything that was asked for has been answered. */
  readonly end = async (): Promise<void> => {
    this.#runs = false;
    await Promise.all(this.#workers);
  };

  async #work(node: TestStore): Promise<void> {
    for (let turn = 0; this.#runs; turn++) {
      const id = this.#ids[Math.floor(Math.random() * this.#ids.length)] as string;
      await (turn % 4 === 0 ? this.#change(node, id) : this.#read(node, id)).catch((error) => {
        const kind = error.constructor;
        this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1);
      });
      await delay(5);
    }
  }

  async #read(node: TestStore, id: string): Promise<void> {
    const startedAtMs = performance.now();
    const session = await node.get(id);
    if (session) this.history.answered(id, session.data.n, { startedAtMs, endedAtMs: performance.now() });
  }

  async #change(node: TestStore, id: string): Promise<void> {
    const startedAtMs = performance.now();
    const session = await node.update(id, ({ n }) => ({ n: n + 1 }));
    if (session === undefined) return;
    this.changes++;
    if (this.#binds) this.history.changed(id, session.data.n, { startedAtMs, endedAtMs: performance.now() });
  }

  /** Looks at all that a node would answer from memory. */
  async #watch(node: TestStore): Promise<void> {
    for (; this.#runs; await delay(5)) {
      for (const id of this.#ids) {
        const atMs = performance.now();
        const session = node.peek(id);
        if (session) this.history.answered(id, session.data.n, { startedAtMs: atMs, endedAtMs: atMs });
      }
    }
  }
}

/** Waits until all nodes answer from memory, and to all of them writes are possible. */
export async function ready(nodes: readonly TestStore[], id: string): Promise<void> {
  for (const node of nodes) {
    await eventually(async () => (await node.update(id, ({ n }) => ({ n: n + 1 }))) !== undefined);
    await leaseHeld(node);
  }
}
