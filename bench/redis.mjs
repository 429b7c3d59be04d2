import { Redis } from "ioredis";
import { createClient } from "redis";

/** What the benchmark writes stands under this prefix, and nothing else is touched: the server may be somebody's. */
export const PREFIX = "sessionmesh-bench:";

/** Bounds so wide that a machine under load does not run into them. They cost nothing while they hold. */
export const WIDE_BOUNDS = { commandTimeoutMs: 30_000, cluster: { maxStalenessMs: 60_000 } };

/** @param {string} url */
export async function connectNodeRedis(url) {
  const client = createClient({ url });
  client.on("error", () => {}); // an operation that fails says so
  await client.connect();
  return client;
}

/** @param {string} url */
export async function connectIoredis(url) {
  const client = new Redis(url, { lazyConnect: true });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/**
 * What INFO tells, by name.
 *
 * @param {Awaited<ReturnType<typeof connectNodeRedis>>} client
 * @param {string} section
 * @returns {Promise<Map<string, string>>}
 */
export async function info(client, section) {
  const lines = (await client.info(section)).split("\r\n").filter((line) => line.includes(":"));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
}
