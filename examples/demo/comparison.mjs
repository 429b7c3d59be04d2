import assert from "node:assert/strict";
import { DEFAULT_MAX_STALENESS_MS } from "sessionmesh";
import { Contender, SENT } from "./contender.mjs";
import { CONCURRENCY, percentile, VISITORS } from "./load.mjs";
import { count, ms, percent } from "./terminal.mjs";

/** @typedef {import("./cluster.mjs").Cluster} Cluster */
/** @typedef {import("./demo-redis.mjs").DemoRedis} DemoRedis */
/** @typedef {import("./node.mjs").NodeOptions["store"]} StoreName */
/** @typedef {import("./terminal.mjs").Story} Story */

/** In how many turns each store gets its requests, so that what else the machine does meets both. */
const ROUNDS = 6;
/** The least share of commands that must be saved for the comparison to hold. */
const MIN_SAVED = 0.5;

/**
 * Puts the same load on both stores, in turns, and prints what it took. The clusters, which are still running.
 *
 * @param {Story} story
 * @param {DemoRedis} redis
 * @param {(store: StoreName) => Promise<Cluster>} startCluster
 */
export async function compare(story, redis, startCluster) {
  const clusters = {
    ours: await startCluster("sessionmesh"),
    theirs: await startCluster("connect-redis"),
  };
  const ours = await Contender.enter("sessionmesh", clusters.ours, redis);
  const theirs = await Contender.enter("connect-redis", clusters.theirs, redis);
  await story.step("Both give every visitor the right profile", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const turns = round % 2 === 0 ? [ours, theirs] : [theirs, ours];
      for (const contender of turns) await contender.play(round, ROUNDS);
    }
    return `${count(ours.reads.length)} reads and ${ours.requests - ours.reads.length} changes each`;
  });
  await story.step("No profile was older than the bound when it was asked for", async () => {
    const worstMs = Math.max(0, ...staleTimes(ours));
    assert(worstMs <= DEFAULT_MAX_STALENESS_MS, `one had been changed ${ms(worstMs)} before`);
    return worstMs === 0 ? "none was older at all" : `the oldest had been changed ${ms(worstMs)} before`;
  });
  await story.step("sessionmesh spares Redis most of the commands", async () => {
    assert(theirs.sent > 0, "there is nothing to compare");
    const saved = 1 - ours.sent / theirs.sent;
    assert(saved >= MIN_SAVED, `${percent(saved)} saved`);
    return `${percent(saved)} saved`;
  });
  if (theirs.sent > 0) printTable(story, ours, theirs, redis);
  return clusters;
}

/**
 * @param {Story} story
 * @param {Contender} ours
 * @param {Contender} theirs
 * @param {DemoRedis} redis
 */
function printTable(story, ours, theirs, redis) {
  /** @param {(contender: Contender) => string} show */
  const both = (show) => [show(ours), show(theirs)];
  /** @param {"sent" | "executed"} figure */
  const commands = (figure) => [
    ...both((contender) => count(contender[figure])),
    percent(1 - ours[figure] / theirs[figure]),
  ];
  const rows = [
    ["", "sessionmesh", "connect-redis", "saved"],
    ["Redis commands sent by the nodes (1)", ...commands("sent")],
    ["Redis commands executed, in scripts too (2)", ...commands("executed")],
    ["hit rate of the nodes' memory", percent(ours.hits / ours.lookups), "–"],
    ["read latency, p50 / p99 (3)", ...both(({ reads }) => p50AndP99(reads.map((read) => read.ms)))],
    ["invalidation latency, p50 / p99 (4)", ...both(({ invalidationMs }) => p50AndP99(invalidationMs))],
    ["reads behind an acknowledged change (5)", ...both((contender) => count(staleTimes(contender).length))],
  ];
  const others = redis.isOurs ? "" : " Those of the server's other users are among them.";
  story.table(rows, [
    `(1) INFO commandstats: ${SENT.sessionmesh.join(", ")}, of which ${ours.beats} are beats; ${SENT["connect-redis"].join(", ")}.`,
    `(2) INFO commandstats: all calls. A script makes several.${others}`,
    `(3) Over HTTP, through the load balancer: ${VISITORS} visitors, ${CONCURRENCY} requests at a time, caches empty at first.`,
    "(4) From the answer to a change on one node until each other node has answered with it: one HTTP request at least.",
    "(5) Asked for after the change was acknowledged by another node, and answered without it.",
  ]);
}

/** @param {readonly number[]} values */
function p50AndP99(values) {
  return `${ms(percentile(values, 0.5))} / ${ms(percentile(values, 0.99))}`;
}

/** @param {Contender} contender */
function staleTimes({ reads }) {
  return reads.flatMap(({ staleMs }) => staleMs ?? []);
}
