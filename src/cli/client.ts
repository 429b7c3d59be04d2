import { MissingPackageError } from "../errors.js";
import { portOf, type RedisClient } from "../redis/detect.js";
import type { RedisPort } from "../redis/port.js";
import { CLIENTS, type ClientPackage } from "./resolve.js";
import { parseUnixUrl, type UnixAddress } from "./unix-url.js";

/** A connection to Redis. */
export interface Connection {
  readonly port: RedisPort;
  close(): void;
}

/** Why the command cannot do what it was asked for. */
export class CommandError extends Error {}

const CONNECT_TIMEOUT_MS = 10_000;

/** Connects with the client package that is installed, or with the one that was asked for. One attempt: a connection that is lost ends the run. */
export async function connect(url: string, asked: ClientPackage | undefined): Promise<Connection> {
  const open = { redis: openNodeRedis, ioredis: openIoredis };
  for (const name of asked === undefined ? CLIENTS : [asked]) {
    const connection = await open[name](url).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ERR_MODULE_NOT_FOUND" && error.message.includes(`'${name}'`)) return undefined;
      throw new CommandError(`Redis cannot be reached: ${error.message || error.code}.`, { cause: error });
    });
    if (connection !== undefined) return connection;
  }
  if (asked !== undefined) throw new CommandError(new MissingPackageError(asked).message);
  throw new CommandError("No Redis client is installed. Run: npm install redis (or: npm install ioredis)");
}

async function openNodeRedis(url: string): Promise<Connection> {
  const { createClient } = await import("redis");
  const { path, ...login }: Partial<UnixAddress> = parseUnixUrl(url) ?? {};
  const timing = { connectTimeout: CONNECT_TIMEOUT_MS, reconnectStrategy: false } as const;
  const client = createClient(
    path === undefined ? { url, socket: timing } : { ...login, socket: { path, ...timing } },
  );
  client.on("error", () => {}); // each command that was under way says so itself
  await client.connect();
  return { port: portOf(client as unknown as RedisClient), close: () => client.isOpen && client.destroy() };
}

async function openIoredis(url: string): Promise<Connection> {
  const { Redis } = await import("ioredis");
  const options = { lazyConnect: true, connectTimeout: CONNECT_TIMEOUT_MS, retryStrategy: () => null };
  const unix = parseUnixUrl(url);
  const client =
    unix === undefined ? new Redis(url, options) : new Redis({ ...options, ...unix, db: unix.database });
  let cause: Error | undefined;
  client.on("error", (error: Error) => {
    cause = error;
  });
  await client.connect().catch((error: Error) => {
    throw cause ?? error;
  });
  await client.ping().catch(() => {}); // it is ready before the reply to its SELECT is there, and would go on in database 0
  if (cause !== undefined) {
    client.disconnect();
    throw cause;
  }
  return { port: portOf(client as unknown as RedisClient), close: () => client.disconnect() };
}
