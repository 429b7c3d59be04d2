// Strict TypeScript that has installed express-session with its types, and a client.
import session from "express-session";
import { createClient } from "redis";
import { ClusteredRedisStore, type Codec } from "sessionmesh";
import { betterAuthStorage } from "sessionmesh/better-auth";
import { ExpressSessionStore } from "sessionmesh/express";
import { type ContractCase, TcpProxy } from "sessionmesh/testing";
import { unstorageDriver } from "sessionmesh/unstorage";

const client = createClient();
const codec: Codec<{ userId: number }> = { encode: JSON.stringify, decode: (text) => JSON.parse(text) };
export const store = new ClusteredRedisStore({ client, codec, localCache: { ttlMs: 5_000 } });
export const middleware = session({ store: new ExpressSessionStore({ client }), secret: "s" });
export const check: ContractCase = { name: "a proxy can be imported", run: async () => void TcpProxy };
export const secondaryStorage = betterAuthStorage({ client });
export const driver = unstorageDriver({ client, tombstones: true });
