import { Redis as IoRedis6 } from "ioredis";
import { Redis as IoRedis5 } from "ioredis5";
import { createClient as createNodeRedis6 } from "redis";
import { createClient as createNodeRedis5 } from "redis5";
import type { RedisClient } from "../../src/index.js";
import { readText } from "../repo/source.js";

/** How a server is reached, and as whom. */
export interface Access {
  /** A port of the loopback interface, or a socket in the file system. */
  readonly at: { readonly port: number } | { readonly path: string };
  /** The certificate of the CA that the server's was signed by: with TLS. */
  readonly ca?: string;
  readonly username?: string;
  readonly password?: string;
  readonly database?: number;
}

/** A client package, and how a client of it is made that is ready. */
export interface AccessKind {
  readonly name: string;
  open(access: Access): Promise<{ client: RedisClient; close: () => void }>;
}

/** All that are supported, for `describe.each(ACCESS_KINDS)("with $name", …)`. */
export const ACCESS_KINDS: readonly AccessKind[] = [
  { name: "node-redis 6", open: (access) => openNodeRedis(createNodeRedis6(nodeRedisOptions(access))) },
  { name: "node-redis 5", open: (access) => openNodeRedis(createNodeRedis5(nodeRedisOptions(access))) },
  { name: "ioredis 6", open: (access) => openIoRedis(new IoRedis6(ioRedisOptions(access))) },
  { name: "ioredis 5", open: (access) => openIoRedis(new IoRedis5(ioRedisOptions(access))) },
];

/** The user that a guide recommends: the rules, one by one. */
export function documentedRules(guide = "docs/guide/redis.md"): string[] {
  const [, rules] = /^ACL SETUSER sessions (.*)$/m.exec(readText(guide)) ?? [];
  if (rules === undefined) throw new Error("The guide has no ACL line.");
  return rules.split(" ");
}

/** As whom it logs in. */
export const DOCUMENTED_USER = { username: "sessions", password: "a-long-password" };

const HOST = "localhost"; // what a certificate can be made out to

function nodeRedisOptions({ at, ca, ...login }: Access) {
  const reconnectStrategy = false as const; // who cannot connect shall say so
  if ("path" in at) return { ...login, socket: { path: at.path, reconnectStrategy } };
  if (ca === undefined) return { ...login, socket: { host: HOST, port: at.port, reconnectStrategy } };
  const url = `rediss://${HOST}:${at.port}`;
  return { ...login, url, socket: { tls: true as const, ca, reconnectStrategy } };
}

function ioRedisOptions({ at, ca, database = 0, ...login }: Access) {
  const server = "path" in at ? at : { host: HOST, port: at.port };
  const tls = ca === undefined ? {} : { tls: { ca } };
  return { ...server, ...login, ...tls, db: database, lazyConnect: true, retryStrategy: () => null };
}

type NodeRedis = ReturnType<typeof createNodeRedis6> | ReturnType<typeof createNodeRedis5>;

async function openNodeRedis(client: NodeRedis) {
  client.on("error", () => {});
  await client.connect();
  return { client: client as RedisClient, close: () => client.destroy() };
}

async function openIoRedis(client: IoRedis6 | IoRedis5) {
  client.on("error", () => {});
  await client.connect();
  return { client: client as RedisClient, close: () => client.disconnect() };
}
