import { History } from "sessionmesh/testing";
import { MAX_STALENESS_MS, PARTITIONS } from "./settings.mjs";

/** What busy processes may need to tell of an answer; the bound itself has a margin for clocks. */
const TOLERANCE_MS = 150;

/** @typedef {import("./settings.mjs").SoakEvent} SoakEvent */
/** @typedef {{ sinceMs: number, untilMs: number }} Period */

/**
 * What the nodes have answered, and what happened meanwhile. It is judged when all is told, partition by partition: the shard that lost an
 * end of its history to a failover excuses nothing elsewhere.
 */
export class SoakRecord {
  /** @type {(SoakEvent & { node: string })[]} */
  #events = [];
  /** @type {Map<string, Period[]>} */
  #suspensions = new Map();
  /** @type {Map<number, Period[]>} */
  #losses = new Map();

  /**
   * @param {string} node
   * @param {readonly SoakEvent[]} events
   */
  told(node, events) {
    for (const event of events) this.#events.push({ ...event, node });
  }

  /**
   * A node stood still. When it gave an answer that was asked for before and told after, nobody knows: perhaps before.
   *
   * @param {string} node
   * @param {Period} period
   */
  suspended(node, period) {
    add(this.#suspensions, node, period);
  }

  /**
   * A partition's master changed, and what was acknowledged in this time may be lost.
   *
   * @param {number} partition
   * @param {Period} period
   */
  lost(partition, period) {
    add(this.#losses, partition, period);
  }

  /** Ids of sessions that the nodes told of, the latest first. */
  ids() {
    return [...new Set(this.#events.filter(isWrite).map(({ id }) => id))].reverse();
  }

  /** Judges all answers in their order. */
  judge() {
    const histories = Array.from({ length: PARTITIONS }, (_, partition) => this.#judge(partition));
    return {
      reads: histories.reduce((sum, { reads }) => sum + reads, 0),
      worstStalenessMs: Math.max(0, ...histories.map(({ worstStalenessMs }) => worstStalenessMs)),
      violations: histories.flatMap(({ violations }) => violations),
    };
  }

  /**
   * All that was told of a session around a time, to see what went wrong.
   *
   * @param {string} id
   * @param {number} atMs
   */
  around(id, atMs) {
    const near = this.#events.filter((event) => event.id === id && Math.abs(event.endedAtMs - atMs) < 3_000);
    return near.sort((a, b) => a.endedAtMs - b.endedAtMs);
  }

  /** @param {number} partition */
  #judge(partition) {
    const events = this.#events.filter((event) => event.partition === partition);
    const history = new History({ maxStalenessMs: MAX_STALENESS_MS, toleranceMs: TOLERANCE_MS });
    const losses = (this.#losses.get(partition) ?? []).toSorted((a, b) => a.untilMs - b.untilMs);
    const binding = events.filter((event) => !isWrite(event) || !losses.some((loss) => overlap(event, loss)));
    const inOrder = binding.map((event) => this.#clip(event)).sort((a, b) => a.endedAtMs - b.endedAtMs);
    let nextLoss = losses.shift();
    for (const event of inOrder) {
      for (; nextLoss && nextLoss.untilMs <= event.endedAtMs; nextLoss = losses.shift()) {
        history.lost(nextLoss.sinceMs, nextLoss.untilMs);
      }
      tell(history, event);
    }
    return history;
  }

  /** @param {SoakEvent & { node: string }} event */
  #clip(event) {
    if (isWrite(event)) return event;
    const { startedAtMs, endedAtMs } = event;
    const period = this.#suspensions.get(event.node)?.find((period) => overlap(event, period));
    return period
      ? { ...event, endedAtMs: Math.min(endedAtMs, Math.max(startedAtMs, period.sinceMs)) }
      : event;
  }
}

/**
 * @param {History} history
 * @param {SoakEvent} event
 */
function tell(history, { kind, id, n, startedAtMs, endedAtMs }) {
  const span = { startedAtMs, endedAtMs };
  if (kind === "changed") history.changed(id, n, span);
  else if (kind === "deleted" || kind === "revoked") history.ended(id, span, { revoked: kind === "revoked" });
  else history.answered(id, n, span, { strong: kind === "answered strongly" });
}

/** @param {SoakEvent} event */
function isWrite({ kind }) {
  return kind === "changed" || kind === "deleted" || kind === "revoked";
}

/**
 * @param {SoakEvent} event
 * @param {Period} period
 */
function overlap({ startedAtMs, endedAtMs }, { sinceMs, untilMs }) {
  return startedAtMs <= untilMs && endedAtMs >= sinceMs;
}

/**
 * @template K, V
 * @param {Map<K, V[]>} map
 * @param {K} key
 * @param {V} value
 */
function add(map, key, value) {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
