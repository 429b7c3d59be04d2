import { setTimeout as delay } from "node:timers/promises";
import { TcpProxy } from "../../dist/testing/index.js";
import { startRedis } from "../../scripts/redis-server.mjs";
import { connectNodeRedis } from "../redis.mjs";
import { PEERS } from "./peers.mjs";

/** Life of a value, in Redis and in memory: short, so that a story ends. */
export const TTL_MS = 5_000;
/** For how long a node is asked, before the old value counts as served for good. */
export const WATCH_MS = 7_000;
/** For how long it is asked after its first right answer: a value may come back. */
const AFTERWARDS_MS = 300;
const POLL_MS = 10;
const ANSWER_TIMEOUT_MS = 250;
/** For how long a connection is held or cut: longer than messages take, shorter than any timeout of a client. */
const FAULT_MS = 200;
/** After this, whoever subscribes without saying when it is done has subscribed. */
const SETTLE_MS = 100;

const OLD = { value: "old" };
const NEW = { value: "new" };

/**
 * @typedef {import("./figures.mjs").Outcome} Outcome
 *
 * @typedef {object} Scene
 * @property {import("./peers.mjs").CacheNode} writer another node, whose connections are never touched
 * @property {import("./peers.mjs").CacheNode} reader the node that is asked
 * @property {TcpProxy} feed before the connection by which the reader hears of changes
 * @property {TcpProxy} reads before the connection by which it reads
 * @property {import("../../scripts/redis-server.mjs").RedisServer} redis
 * @property {string} id of a value that is in Redis, and new to both
 *
 * @typedef {object} Story
 * @property {string} name
 * @property {(scene: Scene) => Promise<number>} play up to the change of the value; when that was
 */

/** @type {Record<string, Story>} */
export const STORIES = {
  delete: {
    name: "another node deletes; nothing fails",
    play: async ({ writer, reader, id }) => {
      await reader.get(id);
      await writer.delete(id);
      return performance.now();
    },
  },
  load: {
    name: "another node writes while this one loads",
    play: (scene) => changeDuringLoad(scene, () => scene.writer.set(scene.id, NEW)),
  },
  flushDuringLoad: {
    name: "FLUSHALL while this node loads",
    play: (scene) => changeDuringLoad(scene, () => flushAll(scene)),
  },
  flush: {
    name: "FLUSHALL while the value is in memory",
    play: async (scene) => {
      await scene.reader.get(scene.id);
      await flushAll(scene);
      return performance.now();
    },
  },
  cut: {
    name: "subscriber cut; another node deletes; it reconnects",
    play: async ({ writer, reader, feed, id }) => {
      await reader.get(id);
      feed.refuse();
      feed.cut();
      await writer.delete(id);
      const changedAt = performance.now();
      await delay(FAULT_MS);
      feed.accept();
      return changedAt;
    },
  },
  stall: {
    name: "subscriber stalled, no event; another node writes",
    play: async ({ writer, reader, feed, id }) => {
      await reader.get(id);
      feed.stall();
      await writer.set(id, NEW);
      return performance.now();
    },
  },
  restart: {
    name: "Redis restarted, empty",
    play: async ({ reader, redis, id }) => {
      await reader.get(id);
      await redis.restart();
      return performance.now();
    },
  },
};

/**
 * @param {Scene} scene
 * @param {() => Promise<unknown>} change
 */
async function changeDuringLoad({ reader, reads, id }, change) {
  reads.stall("toClient");
  const held = reads.heldBytes;
  const load = reader.get(id);
  load.catch(() => {});
  const deadline = AbortSignal.timeout(WATCH_MS);
  while (reads.heldBytes === held) await delay(1, undefined, { signal: deadline }); // until the old value is on its way
  await change();
  const changedAt = performance.now();
  await delay(FAULT_MS); // whoever is told has been told
  reads.resume("toClient");
  await Promise.race([load.catch(() => {}), delay(ANSWER_TIMEOUT_MS)]);
  return changedAt;
}

/** @param {Scene} scene */
async function flushAll({ redis }) {
  const client = await connectNodeRedis(redis.url);
  await client.flushAll();
  client.destroy();
}

/**
 * Plays a peer's stories, one after the other, on a Redis of its own.
 *
 * @param {{ peer: string, rounds: number, names: readonly string[] }} options
 * @returns {Promise<Record<string, Outcome[]>>} by the story's name
 */
export async function run({ peer, rounds, names }) {
  /** @type {Record<string, Outcome[]>} */
  const outcomes = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) outcomes[name]?.push(await playStory(peer, name));
  }
  return outcomes;
}

/**
 * @param {string} peerName
 * @param {string} storyName
 * @returns {Promise<Outcome>}
 */
async function playStory(peerName, storyName) {
  const peer = /** @type {import("./peers.mjs").Peer} */ (PEERS[peerName]);
  const story = /** @type {Story} */ (STORIES[storyName]);
  /** @type {string | undefined} */
  let crash;
  const note = (/** @type {unknown} */ error) => {
    crash ??= error instanceof Error ? error.message : String(error);
  };
  process.on("uncaughtException", note);
  const redis = await startRedis();
  const [commands, feed] = [
    await TcpProxy.start({ targetPort: redis.port }),
    await TcpProxy.start({ targetPort: redis.port }),
  ];
  const id = `${storyName}-${peerName}`;
  const writer = await peer.open({ commands: redis.port, feed: redis.port }, TTL_MS);
  await delay(SETTLE_MS);
  await writer.set(id, OLD);
  const reader = await peer.open({ commands: commands.port, feed: feed.port }, TTL_MS); // now: some send what they write to all
  await delay(SETTLE_MS);
  try {
    const reads = peer.readsBy === "feed" ? feed : commands;
    const changedAt = await story.play({ writer, reader, feed, reads, redis, id });
    const outcome = await watch(reader, id, changedAt);
    return { ...outcome, ...(crash !== undefined && { crash }) };
  } finally {
    for (const node of [reader, writer])
      await Promise.race([node.close().catch(() => {}), delay(ANSWER_TIMEOUT_MS)]);
    for (const proxy of [commands, feed]) await proxy.close();
    await redis.stop();
    await delay(POLL_MS); // what breaks because of that is not the story's
    process.off("uncaughtException", note);
  }
}

/**
 * Asks a node until it has answered rightly.
 *
 * @param {import("./peers.mjs").CacheNode} node
 * @param {string} id
 * @param {number} changedAt
 * @returns {Promise<Outcome>}
 */
async function watch(node, id, changedAt) {
  let staleMs = 0;
  let silentMs = 0;
  let rightAt = Number.POSITIVE_INFINITY;
  let resurrected = false;
  for (;;) {
    const askedAt = performance.now();
    const answer = await Promise.race([
      node.get(id).then(
        (value) => ({ value }),
        () => undefined,
      ),
      delay(ANSWER_TIMEOUT_MS),
    ]);
    const now = performance.now();
    if (answer === undefined) {
      await delay(POLL_MS);
      silentMs += performance.now() - askedAt;
    } else if (/** @type {typeof OLD | undefined} */ (answer.value)?.value === OLD.value) {
      staleMs = now - changedAt;
      resurrected ||= rightAt < now;
    } else {
      rightAt = Math.min(rightAt, now);
    }
    if (now - changedAt > WATCH_MS || (now - rightAt > AFTERWARDS_MS && !resurrected)) break;
    await delay(POLL_MS);
  }
  return { staleMs: Math.round(staleMs), silentMs: Math.round(silentMs), resurrected };
}
