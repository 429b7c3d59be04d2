/**
 * Stores as applications write them for middlewares that have none for Redis: JSON under a key, one command for each call.
 *
 * @typedef {Awaited<ReturnType<typeof import("./redis.mjs").connectNodeRedis>>} Client
 */

const TTL_S = 86_400;

/** Reads and writes JSON in Redis. */
class PlainJson {
  #client;
  #prefix;

  /**
   * @param {Client} client
   * @param {string} prefix
   */
  constructor(client, prefix) {
    this.#client = client;
    this.#prefix = prefix;
  }

  /** @param {string} id */
  async get(id) {
    const text = await this.#client.get(this.#prefix + id);
    return text === null ? null : JSON.parse(text);
  }

  /**
   * @param {string} id
   * @param {unknown} data
   */
  async set(id, data) {
    const expiration = /** @type {const} */ ({ type: "EX", value: TTL_S });
    await this.#client.set(this.#prefix + id, JSON.stringify(data), { expiration });
  }

  /** @param {string} id */
  async delete(id) {
    await this.#client.del(this.#prefix + id);
  }
}

/**
 * For koa-session, as koa-redis has it.
 *
 * @param {Client} client
 * @param {string} prefix
 */
export function plainKoaStore(client, prefix) {
  const json = new PlainJson(client, prefix);
  return {
    get: (/** @type {string} */ id) => json.get(id),
    set: (/** @type {string} */ id, /** @type {unknown} */ data) => json.set(id, data),
    destroy: (/** @type {string} */ id) => json.delete(id),
  };
}

/**
 * For hono-sessions.
 *
 * @param {Client} client
 * @param {string} prefix
 */
export function plainHonoSessionsStore(client, prefix) {
  const json = new PlainJson(client, prefix);
  return {
    getSessionById: (/** @type {string | undefined} */ id) => (id === undefined ? undefined : json.get(id)),
    createSession: (/** @type {string} */ id, /** @type {unknown} */ data) => json.set(id, data),
    persistSessionData: (/** @type {string} */ id, /** @type {unknown} */ data) => json.set(id, data),
    deleteSession: (/** @type {string} */ id) => json.delete(id),
  };
}

/**
 * For @hono/session.
 *
 * @param {Client} client
 * @param {string} prefix
 */
export function plainHonoStorage(client, prefix) {
  return new PlainJson(client, prefix);
}

/**
 * For unstorage.
 *
 * @param {Client} client
 * @param {string} prefix
 */
export function plainDriver(client, prefix) {
  const text = plainTexts(client, prefix);
  return {
    name: "plain",
    hasItem: async (/** @type {string} */ key) => (await text.get(key)) !== null,
    getItem: text.get,
    setItem: text.set,
    removeItem: text.delete,
    getKeys: async () => [],
  };
}

/**
 * For better-auth: a text under a key.
 *
 * @param {Client} client
 * @param {string} prefix
 */
export function plainTexts(client, prefix) {
  return {
    get: (/** @type {string} */ key) => client.get(prefix + key),
    set: async (/** @type {string} */ key, /** @type {string} */ value) => {
      await client.set(prefix + key, value, { expiration: { type: "EX", value: TTL_S } });
    },
    delete: async (/** @type {string} */ key) => {
      await client.del(prefix + key);
    },
    getAndDelete: (/** @type {string} */ key) => client.getDel(prefix + key),
    increment: async (/** @type {string} */ key, /** @type {number} */ ttl) => {
      const count = await client.incr(prefix + key);
      if (count === 1) await client.expire(prefix + key, ttl);
      return count;
    },
  };
}
