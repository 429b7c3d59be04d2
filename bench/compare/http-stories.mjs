import session from "express-session";
import createMemoryStore from "memorystore";
import { openConnectRedis, openSessionmesh, playOn, SCENARIOS } from "../concurrency.mjs";

/**
 * What a scenario of `bench/concurrency.mjs` leaves if nothing goes wrong, and what it is called if something does.
 *
 * @type {Record<string, { name: string, expected: number, wrong: "lost" | "resurrected" }>}
 */
const EXPECTED = {
  "a request writes while the user logs out: sessions back": {
    name: "logout during a write",
    expected: 0,
    wrong: "resurrected",
  },
  "a request reads while the user logs out: sessions back": {
    name: "logout during a read",
    expected: 0,
    wrong: "resurrected",
  },
  "a request reads while the user logs out, resave: true: sessions back": {
    name: "logout during a read, resave: true",
    expected: 0,
    wrong: "resurrected",
  },
  "a request writes while the id is regenerated: old ids that live": {
    name: "regenerate during a write",
    expected: 0,
    wrong: "resurrected",
  },
  "two requests write a field each: fields left": { name: "two writers", expected: 2, wrong: "lost" },
  "fifty requests write a field each: fields left": { name: "fifty writers", expected: 50, wrong: "lost" },
  "fifty requests add one to req.session.n: counted": {
    name: "fifty increments of req.session.n",
    expected: 50,
    wrong: "lost",
  },
  "fifty requests add one by update(), where there is one: counted": {
    name: "fifty increments by update(), where there is one",
    expected: 50,
    wrong: "lost",
  },
};

const MemoryStore = createMemoryStore(session);

/** Stores in memory cannot be shared by processes: all nodes are given the same one, as if they were one process. */
const STORES = {
  MemoryStore: () => alone(new session.MemoryStore()),
  memorystore: () => alone(new MemoryStore({ checkPeriod: 86_400_000 })),
  "connect-redis": () => openConnectRedis,
  sessionmesh: () => openSessionmesh,
};

/** @param {session.Store} store */
function alone(store) {
  return async () => ({ store, close: async () => {} });
}

/**
 * @param {{ redisUrl: string, rounds: number }} options
 * @returns {Promise<{ name: string, expected: number, wrong: string, left: Record<string, number[]> }[]>} by scenario, what each
 *   round left
 */
export async function run({ redisUrl, rounds }) {
  const stories = [];
  for (const [key, { name, expected, wrong }] of Object.entries(EXPECTED)) {
    const scenario = /** @type {import("../concurrency.mjs").Scenario} */ (SCENARIOS[key]);
    /** @type {Record<string, number[]>} */
    const left = Object.fromEntries(Object.keys(STORES).map((store) => [store, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [store, open] of Object.entries(STORES))
        left[store]?.push(await playOn(redisUrl, open(), scenario));
    }
    stories.push({ name, expected, wrong, left });
  }
  return stories;
}
