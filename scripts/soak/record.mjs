import { History } from "sessionmesh/testing";
import { MAX_STALENESS_MS } from "./settings.mjs";

/** What busy processes may need to tell of an answer; the bound itself has a margin for clocks. */
const TOLERANCE_MS = 150;
const TRACE_MS = 3_000;

/** @typedef {import("./settings.mjs").SoakEvent & { node: string }} Told */
/** @typedef {{ sinceMs: number, untilMs: number }} Period */

/**
 * What the nodes have answered, and what happened meanwhile. It is judged when all is told.
 *
 * Redis replicates asynchronously: a master that is replaced by force takes with it what its replica did not have. Nobody can say later
 * which writes these were, but when they were made is known: while that master still answered, after its replica was last seen to have
 * everything, and from its return until it knew its successor. A write of that shard which overlaps such a time may be part of the history
 * that survives, or not, so it binds nobody. All other writes bind for good, and no answer is excused: none may be older than the bound on
 * the writes that bind. And a deletion that may be lost binds in the end, if the process that made it still runs: it has repeated it by then.
 */
export class SoakRecord {
  /** @type {Told[]} */
  #events = [];
  /** @type {Map<string, Period[]>} */
  #suspensions = new Map();
  /** @type {Map<number, Period[]>} */
  #losses = new Map();

  /**
   * @param {string} node
   * @param {readonly import("./settings.mjs").SoakEvent[]} events
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
   * What a partition's master acknowledged in this time may be lost.
   *
   * @param {number} partition
   * @param {Period} period
   */
  lost(partition, period) {
    add(this.#losses, partition, period);
  }

  /** Ids of sessions that the nodes told of. */
  get ids() {
    return [...new Set(this.#events.filter(isWrite).map(({ id }) => id))];
  }

  /**
   * Judges all answers in their order.
   *
   * @param {{ survivors: readonly string[], settledAtMs: number }} end the nodes that ran until then, and since when all was well again
   */
  judge({ survivors, settledAtMs }) {
    const history = new History({ maxStalenessMs: MAX_STALENESS_MS, toleranceMs: TOLERANCE_MS });
    const binding = this.#events.flatMap((event) => {
      if (!this.mayBeLost(event)) return [this.#clip(event)];
      const isRemembered = event.kind !== "changed" && survivors.includes(event.node);
      return isRemembered ? [{ ...event, startedAtMs: settledAtMs, endedAtMs: settledAtMs }] : [];
    });
    for (const event of binding.sort((a, b) => a.endedAtMs - b.endedAtMs)) tell(history, event);
    const writes = this.#events.filter(isWrite);
    return {
      history,
      writes: writes.length,
      unbound: writes.filter((event) => this.mayBeLost(event)).length,
    };
  }

  /**
   * What was written to a session around a time, when it ended, and what was answered then, to see what went wrong.
   *
   * @param {string} id
   * @param {number} atMs
   */
  around(id, atMs) {
    const near = this.#events.filter((event) => {
      const reachMs = event.kind === "changed" ? TRACE_MS : isWrite(event) ? Number.POSITIVE_INFINITY : 0;
      return event.id === id && overlap(event, { sinceMs: atMs - reachMs, untilMs: atMs + reachMs });
    });
    return near.sort((a, b) => a.endedAtMs - b.endedAtMs);
  }

  /**
   * Whether an event is a write that a failover may have lost.
   *
   * @param {Told} event
   */
  mayBeLost(event) {
    const losses = isWrite(event) ? this.#losses.get(event.partition) : undefined;
    return losses?.some((loss) => overlap(event, loss)) ?? false;
  }

  /** @param {Told} event */
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
 * @param {Told} event
 */
function tell(history, { kind, id, n, startedAtMs, endedAtMs }) {
  const span = { startedAtMs, endedAtMs };
  if (kind === "changed") history.changed(id, n, span);
  else if (kind === "deleted" || kind === "revoked") history.ended(id, span, { revoked: kind === "revoked" });
  else history.answered(id, n, span, { strong: kind === "answered strongly" });
}

/** @param {Told} event */
function isWrite({ kind }) {
  return kind === "changed" || kind === "deleted" || kind === "revoked";
}

/**
 * @param {Told} event
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
