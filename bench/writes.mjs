import { RedisStore as ConnectRedisStore } from "connect-redis";
import { ClusteredRedisStore, DEFAULT_CHANNEL } from "sessionmesh";
import { ExpressSessionStore } from "sessionmesh/express";
import { compare, inFlight, inSequence } from "./harness.mjs";
import { connectIoredis, connectNodeRedis, PREFIX, WIDE_BOUNDS } from "./redis.mjs";
import { timingTable } from "./report.mjs";
import { makeId, makeSession } from "./sessions.mjs";

const SESSIONS = 1_024;
/** Long enough that no touch becomes due during the benchmark. */
const CACHE_TTL_MS = 600_000;
const WIDTH = 64;
const SCHEDULES = [
  { schedule: "one at a time", how: inSequence },
  { schedule: `${WIDTH} in flight, time per operation`, how: inFlight(WIDTH) },
];

/**
 * @typedef {import("./sessions.mjs").StoredSession} StoredSession
 * @typedef {Parameters<typeof timingTable>[3]} Goals
 * @typedef {(operation: (i: number) => Promise<unknown>) => import("./harness.mjs").Candidate["run"]} How
 */

/**
 * What does a write cost?
 *
 * @param {import("./questions.mjs").Context} context
 */
export async function run({ redisUrl, effort }) {
  const client = await connectNodeRedis(redisUrl);
  const ioredis = await connectIoredis(redisUrl);
  const localCache = { ttlMs: CACHE_TTL_MS };
  /** @type {ClusteredRedisStore<StoredSession>} */
  const store = new ClusteredRedisStore({ client, prefix: PREFIX, localCache, ...WIDE_BOUNDS });
  /** @type {ClusteredRedisStore<StoredSession>} */
  const overIoredis = new ClusteredRedisStore({
    client: ioredis,
    prefix: PREFIX,
    localCache,
    ...WIDE_BOUNDS,
    cluster: { ...WIDE_BOUNDS.cluster, channel: `${DEFAULT_CHANNEL}:ioredis` }, // else this process would do the work of two nodes
  });
  /** @type {ClusteredRedisStore<StoredSession>} */
  const tracking = new ClusteredRedisStore({
    client,
    prefix: PREFIX,
    localCache,
    ...WIDE_BOUNDS,
    cluster: { ...WIDE_BOUNDS.cluster, channel: `${DEFAULT_CHANNEL}:tracking`, invalidation: "tracking" },
  });
  await Promise.all([store.start(), overIoredis.start(), tracking.start()]);
  const express = new ExpressSessionStore({ store });
  const connectRedis = new ConnectRedisStore({ client, prefix: `${PREFIX}connect-redis:` });

  const ids = Array.from({ length: SESSIONS }, (_, n) => makeId(n));
  const sessions = ids.map((_, n) => makeSession(n));
  const id = (/** @type {number} */ i) => /** @type {string} */ (ids[i % SESSIONS]);
  const data = (/** @type {number} */ i) => /** @type {typeof sessions[0]} */ (sessions[i % SESSIONS]);
  let changes = 0;
  /** Session data as never before. */
  const changed = (/** @type {number} */ i) => ({ ...data(i), changes: changes++ });

  const held = (/** @type {number} */ i) => `held ${id(i)}`;
  const notHeld = (/** @type {number} */ i) => `not held ${id(i)}`;
  const theirs = once("connect-redis");
  const adapters = once("adapter");
  const ours = once("store");
  for (const [n, unchanged] of sessions.entries()) {
    await connectRedis.set(id(n), unchanged);
    await express.set(held(n), unchanged);
    await overIoredis.set(notHeld(n), asStored(unchanged)); // only the node that wrote it holds it
  }

  /** @type {Array<{ title: string, candidates: (how: How) => import("./harness.mjs").Candidate[], goals?: Goals }>} */
  const comparisons = [
    {
      title: "Saving changed data",
      candidates: (how) => [
        { name: "connect-redis set", run: how((i) => connectRedis.set(id(i), changed(i))) },
        { name: "ExpressSessionStore set", run: how((i) => express.set(id(i), changed(i))) },
        { name: "set", run: how((i) => store.set(id(i), asStored(changed(i)))) },
        { name: "set, over ioredis", run: how((i) => overIoredis.set(id(i), asStored(changed(i)))) },
        { name: "set, by tracking", run: how((i) => tracking.set(id(i), asStored(changed(i)))) },
        { name: "create", run: how((i) => store.create(asStored(changed(i)))) },
        { name: "update, two round trips", run: how((i) => store.update(id(i), () => asStored(changed(i)))) },
      ],
      goals: { "ExpressSessionStore set": { maxRatio: 1.15 }, set: { maxRatio: 1.15 } },
    },
    {
      title: "Deleting",
      candidates: (how) => [
        {
          name: "connect-redis destroy",
          prepare: inFlight(WIDTH)((i) => connectRedis.set(theirs.write(), data(i))),
          run: how(() => connectRedis.destroy(theirs.delete())),
        },
        {
          name: "ExpressSessionStore destroy",
          prepare: inFlight(WIDTH)((i) => express.set(adapters.write(), data(i))),
          run: how(() => express.destroy(adapters.delete())),
        },
        {
          name: "delete",
          prepare: inFlight(WIDTH)((i) => store.set(ours.write(), asStored(data(i)))),
          run: how(() => store.delete(ours.delete())),
        },
      ],
    },
    {
      title: "Saving unchanged data",
      candidates: (how) => [
        { name: "connect-redis touch", run: how((i) => connectRedis.touch(id(i), data(i))) },
        { name: "connect-redis set", run: how((i) => connectRedis.set(id(i), data(i))) },
        { name: "touch that is due", run: how((i) => store.touch(notHeld(i))) },
        { name: "touch that is not", run: how((i) => store.touch(held(i))) },
        { name: "ExpressSessionStore touch, not due", run: how((i) => express.touch(held(i), data(i))) },
        { name: "ExpressSessionStore set, not due", run: how((i) => express.set(held(i), data(i))) },
      ],
    },
  ];
  const tables = [];
  for (const { title, candidates, goals } of comparisons) {
    for (const { schedule, how } of SCHEDULES) {
      const measurements = await compare(candidates(how), effort);
      tables.push(timingTable(`${title}, 1 KB session, ${schedule}`, measurements, undefined, goals));
    }
  }
  await store.clear();
  await Promise.all([store.close(), overIoredis.close(), tracking.close()]);
  client.destroy();
  ioredis.disconnect();
  return tables;
}

/**
 * Ids to write and then to delete, each once: what was deleted cannot be written again.
 *
 * @param {string} name
 */
function once(name) {
  let written = 0;
  let deleted = 0;
  return { write: () => `doomed ${name} ${written++}`, delete: () => `doomed ${name} ${deleted++}` };
}

/**
 * An application's data as the type of the Express adapter's store, which knows the cookie's JSON only.
 *
 * @param {import("./sessions.mjs").ShopSession} data
 */
function asStored(data) {
  return /** @type {StoredSession} */ (/** @type {unknown} */ (data));
}
