import { randomUUID } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { TcpProxy } from "../../src/testing/tcp-proxy.js";
import { eventually } from "./eventually.js";
import { clusterNames, type TestStore } from "./node.js";
import { redisCommand } from "./redis-command.js";

/** A bound on staleness that a test can wait for. */
export const BOUND_MS = 500;

/** Names for one test's cluster, and a bound that is over soon. */
export function shortCluster(maxStalenessMs = BOUND_MS) {
  const { prefix, cluster } = clusterNames();
  return { prefix, commandTimeoutMs: maxStalenessMs - 100, cluster: { ...cluster, maxStalenessMs } };
}

/** Waits until revocations of this node are acknowledged: it has followed the chain for longer than the bound. */
export function trusted(store: TestStore): Promise<unknown> {
  return eventually(async () => (await store.revoke(`probe-${randomUUID()}`)).acknowledged);
}

/** A proxy before a server, closed when the test is over. */
export async function proxyTo(port: number): Promise<TcpProxy> {
  const proxy = await TcpProxy.start({ targetPort: port });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** The ids of the nodes that are registered in a cluster, in alphabetical order. */
export async function registeredNodes(port: number, channel: string): Promise<string[]> {
  const fields = await redisCommand(port, "HKEYS", `sessionmesh:meta:${channel}`);
  return Array.from(fields.matchAll(/^n:(.*)\r$/gm), ([, nodeId = ""]) => nodeId).sort();
}

/** How often a server has run one command, by scripts too. */
export async function callsOf(port: number, command: string): Promise<number> {
  const commandstats = await redisCommand(port, "INFO", "commandstats");
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(commandstats)?.[1] ?? 0);
}

/** Asks a node for a session again and again, and notes when it last answered with it. Ends with the test. */
export class Questioner {
  /** By the monotonic clock. */
  lastServedAtMs = Number.NEGATIVE_INFINITY;
  answers = 0;
  #asking = true;

  constructor(store: TestStore, id: string) {
    onTestFinished(() => {
      this.#asking = false;
    });
    void this.#ask(store, id);
  }

  async #ask(store: TestStore, id: string): Promise<void> {
    while (this.#asking) {
      const session = store.peek(id) ?? (await store.get(id).catch(() => undefined));
      if (session !== undefined) this.lastServedAtMs = performance.now();
      this.answers++;
      await setImmediate();
    }
  }
}
